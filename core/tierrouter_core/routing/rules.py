"""Rules: CEL expressions over the variables, type-checked when they are compiled.

CEL is Google's own runtime (cel-expr-python). Chosen over common-expression-language and cel-python because it checks
types and names when a rule is compiled (``task.file_cuont`` is refused with its column, not false for ever), imports in
30 ms without a terminal toolkit, and evaluates the five rules of ``examples/coding.yaml`` in some 15 microseconds,
context included. Variables are flat qualified names (``task.file_count``), so nothing is built that a rule doesn't use.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from cel_expr_python import cel

from tierrouter_core.document.model import Rule
from tierrouter_core.errors import RuleError
from tierrouter_core.routing.variables import THRESHOLD_PREFIX, VARIABLES, Value

MAX_RULE_BYTES = 1024

_REMEMBERED = 512
"""Evaluations that are kept. What rules look at is mostly the same from one turn to the next."""
_LONGEST_REMEMBERED = 256
"""Characters of a string in them: the requested model is whatever a client writes."""

_TYPES = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "string": cel.Type.STRING}
_NAME = re.compile(r"\b(?:task|turn|session|thresholds)\.[a-z][a-z0-9_]*")


def _environment(threshold_names: Collection[str]) -> cel.Env:
    types = {name: _TYPES[variable.type_name] for name, variable in VARIABLES.items()}
    types |= {THRESHOLD_PREFIX + name: cel.Type.INT for name in threshold_names}
    return cel.NewEnv(variables=types)


def _compile(environment: cel.Env, when: str) -> cel.Expression:
    if len(when.encode()) > MAX_RULE_BYTES:
        raise RuleError(f"the expression has {len(when.encode())} bytes; at most {MAX_RULE_BYTES} are allowed")
    try:
        expression = environment.compile(when)
    except RuntimeError as error:
        raise RuleError(_explain(str(error))) from None
    if expression.return_type() != cel.Type.BOOL:
        raise RuleError(
            f"the expression gives {expression.return_type().name()}; a rule must give bool (true or false)"
        )
    return expression


def _explain(message: str) -> str:
    """CEL's own diagnosis in one line: ``column 5: undeclared reference to 'task.nope'``."""
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", message)
    if found is None:
        return message.splitlines()[0] if message else "the expression is not valid CEL"
    line, column, text = found.groups()
    text = text.replace(" (in container '')", "").removesuffix(" [INVALID_ARGUMENT]")
    text = re.sub(r" expecting \{.*\}?", "", text).replace("mismatched input '<EOF>'", "the expression ends too early")
    where = f"column {column}" if line == "1" else f"line {line}, column {column}"
    return f"{where}: {text}"


def check_rule(when: str, threshold_names: Collection[str]) -> str | None:
    """What is wrong with a rule's expression, in one line, or None."""
    try:
        _compile(_environment(threshold_names), when)
    except RuleError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One rule as it was seen in one turn."""

    rule: Rule
    matched: bool
    error: str = ""
    """Why the rule could not be evaluated; it then counts as false."""
    saw: tuple[tuple[str, Value], ...] = ()
    """The variables and thresholds that the expression names, with the values they had."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    expression: cel.Expression
    names: tuple[str, ...]


class RuleSet:
    """A document's rules, compiled once."""

    def __init__(self, rules: Sequence[Rule], thresholds: Mapping[str, int]) -> None:
        """Compile ``rules``.

        Raises:
            RuleError: a rule does not compile; the message names it.
        """
        self._environment = _environment(thresholds)
        self._thresholds: dict[str, Value] = {THRESHOLD_PREFIX + name: value for name, value in thresholds.items()}
        compiled = []
        for rule in rules:
            try:
                expression = _compile(self._environment, rule.when)
            except RuleError as error:
                raise RuleError(f"rule {rule.name}: {error}") from None
            names = tuple(dict.fromkeys(_NAME.findall(rule.when)))
            compiled.append(_Compiled(rule, expression, names))
        self._rules = tuple(compiled)
        self._used = tuple(dict.fromkeys(name for entry in compiled for name in entry.names if name in VARIABLES))
        # The same values always give the same evaluations, and looking them up takes a tenth of the time.
        self._remembered: dict[tuple[Value, ...], tuple[bool | str, ...]] = {}

    def _evaluate(self, used: tuple[Value, ...]) -> tuple[bool | str, ...]:
        """What each rule says, or why it can't: no variables need to be bound but those that some rule names."""
        values = {**dict(zip(self._used, used, strict=True)), **self._thresholds}
        activation = self._environment.Activation(values)
        results = [entry.expression.eval(activation=activation).value() for entry in self._rules]
        return tuple(
            [
                result if isinstance(result, bool) else str(result).removeprefix("INVALID_ARGUMENT: ")
                for result in results
            ]
        )

    def uses(self, name: str) -> bool:
        """Whether any rule names the variable."""
        return name in self._used

    def all(self, values: Mapping[str, Value]) -> tuple[Evaluation, ...]:
        """Every rule with what it saw."""
        said = self._said(values)
        return tuple(self._evaluation(entry, each, values) for entry, each in zip(self._rules, said, strict=True))

    def first_match(
        self, values: Mapping[str, Value], among: Callable[[Rule], bool] | None = None
    ) -> tuple[Evaluation | None, tuple[Evaluation, ...]]:
        """The first rule (of those that ``among`` accepts) that is true, or None, and those before it that failed."""
        failed: list[Evaluation] = []
        for entry, said in zip(self._rules, self._said(values), strict=True):
            if said is False or (among is not None and not among(entry.rule)):
                continue
            evaluation = self._evaluation(entry, said, values)
            if evaluation.matched:
                return evaluation, tuple(failed)
            failed.append(evaluation)
        return None, tuple(failed)

    def _said(self, values: Mapping[str, Value]) -> tuple[bool | str, ...]:
        used = tuple([values[name] for name in self._used])
        if any(isinstance(value, str) and len(value) > _LONGEST_REMEMBERED for value in used):
            return self._evaluate(used)
        said = self._remembered.get(used)
        if said is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            said = self._remembered[used] = self._evaluate(used)
        return said

    def _evaluation(self, entry: _Compiled, said: bool | str, values: Mapping[str, Value]) -> Evaluation:
        known = {**values, **self._thresholds}
        saw = tuple((name, known[name]) for name in entry.names if name in known)
        return Evaluation(entry.rule, said is True, said if isinstance(said, str) else "", saw)

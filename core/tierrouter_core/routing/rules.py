"""Rules: what sends a turn where, and what each of them saw."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from cel_expr_python import cel

from tierrouter_core.document.model import Rule
from tierrouter_core.errors import RuleError
from tierrouter_core.routing.expressions import compiled, environment, names_in, why_it_failed
from tierrouter_core.routing.variables import THRESHOLD_PREFIX, VARIABLES, Value, Variable

_REMEMBERED = 512
"""Evaluations that are kept. What rules look at is mostly the same from one turn to the next."""
_LONGEST_REMEMBERED = 256
"""Characters of a string in them: the requested model is whatever a client writes."""


def check_rule(when: str, threshold_names: Collection[str]) -> str | None:
    """What is wrong with a rule's expression, in one line, or None."""
    try:
        compiled(environment(VARIABLES, threshold_names), when)
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

    def __init__(
        self, rules: Sequence[Rule], thresholds: Mapping[str, int], variables: Mapping[str, Variable] = VARIABLES
    ) -> None:
        """Compile ``rules``.

        Args:
            variables: those that they may name beside the thresholds.

        Raises:
            RuleError: a rule does not compile; the message names it.
        """
        self._environment = environment(variables, thresholds)
        self._thresholds: dict[str, Value] = {THRESHOLD_PREFIX + name: value for name, value in thresholds.items()}
        entries = []
        for rule in rules:
            try:
                expression = compiled(self._environment, rule.when)
            except RuleError as error:
                raise RuleError(f"rule {rule.name}: {error}") from None
            entries.append(_Compiled(rule, expression, names_in(rule.when)))
        self._rules = tuple(entries)
        self._used = tuple(dict.fromkeys(name for entry in entries for name in entry.names if name in variables))
        self.used = frozenset(self._used)
        """The variables that some rule names."""
        # The same values always give the same evaluations, and looking them up takes a tenth of the time.
        self._remembered: dict[tuple[Value, ...], tuple[bool | str, ...]] = {}

    def _evaluate(self, used: tuple[Value, ...]) -> tuple[bool | str, ...]:
        """What each rule says, or why it can't: no variables need to be bound but those that some rule names."""
        values = {**dict(zip(self._used, used, strict=True)), **self._thresholds}
        activation = self._environment.Activation(values)
        results = [entry.expression.eval(activation=activation).value() for entry in self._rules]
        return tuple([result if isinstance(result, bool) else why_it_failed(result) for result in results])

    def uses(self, name: str) -> bool:
        """Whether any rule names the variable."""
        return name in self.used

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

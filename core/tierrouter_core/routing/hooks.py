"""Three questions that users may answer by an expression of their own: ``spec.hooks`` (docs/routing.md, Hooks).

Is a provider throttled, by what it said of a failure; is a task complex planning, by what its conversation tells; is an
answer to be flagged, by what it says. Compiled once; one that can't be evaluated counts as false.
"""

from collections.abc import Collection, Mapping
from typing import Final

from tierrouter_core.document.model import Document, Rule
from tierrouter_core.errors import RuleError
from tierrouter_core.routing.expressions import compiled, environment, names_in, why_it_failed
from tierrouter_core.routing.rules import Evaluation, RuleSet
from tierrouter_core.routing.variables import FEATURES, RESPONSE_VARIABLES, THRESHOLD_PREFIX, Value, Variable
from tierrouter_core.value_class import keyword_value_class, value_class

IS_THROTTLED: Final = "hooks.isThrottled"
IS_COMPLEX_PLANNING: Final = "hooks.isComplexPlanning"
OUTPUT_FLAGGED: Final = "hooks.outputFlagged"
"""As metrics, logs and ``explain`` name them."""

SEEN_BY: Final[Mapping[str, Mapping[str, Variable]]] = {
    IS_THROTTLED: {**FEATURES, **RESPONSE_VARIABLES},
    IS_COMPLEX_PLANNING: FEATURES,
    OUTPUT_FLAGGED: {**FEATURES, **RESPONSE_VARIABLES},
}
"""By hook: the variables that its expression may name beside the thresholds."""
_SAID = frozenset({"response.text", "response.finish", "response.tools"})
"""What is known only by reading the answer itself."""


def check_hook(name: str, when: str, threshold_names: Collection[str]) -> str | None:
    """What is wrong with a hook's expression, in one line, or None."""
    try:
        compiled(environment(SEEN_BY[name], threshold_names), when)
    except RuleError as error:
        return str(error)
    return None


@keyword_value_class
class Response:
    """What a provider answered, as hooks see it."""

    tier: str
    model: str
    provider: str
    status: int = 200
    failure: str = ""
    error: str = ""
    text: str = ""
    finish: str = ""
    tools: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def variables(self) -> dict[str, Value | list[str]]:
        """By the names that expressions know them by."""
        return {
            "response.status": self.status,
            "response.failure": self.failure,
            "response.error": self.error,
            "response.text": self.text,
            "response.finish": self.finish,
            "response.tools": list(self.tools),
            "response.input_tokens": self.input_tokens,
            "response.output_tokens": self.output_tokens,
            "response.reasoning_tokens": self.reasoning_tokens,
            "response.tier": self.tier,
            "response.model": self.model,
            "response.provider": self.provider,
        }


@value_class
class Said:
    """What a hook said of a response."""

    yes: bool
    error: str = ""
    """Why it could not be evaluated; it then says no."""


class ResponseHook:
    """A question about responses."""

    def __init__(self, name: str, when: str, thresholds: Mapping[str, int]) -> None:
        """Compile it; raises RuleError, whose message names it."""
        self.name = name
        self.when = when
        variables = SEEN_BY[name]
        self._environment = environment(variables, thresholds)
        try:
            self._expression = compiled(self._environment, when)
        except RuleError as error:
            raise RuleError(f"{name}: {error}") from None
        self._thresholds = {THRESHOLD_PREFIX + name: value for name, value in thresholds.items()}
        self.names = frozenset(names_in(when))

    @property
    def reads_the_answer(self) -> bool:
        """Whether it asks for what only the answer itself tells."""
        return not self.names.isdisjoint(_SAID)

    def ask(self, turn: Mapping[str, Value], response: Response) -> Said:
        """What it says of ``response`` to a turn with these variables."""
        known = {**turn, **response.variables(), **self._thresholds}
        values = {name: known[name] for name in self.names if name in known}
        result = self._expression.eval(activation=self._environment.Activation(values)).value()
        return Said(result) if isinstance(result, bool) else Said(False, why_it_failed(result))


class Hooks:
    """A document's hooks, compiled once; None where one is not declared."""

    def __init__(self, document: Document) -> None:
        """Compile them; raises RuleError for one that doesn't."""
        declared, thresholds = document.hooks, document.thresholds
        throttled = "" if declared is None else declared.is_throttled
        planning = "" if declared is None else declared.is_complex_planning
        flagged = "" if declared is None else declared.output_flagged
        self.throttled = ResponseHook(IS_THROTTLED, throttled, thresholds) if throttled else None
        self.flagged = ResponseHook(OUTPUT_FLAGGED, flagged, thresholds) if flagged else None
        self._planning: RuleSet | None = None
        if planning:
            asks = Rule(name=IS_COMPLEX_PLANNING, when=planning, tier="")
            self._planning = RuleSet((asks,), thresholds, SEEN_BY[IS_COMPLEX_PLANNING])
        of_responses = [frozenset(hook.names) for hook in (self.throttled, self.flagged) if hook is not None]
        of_turns = frozenset[str]() if self._planning is None else self._planning.used
        self.used = of_turns.union(*of_responses)
        """The variables that some hook names."""

    def complex_planning(self, variables: Mapping[str, Value]) -> Evaluation | None:
        """What ``isComplexPlanning`` says of a turn; None where it is not declared."""
        return None if self._planning is None else self._planning.all(variables)[0]

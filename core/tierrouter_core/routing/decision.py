"""What is decided on a turn: a tier and why it was chosen, then the targets that are tried for it."""

from tierrouter_core.caps.cap import Cap
from tierrouter_core.names import Reason
from tierrouter_core.routing.rules import Evaluation
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.targets import Target
from tierrouter_core.value_class import value_class


@value_class
class Choice:
    """A tier chosen before its dialect is looked at."""

    tier: str
    reason: Reason
    detail: str
    becomes_home: bool = False
    price_usd: float = 0.0
    """Of an optional switch to it."""
    essential: bool = False
    """By a rule that no share may hold back."""
    cap: Cap | None = None


@value_class
class Decision:
    """Where a turn goes first, where it may go next, and why."""

    targets: tuple[Target, ...]
    """In the order to try; empty when nothing can serve the turn."""
    reason: Reason
    detail: str
    """The reason in words, with the numbers that it rests on."""
    state: SessionState
    """The session's state if the first target serves."""
    hint: str = ""
    """The hint that was given, by header or alias, made printable."""
    hint_outcome: str = ""
    """``used``, ``unknown``, ``not_allowed`` or empty: a metric's label."""
    rule_errors: tuple[Evaluation, ...] = ()
    observed: "Decision | None" = None
    """In Observe mode: what would have been decided."""
    cap: Cap | None = None
    """What refuses the turn, or has moved it to another tier."""

    @property
    def explanation(self) -> str:
        """``Rule: complex-planning is true: ...``, as the header and the ledger say it."""
        return f"{self.reason}: {self.detail}"


def by_rule(matched: Evaluation, reason: Reason) -> Choice:
    """The tier of a rule that is true, with what it saw."""
    rule = matched.rule
    saw = ", ".join(f"{name}={value}" for name, value in matched.saw)
    return Choice(rule.tier, reason, f"{rule.name} is true" + (f" ({saw})" if saw else ""), essential=rule.essential)

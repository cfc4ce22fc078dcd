"""One turn as its client saw it."""

from dataclasses import dataclass
from enum import StrEnum

from chaos.plan import TurnPlan


class End(StrEnum):
    """How a turn ended at its client."""

    COMPLETE = "answered"
    """With the dialect's terminator, or a whole JSON body."""
    UNMARKED = "answered, last marker missing"
    """All of it is there, finish reason included, but for the ``[DONE]`` or ``message_stop`` that the provider did not
    send: docs/errors.md says that this is no error. Responses knows no such thing."""
    FAILED = "error"
    """By HTTP status, or inside the stream and then without a terminator."""
    LEFT = "left by the client"
    OPEN = "forged success"
    """HTTP said that the answer is whole, and neither a terminator nor an error was in it."""
    BROKEN = "connection broken"
    REFUSED = "connection refused"
    HUNG = "no end"


WHOLE = frozenset({End.COMPLETE, End.UNMARKED})


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of a turn. Times are the monotonic clock's."""

    plan: TurnPlan
    began_s: float
    ended_s: float = 0.0
    end: End = End.HUNG
    status: int = 0
    """0: no answer began."""
    turn_id: str = ""
    tier: str = ""
    reason: str = ""
    text: str = ""
    error: str = ""
    problem: str = ""
    """What broke the dialect's grammar; nothing may."""

    @property
    def form(self) -> str:
        """The dialect, and whether it was streamed."""
        return f"{self.plan.dialect}, {'streamed' if self.plan.stream else 'whole'}, {self.plan.client}"

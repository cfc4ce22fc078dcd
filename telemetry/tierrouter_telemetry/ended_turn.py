"""A turn as it is told of."""

from dataclasses import dataclass

from tierrouter_core.spend.row import TurnRow
from tierrouter_core.wire.trace_context import Trace


@dataclass(frozen=True, slots=True)
class EndedTurn:
    """A turn that is over."""

    row: TurnRow
    model: str
    """As metrics call it: one that the configuration names, or ``other``."""
    began_s: float
    """Wall clock."""
    trace: Trace | None = None
    """The client's, where it has one."""

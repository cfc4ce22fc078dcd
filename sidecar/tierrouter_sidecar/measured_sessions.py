"""What each session has taken of a tier that a suite measures: a harness names its task as the session.

Sums alone, of the sessions that were used last; no text.
"""

from dataclasses import dataclass
from decimal import Decimal

from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_facts import cost_is_unknown
from tierrouter_sidecar.sessions import RecentMap


@dataclass(slots=True)
class _Taken:
    """Of one session."""

    calls: int = 0
    cost_usd: Decimal | None = Decimal(0)
    """None once a turn's cost is not known."""
    output_tokens: int = 0
    duration_ms: int = 0


class MeasuredSessions:
    """By the session's id, as ``x-tierrouter-session`` or the agent said it."""

    def __init__(self) -> None:
        self._sessions: RecentMap[str, _Taken] = RecentMap()

    def add(self, row: TurnRow) -> None:
        """A turn is over."""
        taken = self._sessions.get(row.session)
        if taken is None:
            taken = _Taken()
            self._sessions.put(row.session, taken)
        taken.calls += 1
        taken.output_tokens += row.output_tokens
        taken.duration_ms += row.duration_ms
        if cost_is_unknown(row):
            taken.cost_usd = None
        elif taken.cost_usd is not None:
            taken.cost_usd += row.cost_usd or 0

    def state(self) -> dict[str, object]:
        """For ``/sessions``: by id, the calls, their cost (null where unknown), output and time one after another."""
        return {
            session: {
                "calls": taken.calls,
                "costUsd": None if taken.cost_usd is None else float(taken.cost_usd),
                "outputTokens": taken.output_tokens,
                "durationS": taken.duration_ms / 1000,
            }
            for session, taken in self._sessions.items()
        }

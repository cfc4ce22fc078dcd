"""What one turn's calls hold of the budgets: what each is expected to cost while it is made, and has cost after it."""

import time
from typing import TYPE_CHECKING

from tierrouter_core.caps.cap import Cap
from tierrouter_core.names import TurnKind
from tierrouter_core.routing.capped import held_back
from tierrouter_core.routing.targets import Target
from tierrouter_core.turn import ReadTurn
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.spending import Reservation, Spending

if TYPE_CHECKING:
    from tierrouter_sidecar.call import Call


class Paying:
    """The reservations of one turn; they are let go of when it is settled."""

    def __init__(self, spending: Spending, read: ReadTurn, record: TurnRecord) -> None:
        self._spending = spending
        self._read = read
        self._record = record
        self.held: list[Reservation] = []
        self._next: Reservation | None = None
        self._by_call: dict[Call, Reservation] = {}

    def expect(self, target: Target) -> None:
        """Hold what a call to ``target`` will cost, before there is one."""
        record = self._record
        self._next = self._spending.reserve(target, self._read.turn, record.decision.state, record.request)
        if self._next is not None:
            self.held.append(self._next)

    def begin(self, call: "Call") -> None:
        """What is held for the next call is for this one; where another tier was expected, it is held anew."""
        if self._next is not None and self._next.tier != call.target.tier_name:
            self.held.remove(self._next)
            self._spending.let_go(self._next)
            self._next = None
        if self._next is None:
            self.expect(call.target)
        if self._next is not None:
            self._by_call[call], self._next = self._next, None

    def end(self, call: "Call") -> None:
        """A call is over, and was written down last."""
        paid = self._by_call.pop(call, None)
        if paid is not None:
            paid.is_over(float(self._record.attempts[-1].cost_usd or 0))

    def held_back(self, target: Target) -> Cap | None:
        """The budget that keeps ``target`` from taking over: as it is now, when other turns may have gone there too."""
        turn, document = self._read.turn, self._record.in_force.document
        if not self._spending.watched or target.tier_name == self._record.decision.targets[0].tier_name:
            return None
        caps = self._spending.caps(document, turn.session, time.time())
        return held_back(caps, target.tier_name, begins=turn.kind is TurnKind.USER)

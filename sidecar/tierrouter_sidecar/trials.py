"""Which side of a trial each session is on: for as long as the trial lasts it stays there.

Only a session that is first seen while the canary is there may try it. So every session is remembered, also while
there is no canary, and those that are in a trial outlive a restart.
"""

from collections.abc import Iterable, Iterator

from tierrouter_core.value_class import value_class
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.sessions import RecentMap


@value_class
class Seat:
    """A session's side."""

    trial: str
    """The trial's id; empty for a session that was there before, or without one."""
    in_canary: bool


OUTSIDE = Seat("", False)


class Seats:
    """The side of every session that was seen, the longest unused forgotten first."""

    def __init__(self) -> None:
        self._seats: RecentMap[str, Seat] = RecentMap()
        self.changes = 0
        """How often a session has taken a seat in a trial."""

    def seated(self, in_force: InForce, session: str, *, begins: bool) -> tuple[InForce, Seat]:
        """What decides the turns of ``session``, and its seat; ``begins``: whether it is seen by this."""
        trial = in_force.trial
        seat = self._seats.get(session)
        if seat is None:
            if trial is None:
                seat = OUTSIDE
            else:
                seat = Seat(trial.id, trial.split.takes(session))
                self.changes += begins
            if begins:
                self._seats.put(session, seat)
        if seat.in_canary and trial is not None and seat.trial == trial.id:
            return trial.canary, seat
        return in_force, seat

    def take_again(self, sessions: Iterable[str], seats: Iterable[tuple[str, str, bool]]) -> None:
        """What an earlier process knew: all sessions, and ``(session, trial, in the canary)`` of those in one."""
        for session in sessions:
            self._seats.put(session, OUTSIDE)
        for session, trial, in_canary in seats:
            self._seats.put(session, Seat(trial, in_canary))

    def kept(self) -> Iterator[tuple[str, str, bool]]:
        """``(session, trial, in the canary)`` of those in a trial, the longest unused first."""
        for session, seat in self._seats.items():
            if seat.trial:
                yield session, seat.trial, seat.in_canary

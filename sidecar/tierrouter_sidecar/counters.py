"""What came of turns, by the revision that decided them: for ``/status``, by which a rollout is judged.

Two things are counted, since this process began. Of each revision, its turns and what came of them. And of the trial
that is on, the same for its two sides as sums over sessions (:mod:`tierrouter_core.rollout.arms`): of the stable
revision only sessions that began while the canary was there, for those that were there before have longer
conversations.
"""

import secrets
from typing import Any, Final

from tierrouter_core.names import FAILED_OUTCOMES, Reason
from tierrouter_core.rollout.arms import (
    COST_PLACE,
    FIGURES,
    MICROS_PER_UNIT,
    Arm,
    Arms,
    Figure,
    arm_from_numbers,
)
from tierrouter_core.rollout.counters import arms_to_json
from tierrouter_core.signals.failed_results import came_with_a_failed_tool
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_facts import cost_is_unknown
from tierrouter_sidecar.live import InForce, Trial
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.sessions import RecentMap
from tierrouter_sidecar.trials import Seat

MOST_REVISIONS: Final = 20
"""That are counted; the oldest goes."""

_SESSIONS, _TURNS, _TURNS_SQUARED, _UNPRICED, _SUMS = range(5)
_NAMES: Final = tuple(str(figure) for figure in FIGURES if figure is not Figure.COST)


class _Side:
    """One side of a trial while it is counted."""

    def __init__(self) -> None:
        self.numbers = Arm().numbers()
        self._sessions: RecentMap[str, list[int]] = RecentMap()
        """By session: turns, then each figure, cost in micros."""

    def add(self, session: str, figures: list[int], *, is_unpriced: bool) -> None:
        """A turn's figures."""
        numbers, known = self.numbers, self._sessions.get(session)
        if known is None:
            known = [0] * (1 + len(FIGURES))
            self._sessions.put(session, known)
            numbers[_SESSIONS] += 1
        n = known[0]
        known[0] = n + 1
        numbers[_TURNS] += 1
        numbers[_TURNS_SQUARED] += 2 * n + 1
        numbers[_UNPRICED] += is_unpriced
        at = _SUMS - 1
        for place, more in enumerate(figures):
            before = known[place + 1]
            now = known[place + 1] = before + more
            if place == COST_PLACE:
                before, now = before // MICROS_PER_UNIT, now // MICROS_PER_UNIT
            if now:
                at = _SUMS + 3 * place
                numbers[at] += now - before
                numbers[at + 1] += now * now - before * before
                numbers[at + 2] += now * (n + 1) - before * n


class Counters:
    """The counts of one process."""

    def __init__(self) -> None:
        self.instance = secrets.token_hex(8)
        """Tells this process from the one before in the same pod, whose counts are gone."""
        self._revisions: dict[str, dict[str, int]] = {}
        self._last_revision: RecentMap[str, str] = RecentMap()
        """By session: the revision that it was counted for last."""
        self._trial: Trial | None = None
        self._stable, self._canary = _Side(), _Side()
        self._stable_revision = ""

    def adopt(self, in_force: InForce) -> None:
        """A configuration came into force: another trial is counted from nothing."""
        trial, before = in_force.trial, self._trial
        self._trial, self._stable_revision = trial, in_force.revision
        if trial is None or before is None or before.id != trial.id:
            self._stable, self._canary = _Side(), _Side()

    def count(self, record: TurnRecord, row: TurnRow, seat: Seat) -> None:
        """A turn is over."""
        if record.in_force.is_forced:
            return
        trial = self._trial
        tier = record.in_force.document.tiers.get(row.tier)
        micros = 0 if row.cost_usd is None else int(row.cost_usd * 1_000_000)
        first = record.decision.targets[0].key if record.decision.targets else None
        stood_in = row.reason.startswith(Reason.FAILOVER) and record.target is not None and record.target.key != first
        figures = [
            int(record.outcome in FAILED_OUTCOMES),
            int(stood_in),
            int(record.decision.reason is Reason.ESCALATION),
            # Reading results takes time, and nobody compares them while there is no canary.
            int(trial is not None and came_with_a_failed_tool(record.request)),
            int(tier is not None and tier.expensive),
            micros,
        ]
        self._total(row, figures)
        if trial is not None and seat.trial == trial.id:
            side = self._canary if seat.in_canary else self._stable
            side.add(row.session, figures, is_unpriced=cost_is_unknown(row))

    def _total(self, row: TurnRow, figures: list[int]) -> None:
        totals = self._revisions.get(row.revision)
        if totals is None:
            if len(self._revisions) >= MOST_REVISIONS:
                del self._revisions[next(iter(self._revisions))]
            totals = self._revisions[row.revision] = {
                "turns": 0,
                "sessions": 0,
                **dict.fromkeys(_NAMES, 0),
                "costUsdMicros": 0,
            }
        totals["turns"] += 1
        if self._last_revision.get(row.session) != row.revision:
            self._last_revision.put(row.session, row.revision)
            totals["sessions"] += 1
        for name, more in zip(_NAMES, figures, strict=False):
            if more:
                totals[name] += more
        totals["costUsdMicros"] += figures[COST_PLACE]

    def trial(self) -> tuple[str, Arms] | None:
        """The id of the trial that is on, and what was counted of it; None for none."""
        if self._trial is None:
            return None
        return self._trial.id, Arms(arm_from_numbers(self._stable.numbers), arm_from_numbers(self._canary.numbers))

    def state(self) -> dict[str, Any]:
        """For ``/status``."""
        trial, counted = None, self.trial()
        if self._trial is not None and counted is not None:
            trial = {
                "id": self._trial.id,
                "stable": self._stable_revision,
                "canary": self._trial.canary.revision,
                "arms": arms_to_json(counted[1]),
            }
        return {"instance": self.instance, "revisions": self._revisions, "trial": trial}

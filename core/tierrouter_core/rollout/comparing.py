"""Whether one figure of the canary is worse than that of the stable revision, by more than is tolerated.

The figure of a side is its total by its turns. How far that may be off by chance is told by the stable side, whose
sessions show how alike the turns of one session are: of a canary that is as good as the stable revision, sessions vary
as much. So the canary's own failures make it look worse and never less certain, and a few sessions of it are enough.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

from tierrouter_core.rollout.arms import Arm, Arms, Figure
from tierrouter_core.rollout.chances import as_many, as_normal

LEAST_SESSIONS: Final = 5
"""Of a side: with fewer nothing is said of it."""
_LEAST_ALIKE: Final = 0.05
"""Turns of a session are at least as much alike, whatever sessions show."""
_ALIKE_BEFORE: Final = 0.15
"""What is taken for true of that before anything was seen."""
_WORTH_IT: Final = 20
"""So many turns with the figure are worth as much as what was taken for true."""
_LEAST_SPREAD: Final = 0.25
"""Cost by turn differs between sessions by at least that part of its mean."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse is no reason to roll back: the larger of the two."""

    figure: Figure
    points: float = 0.0
    """More in a turn: 0.01 is one turn in a hundred; of cost, units of $0.0001."""
    share: float = 0.0
    """More, as a part of what the stable revision has."""

    def above(self, rate: float) -> float:
        """How much more than ``rate`` is tolerated."""
        return max(self.points, self.share * rate)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of both sides."""

    figure: Figure
    stable: float | None
    """By turn; None where a limit of its own is judged."""
    canary: float
    limit: float
    """What the canary is judged against: the stable side's and what is tolerated, or a fixed limit."""
    sure: float
    """By how many standard deviations the canary is beyond it; below 0 it is not."""


def compared(arms: Arms, tolerance: Tolerance) -> Comparison | None:
    """The canary against the stable revision; None where either has too few sessions."""
    stable, canary = arms.stable, arms.canary
    if min(stable.sessions, canary.sessions) < LEAST_SESSIONS or not stable.turns or not canary.turns:
        return None
    figure = tolerance.figure
    if figure is Figure.COST and (stable.unpriced or canary.unpriced):
        return None
    before, now = _rate(stable, figure), _rate(canary, figure)
    limit = before + tolerance.above(before)
    if figure is Figure.COST:
        variance = _cost_variance(stable, before, max(before, tolerance.points))
        variance *= ((limit / before) ** 2 if before else 1.0) * (_spread(canary) + _spread(stable))
        sure = as_normal((now - limit) / sqrt(variance), min(stable.sessions, canary.sessions) - 1)
        return Comparison(figure, before, now, limit, sure)
    if limit >= 1.0:
        return None
    alike = _alike(stable, figure, before)
    tries = _tries(canary, alike)
    mine = _of_one_turn(limit, tries) / tries
    its = _of_one_turn(before, _tries(stable, alike)) / _tries(stable, alike)
    # The stable side's own figure is not known exactly either.
    sure = as_many(now * tries, tries, limit) * sqrt(mine / (mine + its))
    return Comparison(figure, before, now, limit, sure)


def against(arms: Arms, figure: Figure, limit: float) -> Comparison | None:
    """The canary against a fixed limit; None where it has too few sessions, or nothing can be above the limit."""
    canary = arms.canary
    if canary.sessions < LEAST_SESSIONS or not canary.turns or limit >= 1.0:
        return None
    tries = _tries(canary, _alike(arms.stable, figure, _rate(arms.stable, figure)))
    now = _rate(canary, figure)
    return Comparison(figure, None, now, limit, as_many(now * tries, tries, limit))


def _rate(arm: Arm, figure: Figure) -> float:
    return arm.of(figure).total / arm.turns if arm.turns else 0.0


def _spread(arm: Arm) -> float:
    """What the variance of a session, by the square of its turns, is multiplied by for that of the whole."""
    return arm.turns_squared / arm.turns**2


def _of_one_turn(rate: float, tries: float) -> float:
    """The variance of one turn that fails with this chance; not nothing where nothing has failed yet."""
    least = min(0.5, 1.0 / tries)
    rate = min(max(rate, least), 1.0 - least)
    return rate * (1.0 - rate)


def _left_over(arm: Arm, figure: Figure, rate: float) -> float:
    """The squares of what sessions differ by from ``rate`` times their turns."""
    sums = arm.of(figure)
    squares = sums.squares - 2.0 * rate * sums.products + rate * rate * arm.turns_squared
    return max(squares, 0.0) * arm.sessions / max(arm.sessions - 1, 1)


def _alike(stable: Arm, figure: Figure, rate: float) -> float:
    """How alike the turns of a session are: 1 where all of them fail or none does, 0 where each does for itself.

    By what the stable side shows, the more so the more it has seen; never by the canary, whose failures must not make
    it less certain that it fails.
    """
    seen = stable.of(figure).total
    if not seen or rate >= 1.0 or stable.turns_squared <= stable.turns:
        return _ALIKE_BEFORE
    # The variance of sessions is rate (1 - rate) (turns + alike (turns² - turns)), added up over them.
    by_turn = _left_over(stable, figure, rate) / (rate * (1.0 - rate))
    shown = (by_turn - stable.turns) / (stable.turns_squared - stable.turns)
    believed = (seen * shown + _WORTH_IT * _ALIKE_BEFORE) / (seen + _WORTH_IT)
    return min(1.0, max(_LEAST_ALIKE, believed))


def _tries(arm: Arm, alike: float) -> float:
    """How many turns that have nothing to do with one another tell as much as those of ``arm``."""
    return arm.turns / (1.0 + alike * (arm.turns_squared / arm.turns - 1.0))


def _cost_variance(stable: Arm, rate: float, typical: float) -> float:
    """Of a session's cost by the square of its turns."""
    return max(_left_over(stable, Figure.COST, rate) / stable.turns_squared, (_LEAST_SPREAD * typical) ** 2, 1e-9)

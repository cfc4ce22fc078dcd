"""The cheapest mix that holds a floor on some tasks, the simpler of two that can't be told apart.

A policy is judged by its quality less some standard errors of it. Among many policies the best-looking are lucky ones,
and the less certain a figure is, the more luck may be in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tierrouter_core.tuning.policy import Entry, Mix
from tierrouter_core.tuning.search import Candidates, Floats, Ints, Points

_SAME_COST: Final = 0.01
_SAME_COST_ERRORS: Final = 0.5
"""Two mixes that cost the same up to so many standard errors of a quality, at most one point, can't be told apart."""
_WEIGHT_STEPS: Final = 100
"""Weights are whole percents."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mix of at most two policies, and what it seems to do on the tasks that it was chosen by."""

    mix: Mix
    cost: float
    """Of the baseline's cost."""
    quality: float
    """Of the baseline's quality, uncorrected: it is flattered by having been chosen."""
    error: float
    """The standard error of ``quality``."""

    @property
    def complexity(self) -> int:
        """How many stages there are in all."""
        return sum(len(entry.policy.stages) for entry in self.mix)


def choose(candidates: Candidates, points: Points, floor: float, strictness: float) -> Chosen:
    """The cheapest mix whose quality less ``strictness`` standard errors is at least ``floor``.

    The baseline alone is always one, so there is always an answer.
    """
    best = list(_cheapest_of_each_complexity(candidates, points, floor, strictness))
    cheapest = min(best, key=lambda chosen: chosen.cost)
    # What a mix must cost to hold the floor is no surer than its quality is.
    same = cheapest.cost + min(_SAME_COST, cheapest.error * _SAME_COST_ERRORS)
    return min((chosen for chosen in best if chosen.cost <= same), key=lambda chosen: (chosen.complexity, chosen.cost))


def _cheapest_of_each_complexity(
    candidates: Candidates, points: Points, floor: float, strictness: float
) -> Iterator[Chosen]:
    score = points.quality - strictness * points.error
    # To the rounding of sums in single precision; the baseline is as good as itself.
    score = np.where(points.index == candidates.baseline, 1.0, score)
    kept = _undominated(points, score)
    index, cost, score = points.index[kept], points.cost[kept], score[kept]
    quality, error, stages = points.quality[kept], points.error[kept], points.stages[kept]

    def chosen(shares: list[tuple[float, int]]) -> Chosen:
        return Chosen(
            mix=tuple(Entry(weight, candidates.policy(int(index[at]))) for weight, at in shares),
            cost=float(sum(weight * cost[at] for weight, at in shares)),
            quality=float(sum(weight * quality[at] for weight, at in shares)),
            # At most this: it would be less where the two are not lucky on the same tasks.
            error=float(sum(weight * error[at] for weight, at in shares)),
        )

    good, poor = np.flatnonzero(score >= floor - _ROUNDING), np.flatnonzero(score < floor - _ROUNDING)
    for count in np.unique(stages[good]):
        of_count = good[stages[good] == count]
        yield chosen([(1.0, int(of_count[np.argmin(cost[of_count])]))])
    if not len(poor):
        return
    high, low = (axis.ravel() for axis in np.meshgrid(good, poor, indexing="ij"))
    # As much of the better one as brings the mix up to the floor, in whole percents.
    weight = np.ceil((floor - score[low]) / (score[high] - score[low]) * _WEIGHT_STEPS - _ROUNDING) / _WEIGHT_STEPS
    fits = weight < 1
    mixed = np.where(fits, weight * cost[high] + (1 - weight) * cost[low], np.inf)
    both = stages[high] + stages[low]
    for count in np.unique(both[fits]):
        at = int(np.argmin(np.where(both == count, mixed, np.inf)))
        share = float(weight[at])
        yield chosen([(share, int(high[at])), (round(1 - share, 2), int(low[at]))])


def _undominated(points: Points, score: Floats) -> Ints:
    """Of the policies with one, with two and with three stages: those that nothing cheaper beats, by place."""
    places = []
    for count in (1, 2, 3):
        (here,) = np.nonzero(points.stages == count)
        best_so_far = np.concatenate([[-np.inf], np.maximum.accumulate(score[here])[:-1]])[: len(here)]
        places.append(here[score[here] > best_so_far])
    return np.concatenate(places)

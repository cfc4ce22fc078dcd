"""Correction for the winner's curse: how much worse a chosen policy does on tasks that it was not chosen by.

The whole choice is made again and again on four fifths of the tasks and scored on the fifth left out (cross-fitting).
What it seemed to do less what it did is its optimism. That figure is itself uncertain, and by chance it would now and
then be too small and let a lucky policy through; so half of its weight goes to what choices of this kind showed on
matrices whose truth is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tierrouter_core.tuning.choose import Chosen, choose
from tierrouter_core.tuning.policy import mix_outcomes
from tierrouter_core.tuning.search import Candidates, Floats, Ints

STRICTNESSES: Final = (0.0, 0.3, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0)
"""Standard errors that a quality must be above the floor."""
USUAL_OPTIMISM: Final = 1.2
"""Optimism in standard errors, as seen on matrices whose truth is known (docs/tuning.md)."""
_FOLDS: Final = 5
_REPEATS: Final = 4


@dataclass(frozen=True, slots=True)
class Optimism:
    """How much better a choice looks than it is, for one strictness."""

    quality: float
    """In standard errors of the quality."""
    saving: float
    """Of the baseline's cost."""


def measure_optimism(
    candidates: Candidates,
    floor: float,
    rng: np.random.Generator,
    strictnesses: Sequence[float] = STRICTNESSES,
) -> list[Optimism]:
    """By cross-fitting, for each of ``strictnesses``. Draws the folds from ``rng``."""
    results = candidates.results
    resolved = results.resolved[:, candidates.baseline]
    paid = results.cost_usd[:, candidates.baseline]
    shape = (len(strictnesses), _REPEATS, len(results.tasks))
    quality, cost = np.zeros(shape), np.zeros(shape)
    seemed: list[list[Chosen]] = [[] for _ in strictnesses]
    for repeat in range(_REPEATS):
        for inside, outside in _folds(resolved, paid, rng):
            points = candidates.points(inside)
            for at, strictness in enumerate(strictnesses):
                chosen = choose(candidates, points, floor, strictness)
                seemed[at].append(chosen)
                outcomes = mix_outcomes(chosen.mix, results.only(outside))
                quality[at, repeat, outside] = outcomes.quality
                cost[at, repeat, outside] = outcomes.cost_usd
    return [
        Optimism(
            quality=_in_errors(
                _mean([chosen.quality for chosen in seemed[at]]) - float(quality[at].mean() / resolved.mean()),
                _mean([chosen.error for chosen in seemed[at]]),
            ),
            saving=float(cost[at].mean() / paid.mean()) - _mean([chosen.cost for chosen in seemed[at]]),
        )
        for at in range(len(strictnesses))
    ]


def expected_quality(chosen: Chosen, optimism: Optimism) -> float:
    """What to expect of ``chosen`` on other tasks, as a share of the baseline's quality."""
    return chosen.quality - chosen.error * (optimism.quality + USUAL_OPTIMISM) / 2


def _in_errors(difference: float, error: float) -> float:
    return max(difference / error, 0.0) if error else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _folds(resolved: Floats, paid: Floats, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """``(inside, outside)`` rows. What the baseline solved is dealt out evenly, for all is relative to that."""
    shuffled = rng.permutation(len(resolved))
    dealt = shuffled[np.argsort(-resolved[shuffled], kind="stable")]
    for fold in range(_FOLDS):
        outside = np.sort(dealt[fold::_FOLDS])
        inside = np.setdiff1d(dealt, outside)
        # Where the baseline did nothing, nothing can be relative to it.
        if resolved[inside].any() and paid[inside].any():
            yield inside, outside

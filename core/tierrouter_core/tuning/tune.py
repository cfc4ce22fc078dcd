"""Results to a policy: the cheapest one that can be expected to hold the floor on other tasks too."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tierrouter_core.tuning.choose import Chosen, choose
from tierrouter_core.tuning.correct import STRICTNESSES, Optimism, expected_quality, measure_optimism
from tierrouter_core.tuning.policy import Entry, Mix, Policy, Stage, mix_outcomes
from tierrouter_core.tuning.results import Results, check_baseline, check_floor
from tierrouter_core.tuning.search import Candidates

MARGIN: Final = 0.05
"""How far below the floor the quality may fall on one new set of as many tasks out of ten."""
_ONE_IN_TEN: Final = 1.2816
_ONE_IN_TWENTY: Final = 1.6449
"""Standard errors that a normal value exceeds so rarely, on one side."""
_SHOWN_FLOORS: Final = (1.0, 0.975, 0.95, 0.925, 0.9, 0.85, 0.8, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What to expect of a mix on other tasks, corrected for its having been chosen. Bounds hold with 95 % each."""

    quality: float
    """Of the baseline's resolved rate."""
    quality_low: float
    saving: float
    """Of the baseline's cost, 0 to 1."""
    saving_low: float
    saving_high: float


AS_THE_BASELINE: Final = Estimate(quality=1.0, quality_low=1.0, saving=0.0, saving_low=0.0, saving_high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """The cheapest mix for one floor."""

    floor: float
    mix: Mix
    expected: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleModel:
    """What one model did on all tasks; nothing was chosen, so nothing is corrected."""

    model: str
    quality: float
    """Of the baseline's resolved rate."""
    cost: float
    """Of the baseline's cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A policy, and what it rests on."""

    baseline: str
    floor: float
    tasks: int
    mix: Mix
    expected: Estimate
    seemed: Estimate
    """What the same mix did on the tasks that it was chosen by, uncorrected; its bounds are the values themselves."""
    is_supported: bool
    """False where no cheaper policy can be relied on to hold the floor: the mix is then the baseline alone."""
    supported_below: FrontierPoint | None
    """Then: the highest of the shown floors that a cheaper policy does hold, with that policy."""
    frontier: tuple[FrontierPoint, ...]
    """From the highest quality to the lowest; each saves more than the one before."""
    singles: tuple[SingleModel, ...]
    """In the order of the results."""


def tune(results: Results, *, baseline: str, floor: float, rng: np.random.Generator) -> Tuned:
    """The cheapest mix that can be expected to hold ``floor``, with the frontier of what can be had.

    Args:
        results: every model's run on every task.
        baseline: the model that quality and cost are relative to.
        floor: the least quality, as a share of the baseline's, more than 0 and at most 1.
        rng: where the folds are drawn from; equal seeds give equal results.

    Raises:
        ResultsError: the baseline or the floor can't be used.
    """
    check_floor(floor)
    check_baseline(results, baseline)
    search = _Search(results, baseline, floor, rng)
    found, strictness = search.first_that_holds(floor)
    below = None
    if found is None:
        lower = (search.first_that_holds(shown)[0] for shown in _SHOWN_FLOORS if shown < floor)
        below = next((point for point in lower if point is not None), None)
    mix = search.alone if found is None else found.mix
    return Tuned(
        baseline=baseline,
        floor=floor,
        tasks=len(results.tasks),
        mix=mix,
        expected=AS_THE_BASELINE if found is None else found.expected,
        seemed=_seemed(mix, results, baseline),
        is_supported=found is not None,
        supported_below=below,
        frontier=tuple(search.frontier({*_SHOWN_FLOORS, floor}, strictness)),
        singles=tuple(_singles(results, baseline)),
    )


class _Search:
    """All policies on all tasks, and how much better the chosen ones look than they are."""

    def __init__(self, results: Results, baseline: str, floor: float, rng: np.random.Generator) -> None:
        self.alone: Mix = (Entry(1.0, Policy((Stage(baseline),))),)
        self._results = results
        self._candidates = Candidates(results, baseline)
        self._points = self._candidates.points(np.arange(len(results.tasks)))
        self._optimism = measure_optimism(self._candidates, floor, rng)

    def first_that_holds(self, floor: float) -> tuple[FrontierPoint | None, int]:
        """The mix of the least strictness that can be relied on, if it saves anything; and the strictness's place."""
        for at, strictness in enumerate(STRICTNESSES):
            chosen = choose(self._candidates, self._points, floor, strictness)
            if _holds(chosen, self._optimism[at], floor):
                expected = self._estimate(chosen, at)
                point = FrontierPoint(floor=floor, mix=chosen.mix, expected=expected)
                return (point if expected.saving > 0 else None), at
        return None, len(STRICTNESSES) - 1

    def frontier(self, floors: Collection[float], at: int) -> Iterator[FrontierPoint]:
        """The cheapest mix for each of ``floors``, all as strict as the ``at``-th; only those that save more."""
        best = 0.0
        for floor in sorted(floors, reverse=True):
            chosen = choose(self._candidates, self._points, floor, STRICTNESSES[at])
            expected = self._estimate(chosen, at)
            if expected.saving > best:
                best = expected.saving
                yield FrontierPoint(floor=floor, mix=chosen.mix, expected=expected)
            elif best == 0 and floor == max(floors):
                yield FrontierPoint(floor=floor, mix=self.alone, expected=AS_THE_BASELINE)

    def _estimate(self, chosen: Chosen, at: int) -> Estimate:
        if chosen.mix == self.alone:
            return AS_THE_BASELINE
        quality = expected_quality(chosen, self._optimism[at])
        paid = self._results.cost_usd[:, self._candidates.baseline]
        spent = mix_outcomes(chosen.mix, self._results).cost_usd
        ratio = float(spent.mean() / paid.mean())
        error = float(np.std(spent - ratio * paid)) / (float(paid.mean()) * math.sqrt(len(paid)))
        saving = 1 - ratio - max(self._optimism[at].saving, 0.0)
        return Estimate(
            quality=quality,
            quality_low=max(quality - _ONE_IN_TWENTY * chosen.error, 0.0),
            saving=saving,
            saving_low=saving - _ONE_IN_TWENTY * error,
            saving_high=min(saving + _ONE_IN_TWENTY * error, 1.0),
        )


def _holds(chosen: Chosen, optimism: Optimism, floor: float) -> bool:
    """Whether the floor is held on average, and by nine of ten new sets of as many tasks but for a margin."""
    expected = expected_quality(chosen, optimism)
    # Twice the variance: that of the tasks that the mix was chosen by, and that of the new ones.
    spread = _ONE_IN_TEN * math.sqrt(2) * chosen.error
    return expected >= floor - 1e-9 and expected - spread >= floor - MARGIN - 1e-9


def _seemed(mix: Mix, results: Results, baseline: str) -> Estimate:
    outcomes = mix_outcomes(mix, results)
    column = results.column(baseline)
    quality = float(outcomes.quality.mean() / results.resolved[:, column].mean())
    saving = 1 - float(outcomes.cost_usd.mean() / results.cost_usd[:, column].mean())
    return Estimate(quality=quality, quality_low=quality, saving=saving, saving_low=saving, saving_high=saving)


def _singles(results: Results, baseline: str) -> Sequence[SingleModel]:
    column = results.column(baseline)
    quality = results.resolved.mean(axis=0) / results.resolved[:, column].mean()
    cost = results.cost_usd.mean(axis=0) / results.cost_usd[:, column].mean()
    return [
        SingleModel(model=model, quality=float(quality[at]), cost=float(cost[at]))
        for at, model in enumerate(results.models)
    ]

"""Results to a policy: the cheapest one that can be expected to hold the floor on other tasks too."""

import math
from collections.abc import Sequence
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
    candidates = Candidates(results, baseline)
    points = candidates.points(np.arange(len(results.tasks)))
    optimism = measure_optimism(candidates, floor, rng)

    def first_that_holds(wanted: float) -> tuple[int, Chosen] | None:
        for at, strictness in enumerate(STRICTNESSES):
            chosen = choose(candidates, points, wanted, strictness)
            if _holds(chosen, optimism[at], wanted):
                return at, chosen
        return None

    alone = (Entry(1.0, Policy((Stage(baseline),))),)
    at, chosen = first_that_holds(floor) or (len(STRICTNESSES) - 1, None)
    mix = alone if chosen is None else chosen.mix
    below = None
    if mix == alone:
        for lower in (shown for shown in _SHOWN_FLOORS if shown < floor):
            found = first_that_holds(lower)
            if found is not None and found[1].mix != alone:
                expected = _estimate(found[1], optimism[found[0]], results, baseline)
                below = FrontierPoint(floor=lower, mix=found[1].mix, expected=expected)
                break
    frontier: list[FrontierPoint] = []
    for shown in sorted({*_SHOWN_FLOORS, floor}, reverse=True):
        cheapest = choose(candidates, points, shown, STRICTNESSES[at])
        expected = _estimate(cheapest, optimism[at], results, baseline)
        if not frontier or expected.saving > frontier[-1].expected.saving:
            frontier.append(FrontierPoint(floor=shown, mix=cheapest.mix, expected=expected))
    return Tuned(
        baseline=baseline,
        floor=floor,
        tasks=len(results.tasks),
        mix=mix,
        expected=AS_THE_BASELINE if chosen is None else _estimate(chosen, optimism[at], results, baseline),
        seemed=_seemed(mix, results, baseline),
        is_supported=mix != alone,
        supported_below=below,
        frontier=tuple(frontier),
        singles=tuple(_singles(results, baseline)),
    )


def _holds(chosen: Chosen, optimism: Optimism, floor: float) -> bool:
    """Whether the floor is held on average, and by nine of ten new sets of as many tasks but for a margin."""
    expected = expected_quality(chosen, optimism)
    # Twice the variance: that of the tasks that the mix was chosen by, and that of the new ones.
    spread = _ONE_IN_TEN * math.sqrt(2) * chosen.error
    return expected >= floor - 1e-9 and expected - spread >= floor - MARGIN - 1e-9


def _estimate(chosen: Chosen, optimism: Optimism, results: Results, baseline: str) -> Estimate:
    if chosen.mix == (Entry(1.0, Policy((Stage(baseline),))),):
        return AS_THE_BASELINE
    quality = expected_quality(chosen, optimism)
    paid = results.cost_usd[:, results.column(baseline)]
    spent = mix_outcomes(chosen.mix, results).cost_usd
    ratio = float(spent.mean() / paid.mean())
    error = float(np.std(spent - ratio * paid)) / (float(paid.mean()) * math.sqrt(len(paid)))
    saving = 1 - ratio - max(optimism.saving, 0.0)
    return Estimate(
        quality=quality,
        quality_low=max(quality - _ONE_IN_TWENTY * chosen.error, 0.0),
        saving=saving,
        saving_low=saving - _ONE_IN_TWENTY * error,
        saving_high=min(saving + _ONE_IN_TWENTY * error, 1.0),
    )


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

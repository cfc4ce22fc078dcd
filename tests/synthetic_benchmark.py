"""Benchmarks whose truth is known: tasks with a difficulty, models with an ability and a price.

A model solves a task with a probability that falls with the difficulty; each has strengths of its own. Calls grow with the
difficulty and are more in runs that fail, so that many calls are a sign of being stuck. As many tasks can be drawn as one
likes, so what a policy truly does, and what the best one could do, follows from a large draw.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tierrouter_core.tuning.policy import Mix, mix_outcomes
from tierrouter_core.tuning.results import Results
from tierrouter_core.tuning.search import Candidates
from tierrouter_core.tuning.tune import Tuned, tune

TRUTH_TASKS = 6_000
_STRENGTHS = 2
_FAILING_RUN = 1.9
"""How many times the calls of a run that solves its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Models, and the tasks that there could be. The last model is the most able and the most expensive."""

    ability: NDArray[np.float64]
    usd_per_call: NDArray[np.float64]
    strengths: NDArray[np.float64]
    """(models, 2): what a task may ask for beside its difficulty."""
    pace: NDArray[np.float64]
    """A model's calls, relative to the others'."""

    @property
    def models(self) -> tuple[str, ...]:
        """``m0`` and so on."""
        return tuple(f"m{number}" for number in range(len(self.ability)))

    @property
    def baseline(self) -> str:
        """The last model."""
        return self.models[-1]

    def draw(self, tasks: int, seed: int) -> Results:
        """The results of ``tasks`` new tasks."""
        rng = np.random.default_rng(seed)
        difficulty = rng.normal(0, 1.3, tasks)
        asked = rng.normal(0, 1, (tasks, _STRENGTHS))
        advantage = self.ability - difficulty[:, None] + asked @ self.strengths.T
        resolved = rng.random(advantage.shape) < 1 / (1 + np.exp(-2 * advantage))
        noise = np.exp(0.3 * difficulty[:, None] + 0.4 * rng.normal(0, 1, advantage.shape))
        calls = np.maximum(np.rint(20 * self.pace * noise * np.where(resolved, 1.0, _FAILING_RUN)), 1)
        cost = self.usd_per_call * calls * np.exp(0.2 * rng.normal(0, 1, advantage.shape))
        return Results(
            tasks=tuple(f"t{number}" for number in range(tasks)),
            models=self.models,
            resolved=resolved.astype(float),
            cost_usd=cost,
            calls=calls,
        )


def world(models: int, seed: int) -> World:
    """A world by chance."""
    rng = np.random.default_rng(seed)
    ability = np.sort(rng.uniform(-1.0, 1.6, models))
    ability[-1] = 1.5
    usd_per_call = 0.01 * np.exp(1.3 * (ability - ability.min()) + rng.normal(0, 0.5, models))
    usd_per_call[-1] = usd_per_call.max() * 1.2
    return World(
        ability=ability,
        usd_per_call=usd_per_call,
        strengths=rng.normal(0, 1, (models, _STRENGTHS)) * 0.5,
        pace=np.exp(rng.normal(0, 0.2, models)),
    )


def relative(mix: Mix, results: Results, baseline: str) -> tuple[float, float]:
    """``(quality, saving)`` of a mix, relative to the baseline on the same tasks."""
    outcomes, column = mix_outcomes(mix, results), results.column(baseline)
    quality = outcomes.quality.mean() / results.resolved[:, column].mean()
    return float(quality), float(1 - outcomes.cost_usd.mean() / results.cost_usd[:, column].mean())


class Truth:
    """What policies truly do in a world, and the best that there is."""

    def __init__(self, of: World) -> None:
        """Draw enough tasks to know."""
        self.results = of.draw(TRUTH_TASKS, seed=999)
        self.baseline = of.baseline
        points = Candidates(self.results, of.baseline).points(np.arange(TRUTH_TASKS))
        hull: list[tuple[float, float]] = []
        for cost, quality in zip(points.cost, points.quality, strict=True):
            if hull and quality <= hull[-1][1]:
                continue
            while len(hull) > 1 and _is_below(hull[-1], hull[-2], (cost, quality)):
                hull.pop()
            hull.append((float(cost), float(quality)))
        self._cost, self._quality = np.array(hull).T

    def of(self, mix: Mix) -> tuple[float, float]:
        """``(quality, saving)`` of a mix."""
        return relative(mix, self.results, self.baseline)

    def best_saving(self, quality: float) -> float:
        """What the best mix of that quality saves."""
        return float(1 - np.interp(quality, self._quality, self._cost))


def _is_below(point: tuple[float, float], before: tuple[float, float], after: tuple[float, float]) -> bool:
    rise = (point[1] - before[1]) * (after[0] - before[0])
    return bool(rise <= (after[1] - before[1]) * (point[0] - before[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """Tuned on one half of a benchmark, scored on the other."""

    tuned: Tuned
    quality: float
    """On the other half."""
    saving: float
    true_quality: float
    true_saving: float
    best_saving: float
    """What the best mix of the true quality saves."""


def halvings(of: World, truth: Truth, *, tasks: int, floor: float, count: int, seed: int) -> list[Halving]:
    """``count`` random halvings of one benchmark of ``tasks`` tasks."""
    results, rng = of.draw(tasks, seed), np.random.default_rng(seed)
    done = []
    for number in range(count):
        shuffled = rng.permutation(tasks)
        tuned = tune(
            results.only(shuffled[: tasks // 2]),
            baseline=of.baseline,
            floor=floor,
            rng=np.random.default_rng(number),
        )
        quality, saving = relative(tuned.mix, results.only(shuffled[tasks // 2 :]), of.baseline)
        true_quality, true_saving = truth.of(tuned.mix)
        done.append(
            Halving(
                tuned=tuned,
                quality=quality,
                saving=saving,
                true_quality=true_quality,
                true_saving=true_saving,
                best_saving=truth.best_saving(true_quality),
            )
        )
    return done

"""Every policy that is looked at, and what each did on some of the tasks: the search's arithmetic.

A cascade of three stages is one limited stage before a cascade of two, and what it does on average is a sum over tasks
of what the one left undone times what the other does. So all of them are measured by a few products of matrices, and
none has to be run through the tasks by itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tierrouter_core.tuning.policy import Policy, Stage, run_of_stage
from tierrouter_core.tuning.results import Results

_MAX_LIMITS: Final = 14
_MAX_CASCADES: Final = 16_000
"""Of three stages, or somewhat more; with many models each gets fewer limits. Of more the search finds the lucky ones
rather than the good ones (docs/tuning.md)."""
_EVEN: Final = 1e-6
"""Costs are summed in single precision."""
_FAR_TOO_MUCH: Final = 1e9
"""A run that costs so many times the baseline's mean is in no policy that saves anything."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Policies that cost no more than the baseline, the cheapest first; all arrays are (policies,)."""

    index: Ints
    """The policy, for :meth:`Candidates.policy`."""
    cost: Floats
    """Of the baseline's cost, 0 to 1."""
    quality: Floats
    """Of the baseline's resolved rate on the same tasks."""
    error: Floats
    """The standard error of ``quality``, from task to task; 0 for the baseline."""
    stages: Ints
    """1 to 3."""


class Candidates:
    """Single models, and cascades of two and three of them with limits on the calls.

    Policies are numbered: first the models, then cascades of two stages, then of three.
    """

    def __init__(self, results: Results, baseline: str) -> None:
        """Lay out the policies; takes time and memory by tasks x models^2 x limits."""
        self.results = results
        self.baseline = results.column(baseline)
        models = len(results.models)
        limits = _limits(results.calls, models)
        # All costs are relative to the baseline's: single precision would not hold every amount of dollars.
        paid = results.cost_usd[:, self.baseline]
        costs = np.minimum(results.cost_usd / (paid.mean() or 1.0), _FAR_TOO_MUCH)
        # A limited stage: its model and its limit, and on each task whether it ends, with what and at what cost.
        self._step_model: Ints = np.array([column for column, _ in limits], dtype=np.intp)
        self._step_limit: Ints = np.array([limit for _, limit in limits], dtype=np.intp)
        runs = [run_of_stage(results.calls[:, column], costs[:, column], limit) for column, limit in limits]
        ended = np.column_stack([ended for ended, _ in runs])
        self._left: Singles = (~ended).astype(np.float32)
        self._step_quality: Singles = np.where(ended, results.resolved[:, self._step_model], 0).astype(np.float32)
        self._step_cost: Singles = np.column_stack([cost for _, cost in runs]).astype(np.float32)
        self._last_quality: Singles = results.resolved.astype(np.float32)
        self._last_cost: Singles = costs.astype(np.float32)
        step, last = np.nonzero(self._step_model[:, None] != np.arange(models)[None, :])
        self._pair_step, self._pair_last = step, last
        left = self._left[:, step]
        self._pair_quality: Singles = self._step_quality[:, step] + left * self._last_quality[:, last]
        self._pair_cost: Singles = self._step_cost[:, step] + left * self._last_cost[:, last]
        first = self._step_model[:, None]
        self._is_triple = (first != self._step_model[step][None, :]) & (first != last[None, :])
        self.stages: Ints = np.repeat((1, 2, 3), (models, len(step), self._is_triple.size)).astype(np.intp)

    def policy(self, index: int) -> Policy:
        """The policy of that number."""
        models, pairs = len(self.results.models), len(self._pair_step)
        if index < models:
            return Policy((self._last_stage(index),))
        if index < models + pairs:
            return Policy(self._pair(index - models))
        step, pair = divmod(index - models - pairs, pairs)
        return Policy((self._limited_stage(step), *self._pair(pair)))

    def points(self, rows: Ints) -> Points:
        """What every policy did on the tasks ``rows``, at least one of which the baseline solved."""
        resolved = self._last_quality[rows, self.baseline]
        # Plain sums, and sums over the tasks that the baseline solved: from these follows the error of the ratio.
        weights = np.vstack([np.ones(len(rows), dtype=np.float32), resolved])
        quality, both = self._sums(weights, self._last_quality, self._pair_quality, self._step_quality, rows)
        (cost,) = self._sums(weights[:1], self._last_cost, self._pair_cost, self._step_cost, rows)
        solved, paid = float(resolved.sum()), float(self._last_cost[rows, self.baseline].sum(dtype=np.float64))
        whole = np.concatenate(
            [np.ones(len(self._pair_step) + len(self.results.models), dtype=bool), self._is_triple.ravel()]
        )
        kept = np.flatnonzero(whole & (cost <= paid * (1 + _EVEN)))
        kept = kept[np.argsort(cost[kept], kind="stable")]
        share = quality[kept].astype(np.float64) / solved
        squares = quality[kept] - 2 * share * both[kept] + share**2 * solved
        # As if there were one more task that only one of the two solves: not to have seen any proves little.
        squares = np.where(kept == self.baseline, 0.0, np.maximum(squares, 0.0) + 1)
        return Points(
            index=kept,
            cost=np.minimum(cost[kept].astype(np.float64) / paid, 1.0),
            quality=share,
            error=np.sqrt(squares) / solved,
            stages=self.stages[kept],
        )

    def _sums(self, weights: Singles, last: Singles, pair: Singles, step: Singles, rows: Ints) -> list[Singles]:
        """For each row of ``weights`` (weights, tasks): the weighted sum of every policy, (policies,)."""
        found = []
        here = pair[rows]
        for weight in weights:
            triples = (self._left[rows] * weight[:, None]).T @ here
            triples += (weight @ step[rows])[:, None]
            found.append(np.concatenate([weight @ last[rows], weight @ here, triples.ravel()]))
        return found

    def _pair(self, pair: int) -> tuple[Stage, Stage]:
        return self._limited_stage(int(self._pair_step[pair])), self._last_stage(int(self._pair_last[pair]))

    def _limited_stage(self, step: int) -> Stage:
        return Stage(self.results.models[self._step_model[step]], int(self._step_limit[step]))

    def _last_stage(self, column: int) -> Stage:
        return Stage(self.results.models[column])


def _limits(calls: Floats, models: int) -> list[tuple[int, int]]:
    """``(column, limit)``: for each model some quantiles of its calls, at least 1."""
    count = int(np.clip(np.sqrt(_MAX_CASCADES / models**3), 2, _MAX_LIMITS))
    levels = np.arange(1, count + 1) / (count + 1)
    return [
        (column, int(limit))
        for column in range(models)
        for limit in np.unique(np.maximum(np.floor(np.quantile(calls[:, column], levels)), 1))
    ]

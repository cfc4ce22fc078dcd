"""What a policy is, and what it would have done on tasks whose results are known.

A policy is a cascade: a stage whose run needs more than ``max_calls`` calls is abandoned, and the next starts afresh.
A mix holds several policies; each task draws one of them by weight.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tierrouter_core.tuning.results import Results


@dataclass(frozen=True, slots=True)
class Stage:
    """A model, and how long it may try."""

    model: str
    max_calls: int | None = None
    """Calls after which it is given up, at least 1; None for the last stage, which has no limit."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Stages that follow each other; a single model is a policy of one stage."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for stages that are no cascade."""
        if not self.stages or any(stage.max_calls is None for stage in self.stages[:-1]):
            raise ValueError("every stage but the last has a limit")
        if self.stages[-1].max_calls is not None:
            raise ValueError("the last stage has no limit")

    @property
    def calls_before_last(self) -> int:
        """The sum of all limits: with more calls than these the last stage is at work."""
        return sum(stage.max_calls or 0 for stage in self.stages)

    def __str__(self) -> str:
        """``small (8 calls), large``."""
        return ", then ".join(
            stage.model if stage.max_calls is None else f"{stage.model} for {stage.max_calls} calls"
            for stage in self.stages
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy and its share of the tasks."""

    weight: float
    """More than 0, at most 1; the weights of a mix add up to 1."""
    policy: Policy


Mix = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a policy or a mix does on each task; arrays are (tasks,)."""

    quality: NDArray[np.float64]
    """The probability that the task is solved, 0 to 1."""
    cost_usd: NDArray[np.float64]
    """Dollars, expected over what the task may draw."""


def policy_outcomes(policy: Policy, results: Results) -> Outcomes:
    """What ``policy`` does on each task of ``results``. An abandoned stage costs ``cost_usd x max_calls / calls``."""
    quality, cost = np.zeros(len(results.tasks)), np.zeros(len(results.tasks))
    reached = np.ones(len(results.tasks), dtype=bool)
    for stage in policy.stages:
        column = results.column(stage.model)
        ended, spent = run_of_stage(results.calls[:, column], results.cost_usd[:, column], stage.max_calls)
        cost += np.where(reached, spent, 0.0)
        quality += np.where(reached & ended, results.resolved[:, column], 0.0)
        reached &= ~ended
    return Outcomes(quality, cost)


def mix_outcomes(mix: Iterable[Entry], results: Results) -> Outcomes:
    """What ``mix`` does on each task, expected over the draw."""
    quality, cost = np.zeros(len(results.tasks)), np.zeros(len(results.tasks))
    for entry in mix:
        outcomes = policy_outcomes(entry.policy, results)
        quality += entry.weight * outcomes.quality
        cost += entry.weight * outcomes.cost_usd
    return Outcomes(quality, cost)


def run_of_stage(
    calls: NDArray[np.float64], cost_usd: NDArray[np.float64], max_calls: int | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Where a stage comes to its end within its limit, and what it costs there and elsewhere; all (tasks,)."""
    if max_calls is None:
        return np.ones(len(calls), dtype=bool), cost_usd
    ended = calls <= max_calls
    # Where a run has ended the quotient is not used, and there it may be by zero.
    part = max_calls / np.where(ended, 1.0, calls)
    return ended, np.where(ended, cost_usd, cost_usd * part)

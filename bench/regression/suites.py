"""Made-up suites: tasks of unlike difficulty, whose outcomes are drawn anew every night."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierrouter_core.regression.decide import Settled, settle
from tierrouter_core.regression.facts import RunFacts
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.state import SuiteState
from tierrouter_core.resources.inputs import NOTHING_MOVED
from tierrouter_core.resources.regression import RegressionPolicy
from tierrouter_core.resources.router import Threshold, TierSpec

MIXED = 0.85
"""How unlike tasks are: 0, each is solved as often as any other; 1, most are always solved, a few hardly ever."""
THRESHOLD = Threshold(name="file_count", value=8, min=1, max=40, on_regression=-1, on_promotion=1)


class Tasks:
    """A suite's tasks; their difficulties stay, for whichever model."""

    def __init__(self, count: int, rng: np.random.Generator, unlike: float = 0.0) -> None:
        self._rng = rng
        self._hardness = rng.permutation((np.arange(count) + 0.5) / count)
        self._unlike = unlike
        self._chances: dict[float, np.ndarray] = {}
        self._results = [
            tuple(TaskResult(task=f"task-{number}", outcome=outcome) for number in range(count))
            for outcome in (TaskOutcome.UNRESOLVED, TaskOutcome.RESOLVED)
        ]

    def chances(self, accuracy: float) -> np.ndarray:
        """How likely a model solves each task; exactly ``accuracy`` on average, and the same tasks are hard for all."""
        if accuracy not in self._chances:
            # 1 - h^k is solved nearly always but by the hardest; k is such that the mean is the accuracy.
            low, high = 1e-6, 1e6
            for _ in range(80):
                middle = (low * high) ** 0.5
                mean = float(np.mean(1 - self._hardness**middle))
                low, high = (middle, high) if mean < accuracy else (low, middle)
            steep = 1 - self._hardness**low
            self._chances[accuracy] = accuracy + (steep - steep.mean()) * self._unlike
        return self._chances[accuracy]

    def night(self, accuracy: float) -> tuple[TaskResult, ...]:
        """One night's results."""
        solved = self._rng.random(len(self._hardness)) < self.chances(accuracy)
        return tuple(self._results[yes][number] for number, yes in enumerate(solved.tolist()))


@dataclass(frozen=True)
class Night:
    """True accuracies of one night, 0.0 to 1.0."""

    tiers: Sequence[float]
    candidate: float | None = None
    """Of a model that may take over the first tier."""


class Loop:
    """A suite's runs, one after the other; what is decided is in force the next night."""

    def __init__(self, tasks: Sequence[Tasks], policy: RegressionPolicy) -> None:
        self._tasks, self._policy = tasks, policy
        self._state = SuiteState()
        self.overlay = NOTHING_MOVED
        self.runs = 0
        self.solved = self.solved_first = self.solved_candidate = 0
        """Tasks of the newest night: of all tiers, of the first, of the candidate."""

    def run(self, night: Night) -> Settled:
        """Decide one night."""
        value = self.overlay.thresholds.get(THRESHOLD.name, THRESHOLD.value)
        tiers = tuple(
            TierSpec(
                name=f"tier-{number}",
                rank=number,
                model=self.overlay.tiers.get(f"tier-{number}", f"model-{number}"),
                provider="vendor",
            )
            for number in range(len(night.tiers))
        )
        cells = [
            CellResults(cell=tier.name, tier=tier.name, model=tier.model, tasks=tasks.night(accuracy))
            for tier, tasks, accuracy in zip(tiers, self._tasks, night.tiers, strict=True)
        ]
        if night.candidate is not None and not self.overlay.tiers:
            cells.append(
                CellResults(
                    cell="candidate",
                    tier="tier-0",
                    model="candidate",
                    is_candidate=True,
                    tasks=self._tasks[0].night(night.candidate),
                )
            )
        solved = [cell.resolved for cell in cells]
        self.solved, self.solved_first = sum(solved[: len(tiers)]), solved[0]
        self.solved_candidate = sum(solved[len(tiers) :])
        threshold = Threshold(
            name=THRESHOLD.name, value=value, min=THRESHOLD.min, max=THRESHOLD.max, on_regression=-1, on_promotion=1
        )
        found, self._state = settle(
            self._policy,
            self._state,
            RunFacts(
                run=f"run-{self.runs}",
                revision="",
                tiers=tiers,
                thresholds=(threshold,),
                overlay=self.overlay,
                cells=tuple(cells),
            ),
        )
        self.runs += 1
        self.overlay = found.overlay or self.overlay
        return found

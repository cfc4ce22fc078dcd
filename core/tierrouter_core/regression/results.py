"""A suite's results: what became of each task with each tier and model that was tested."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class TaskOutcome(StrEnum):
    """What became of one task."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    ERROR = "error"
    """The harness failed, or what it runs on; of the model it says nothing, so it counts neither way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task, tried once."""

    task: str
    """Its id, the same every night and for every model."""
    outcome: TaskOutcome
    cost_usd: Decimal | None = None
    """What its turns cost; None where nobody knows."""
    calls: int | None = None
    """Turns that it took."""
    output_tokens: int | None = None
    duration_s: float | None = None
    error: str = ""
    """Of an ``ERROR``: what went wrong, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResults:
    """All tasks of one cell: one tier with one model."""

    cell: str
    """What a run calls it: a ``matrix[].name``."""
    tier: str
    model: str
    is_candidate: bool = False
    """Whether the model is tested against the tier's own."""
    tasks: tuple[TaskResult, ...] = ()

    @property
    def counted(self) -> tuple[TaskResult, ...]:
        """The tasks that say something of the model."""
        return tuple(task for task in self.tasks if task.outcome is not TaskOutcome.ERROR)

    @property
    def resolved(self) -> int:
        """How many of them it solved."""
        return sum(task.outcome is TaskOutcome.RESOLVED for task in self.tasks)

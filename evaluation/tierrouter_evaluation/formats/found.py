"""What was read: results, and what stood beside them and is none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tierrouter_core.regression.results import TaskResult
from tierrouter_evaluation.errors import NoResultsError, ResultFilesError


@dataclass(frozen=True, slots=True)
class Found:
    """Results of one file or of several."""

    tasks: tuple[TaskResult, ...]
    notes: tuple[str, ...] = ()
    """What was left out or put together, a sentence each; for people."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one file holds."""

    source: str
    """The file's name, as messages call it."""
    found: Found


def one_of_each(parts: Iterable[Part]) -> Found:
    """All parts as one, in the order of the tasks' ids.

    Raises:
        ResultFilesError: a task stands twice.
        NoResultsError: there is no task.
    """
    known: dict[str, tuple[str, TaskResult]] = {}
    notes: list[str] = []
    read: list[str] = []
    for part in parts:
        read.append(part.source)
        notes += part.found.notes
        for task in part.found.tasks:
            if task.task in known:
                there = known[task.task][0]
                where = f"twice in {there}" if there == part.source else f"in {there} and in {part.source}"
                raise ResultFilesError(
                    f"task {task.task} stands {where}; each task is tried once and has an id of its own. "
                    "Is there a file of an earlier run in the folder?"
                )
            known[task.task] = (part.source, task)
    if not known:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise NoResultsError(f"{_some(read)}: not a single task in there{why}")
    return Found(tuple(known[name][1] for name in sorted(known)), tuple(notes))


def with_usage(task: TaskResult, usage: TaskResult) -> TaskResult:
    """The task with what ``usage`` knows of cost, calls, tokens and time and it does not."""
    return replace(
        task,
        cost_usd=usage.cost_usd if task.cost_usd is None else task.cost_usd,
        calls=usage.calls if task.calls is None else task.calls,
        output_tokens=usage.output_tokens if task.output_tokens is None else task.output_tokens,
        duration_s=usage.duration_s if task.duration_s is None else task.duration_s,
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

"""What a model used for its tasks: money, tokens, time; and one model beside another."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from tierrouter_core.regression.results import TaskOutcome, TaskResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Of all tasks that count; None where no task says it."""

    usd_per_solved: float | None
    """What all of them cost, for each that was solved: what failed is paid for too."""
    output_tokens: float | None
    """Of a task, the mean."""
    seconds: float | None
    """Of a task, the median."""


def use_of(tasks: Sequence[TaskResult]) -> Use:
    """What these tasks took. A cost or a count that some tasks lack is unknown: their sum would be too small."""
    solved = sum(task.outcome is TaskOutcome.RESOLVED for task in tasks)
    costs = [task.cost_usd for task in tasks if task.cost_usd is not None]
    tokens = [task.output_tokens for task in tasks if task.output_tokens is not None]
    seconds = [task.duration_s for task in tasks if task.duration_s is not None]
    is_priced = bool(solved) and len(costs) == len(tasks)
    return Use(
        usd_per_solved=float(sum(costs, Decimal(0))) / solved if is_priced else None,
        output_tokens=sum(tokens) / len(tokens) if tokens and len(tokens) == len(tasks) else None,
        seconds=median(seconds) if seconds else None,
    )


def use_words(use: Use) -> str:
    """``$0.021 a solved task, 1,204 output tokens a task, 14.2 s a task (median)``; empty where nothing is known."""
    words = []
    if use.usd_per_solved is not None:
        words.append(f"{_usd(use.usd_per_solved)} a solved task")
    if use.output_tokens is not None:
        words.append(f"{use.output_tokens:,.0f} output tokens a task")
    if use.seconds is not None:
        words.append(f"{use.seconds:,.1f} s a task (median)")
    return ", ".join(words)


def comparison_words(use: Use, other: Use) -> str:
    """The same with the incumbent's beside it: ``$0.010 a solved task against $0.021 (-52 %)``."""
    words = []
    for ours, theirs, form, unit in (
        (use.usd_per_solved, other.usd_per_solved, _usd, "a solved task"),
        (use.output_tokens, other.output_tokens, lambda value: f"{value:,.0f}", "output tokens a task"),
        (use.seconds, other.seconds, lambda value: f"{value:,.1f}", "s a task (median)"),
    ):
        if ours is None:
            continue
        beside = f" against {form(theirs)}" if theirs is not None else ""
        change = f" ({(ours / theirs - 1) * 100:+.0f} %)" if theirs else ""
        words.append(f"{form(ours)} {unit}{beside}{change}")
    return ", ".join(words)


def _usd(value: float) -> str:
    places = 2 if value >= 1 or value == 0 else 4 if value >= 0.001 else 7
    return f"${value:,.{places}f}"

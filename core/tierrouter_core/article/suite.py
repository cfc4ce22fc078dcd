"""What a benchmark run says: a pass rate between 0 and 1, from any shape that harnesses write it in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

Rate = int | float | Decimal | Fraction
SuiteResults = Rate | Mapping[Any, Any] | Iterable[Any]
"""See :func:`pass_rate`."""


def rate(value: Any, name: str) -> float:
    """``value`` as a float between 0 and 1.

    ``TypeError`` for what is no number, ``ValueError`` for NaN and numbers out of range; ``name`` is the argument's.
    """
    if isinstance(value, bool) or not isinstance(value, Rate):
        raise TypeError(f"{name}: a {type(value).__name__} was given, a number from 0 to 1 is needed")
    # A float NaN fails the comparison by itself; a Decimal NaN would raise in it, with a worse message.
    if (isinstance(value, Decimal) and value.is_nan()) or not 0 <= value <= 1:
        raise ValueError(f"{name}: {value} is not from 0 to 1; write 95 % as 0.95")
    return float(value)


def pass_rate(results: SuiteResults, name: str = "suite_results") -> float | None:
    """The share of tasks that passed; None when there were none.

    ``results`` is one of

    - a list of tasks, each a bool (or 0 or 1), or a mapping with one called ``passed`` or ``resolved``;
    - a mapping from task id to the same;
    - a summary: ``{"passed": 19, "total": 20}``, ``{"pass_rate": 0.95}`` or ``{"accuracy": 0.95}``;
    - the rate itself, from 0 to 1.

    ``TypeError`` or ``ValueError`` for anything else; ``name`` is the argument's.
    """
    if isinstance(results, Rate):
        return rate(results, name)
    if isinstance(results, str | bytes) or not isinstance(results, Iterable):
        raise TypeError(f"{name}: a {type(results).__name__} was given, a list or mapping of results is needed")
    if not isinstance(results, Mapping):
        return _share([_passed(task, f"{name}[{index}]") for index, task in enumerate(results)])
    for key in ("pass_rate", "accuracy"):
        if _is_number(results.get(key)):
            return rate(results[key], f"{name}[{key!r}]")
    if _is_number(results.get("total")):
        return _summary(results["total"], results.get("passed"), name)
    return _share([_passed(task, f"{name}[{task_id!r}]") for task_id, task in results.items()])


def _is_number(value: Any) -> bool:
    """Whether this is a summary's number, not the result of a task that happens to have a summary's name."""
    return isinstance(value, Rate) and not isinstance(value, bool)


def _share(passed: list[bool]) -> float | None:
    return sum(passed) / len(passed) if passed else None


def _summary(total: Any, passed: Any, name: str) -> float | None:
    counts = isinstance(passed, int) and isinstance(total, int) and not isinstance(passed, bool)
    if not counts or not 0 <= passed <= total:
        raise ValueError(f"{name}: passed is {passed!r} of total {total!r}; write two counts, 0 <= passed <= total")
    return float(passed / total) if total else None


def _passed(task: Any, where: str) -> bool:
    if isinstance(task, Mapping):
        task = task.get("passed", task.get("resolved"))
    if isinstance(task, bool | int | float) and task in (0, 1):
        return bool(task)
    raise ValueError(
        f"{where}: {task!r} does not say whether the task passed; write True or False, or {{'passed': True}}"
    )

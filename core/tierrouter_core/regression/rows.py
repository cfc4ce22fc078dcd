"""Results as rows of JSON, one a task: what harnesses write, and what is kept of a run, compressed.

A row's keys are those of a benchmark's results (``task_id``, ``resolved``, ``cost_usd``, ``calls``) and more of them:
``cell``, ``tier``, ``model``, ``candidate`` say which model was tested as what, and are left out where one cell
is written; ``output_tokens``, ``duration_s``; ``error`` for a task that tells nothing of the model: its ``resolved`` is
null.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from tierrouter_core.errors import ResultsError
from tierrouter_core.printable import one_line
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult

MAX_ROWS: Final = 100_000
_MOST_ROWS: Final = 2 * MAX_ROWS
_MOST_TEXT_BYTES: Final = 32 * 1024 * 1024
_MAX_ROW_BYTES: Final = 16 * 1024
_MAX_TASK: Final = 2048
_MAX_ERROR: Final = 300
_MANY: Final = 1e15
_MOST_SECONDS: Final = 1e9
_MOST_USD: Final = 10**9
_PLACES: Final = 18
"""Of money; what is finer is an error of floating point."""


@dataclass(slots=True)
class Allowance:
    """How much of a run is unpacked, all cells together: a few kilobytes can hold what no memory has room for.

    Of one call never more than half: a cell that is too large takes nothing from the others.
    """

    rows: int = _MOST_ROWS
    text_bytes: int = _MOST_TEXT_BYTES


def row_of(task: TaskResult) -> dict[str, Any]:
    """One task as a row; what is not known is left out."""
    is_known = task.outcome is not TaskOutcome.ERROR
    row: dict[str, Any] = {
        "task_id": task.task,
        "resolved": task.outcome is TaskOutcome.RESOLVED if is_known else None,
        "cost_usd": None if task.cost_usd is None else format(task.cost_usd, "f"),
        "calls": task.calls,
        "output_tokens": task.output_tokens,
        "duration_s": task.duration_s,
        "error": task.error or ("the task could not be tried" if not is_known else None),
    }
    return {key: value for key, value in row.items() if value is not None or key == "resolved"}


def task_of(row: Mapping[str, Any], where: str) -> TaskResult:
    """A row's task.

    Args:
        row: see the module's text.
        where: what a message calls the row, such as ``results.jsonl:3``.

    Raises:
        ResultsError: it has no task id, or a value that makes no sense.
    """
    task = row.get("task_id")
    if not isinstance(task, str) or not one_line(task).strip():
        raise ResultsError(f"{where}: task_id: expected a text that names the task, found {task!r}")
    task = one_line(task).strip()
    if len(task) > _MAX_TASK:
        raise ResultsError(f"{where}: task_id: longer than {_MAX_TASK:,} characters: {task[:40]}...")
    resolved, error = row.get("resolved"), str(row.get("error") or "")
    if resolved is None and "resolved" not in row and not error:
        raise ResultsError(f"{where}: task {task}: resolved is missing; write true, false, or null with an error")
    if resolved is not None and not isinstance(resolved, bool) and resolved not in (0, 1):
        raise ResultsError(f"{where}: task {task}: resolved: expected true, false or null, found {resolved!r}")
    if resolved is None or error:
        outcome = TaskOutcome.ERROR
    else:
        outcome = TaskOutcome.RESOLVED if resolved else TaskOutcome.UNRESOLVED
    return TaskResult(
        task=task,
        outcome=outcome,
        cost_usd=_money(row.get("cost_usd"), f"{where}: task {task}: cost_usd"),
        calls=_count(row.get("calls"), f"{where}: task {task}: calls"),
        output_tokens=_count(row.get("output_tokens"), f"{where}: task {task}: output_tokens"),
        duration_s=_seconds(row.get("duration_s"), f"{where}: task {task}: duration_s"),
        error=one_line(error[:_MAX_ERROR]),
    )


def packed(cells: Iterable[CellResults]) -> bytes:
    """All rows of all cells, compressed; equal results give equal bytes."""
    lines = b"".join(
        orjson.dumps(
            {"cell": cell.cell, "tier": cell.tier, "model": cell.model, "candidate": cell.is_candidate, **row_of(task)},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for cell in cells
        for task in cell.tasks
    )
    return gzip.compress(lines, 9, mtime=0)


def unpacked(data: bytes, allowance: Allowance | None = None) -> tuple[CellResults, ...]:
    """What :func:`packed` made.

    Args:
        data: the compressed rows.
        allowance: how much may come out of several; what did is taken off it. None: as much as all may have.

    Raises:
        ResultsError: it is something else, cut off, or too much.
    """
    left, calls = (Allowance(), 1) if allowance is None else (allowance, 2)
    most_bytes = min(left.text_bytes, _MOST_TEXT_BYTES // calls)
    most_rows = min(left.rows, _MOST_ROWS // calls)
    try:
        decompress = zlib.decompressobj(31)
        text = decompress.decompress(data, max(1, most_bytes))
    except zlib.error as error:
        raise ResultsError(f"the rows of a run can't be read: {error}") from None
    if not decompress.eof:
        is_much = bool(decompress.unconsumed_tail)
        raise ResultsError(f"the rows of a run are {'too long' if is_much else 'cut off'}")
    if text.count(b"\n") > most_rows:
        raise ResultsError("the rows of a run are too many")
    found = tuple(_cells(_rows(text)))
    left.text_bytes -= len(text)
    left.rows -= sum(len(cell.tasks) for cell in found)
    return found


def _rows(text: bytes) -> Iterator[Any]:
    for line in io.BytesIO(text):
        if len(line) > _MAX_ROW_BYTES:
            raise ResultsError(f"a row of a run is longer than {_MAX_ROW_BYTES // 1024} KiB")
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ResultsError(f"the rows of a run can't be read: {error}") from None


def _cells(rows: Iterable[Any]) -> Iterator[CellResults]:
    found: dict[str, tuple[dict[str, Any], list[TaskResult]]] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("cell"), str):
            raise ResultsError(f"row {number} of a run names no cell")
        found.setdefault(row["cell"], (row, []))[1].append(task_of(row, f"row {number}"))
    for cell, (row, tasks) in found.items():
        yield CellResults(
            cell=cell,
            tier=str(row.get("tier", "")),
            model=str(row.get("model", "")),
            is_candidate=bool(row.get("candidate")),
            tasks=tuple(tasks),
        )


def _money(value: Any, what: str) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite() or not 0 <= found <= _MOST_USD:
        raise ResultsError(f"{what}: expected dollars from 0 to {_MOST_USD:,}, found {value!r:.80}")
    # Written out, an exponent of minus a billion is a billion digits.
    return found if int(found.as_tuple().exponent) >= -_PLACES else round(found, _PLACES)


def _count(value: Any, what: str) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MANY or value != int(value):
        raise ResultsError(f"{what}: expected a whole number of 0 or more, found {value!r}")
    return int(value)


def _seconds(value: Any, what: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_SECONDS:
        raise ResultsError(f"{what}: expected seconds from 0 to {_MOST_SECONDS:,.0f}, found {value!r:.80}")
    return float(value)

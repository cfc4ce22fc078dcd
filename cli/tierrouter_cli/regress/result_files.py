"""Files of results, sorted into the cells that a decision is made of."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import CellResults, TaskResult
from tierrouter_core.regression.rows import MAX_ROWS, task_of
from tierrouter_core.resources.router import TierSpec
from tierrouter_evaluation.formats.reading import ResultFormat, read_files

_MOST_BYTES: Final = 64 * 1024 * 1024


class Cells:
    """Results by tier and model, in the order in which they came."""

    def __init__(self, tiers: Sequence[TierSpec], tier: str, model: str) -> None:
        self._models = {spec.name: spec.model for spec in tiers}
        self._tier, self._model = tier, model
        self._found: dict[tuple[str, str, bool], list[TaskResult]] = {}

    def add(self, row: Mapping[str, Any], task: TaskResult, where: str) -> None:
        """One result; raises ResultsError where its tier can't be told, or is none of the router's."""
        tier = _text(row, "tier", where) or self._tier
        if not tier:
            raise ResultsError(f"{where}: task {task.task}: tier is missing; write it, or say --tier")
        if tier not in self._models:
            raise ResultsError(f"{where}: the router has no tier {tier}; it has {', '.join(self._models)}")
        model = _text(row, "model", where) or self._model or self._models[tier]
        given = row.get("candidate")
        is_candidate = model != self._models[tier] if given is None else bool(given)
        self._found.setdefault((tier, model, is_candidate), []).append(task)

    def all(self) -> tuple[CellResults, ...]:
        """All of them."""
        return tuple(
            CellResults(
                cell=f"{tier}-{model}" if is_candidate else tier,
                tier=tier,
                model=model,
                is_candidate=is_candidate,
                tasks=tuple(tasks),
            )
            for (tier, model, is_candidate), tasks in self._found.items()
        )


def rows_of(data: bytes, source: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of a file of JSON lines, with where each stands; raises ResultsError for a line that is none."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        where = f"{source}:{number}"
        if not line.strip():
            continue
        if number > MAX_ROWS:
            raise ResultsError(f"{where}: more than {MAX_ROWS:,} lines")
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ResultsError(f"{where}: no JSON: {error}; was the harness ended before it was done?") from None
        if not isinstance(row, dict):
            raise ResultsError(f"{where}: expected an object with task_id and resolved, found {str(row)[:40]}")
        yield row, where


def read_cells(
    lines: Sequence[Path], junit: Sequence[Path], tiers: Sequence[TierSpec], tier: str, model: str
) -> tuple[CellResults, ...]:
    """All files' results.

    Args:
        lines: files of JSON lines.
        junit: files of JUnit XML, all of ``tier``.
        tiers: the router's.
        tier: of results that name none.
        model: likewise; empty for the tier's own.

    Raises:
        ResultsError: what is wrong in them, and where.
        OSError: a file can't be read.
    """
    cells = Cells(tiers, tier, model)
    for path in lines:
        if path.stat().st_size > _MOST_BYTES:
            raise ResultsError(f"{path}: larger than 64 MiB")
        for row, where in rows_of(path.read_bytes(), str(path)):
            cells.add(row, task_of(row, where), where)
    if junit:
        for task in read_files(junit, ResultFormat.JUNIT).tasks:
            cells.add({}, task, ", ".join(map(str, junit)))
    found = cells.all()
    if not found:
        # A pipeline must not go on because its harness wrote nothing.
        named = ", ".join(map(str, (*lines, *junit)))
        raise ResultsError(f"{named}: no result in it; did the harness run?")
    return found


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ResultsError(f"{where}: {key}: expected a text, found {value!r}")
    return value

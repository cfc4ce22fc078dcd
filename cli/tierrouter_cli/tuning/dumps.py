"""Regression runs in files: what ``kubectl get -o yaml`` writes, and rows of JSON as ``regress check`` reads them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tierrouter_cli.regress.result_files import rows_of
from tierrouter_cli.tuning.finished_runs import FinishedRun, finished_runs
from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import CellResults, TaskResult
from tierrouter_core.regression.rows import task_of
from tierrouter_operator.planning.kinds import CONFIG_MAP, RUN

_DUMPS: Final = (".yaml", ".yml", ".json")
_ROWS: Final = (".jsonl", ".ndjson")


def read_dumps(paths: Sequence[Path], models: Mapping[str, str]) -> list[FinishedRun]:
    """All runs in files, and in folders of them.

    Args:
        paths: files, or folders; of these the files whose names end in .yaml, .yml, .json, .jsonl and .ndjson.
        models: the model of each tier, for rows that name a tier alone.

    Raises:
        ResultsError: what is wrong, and in which file.
        OSError: a file can't be read.
    """
    objects: list[Mapping[str, Any]] = []
    found: list[FinishedRun] = []
    for path in _files(paths):
        if path.suffix.lower() in _DUMPS:
            objects += _objects(path)
        else:
            found.append(FinishedRun(name=path.name, cells=_cells(path, models)))
    unique = {
        (_kind(each), str(each["metadata"].get("namespace")), str(each["metadata"].get("name"))): each
        for each in objects
    }
    runs = [each for (kind, _, _), each in unique.items() if kind == RUN.kind]
    config_maps = [each for (kind, _, _), each in unique.items() if kind == CONFIG_MAP.kind]
    return [*found, *finished_runs(runs, config_maps)]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.suffix.lower() in (*_DUMPS, *_ROWS))
        elif path.suffix.lower() in (*_DUMPS, *_ROWS):
            yield path
        else:
            raise ResultsError(
                f"{path}: expected a file whose name ends in {', '.join((*_DUMPS, *_ROWS))}, or a folder"
            )


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        documents = list(yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise ResultsError(f"{path}: is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise ResultsError(f"{path}: expected objects as kubectl get -o yaml writes them")
        items = document.get("items") if str(document.get("kind")).endswith("List") else [document]
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("metadata"), dict):
                yield item


def _kind(obj: Mapping[str, Any]) -> str:
    return str(obj.get("kind"))


def _cells(path: Path, models: Mapping[str, str]) -> tuple[CellResults, ...]:
    found: dict[tuple[str, str], list[TaskResult]] = {}
    for row, where in rows_of(path.read_bytes(), str(path)):
        task, tier = task_of(row, where), str(row.get("tier") or "")
        model = row.get("model") or models.get(tier)
        if not isinstance(model, str) or not model:
            known = f", or say by --router which model tier {tier} has" if tier else ""
            raise ResultsError(f"{where}: task {task.task}: model is missing; write it{known}")
        found.setdefault((tier, model), []).append(task)
    return tuple(
        CellResults(cell=f"{tier}-{model}" if tier else model, tier=tier, model=model, tasks=tuple(tasks))
        for (tier, model), tasks in found.items()
    )

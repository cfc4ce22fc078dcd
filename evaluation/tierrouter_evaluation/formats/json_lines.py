"""JSON lines: a row a task, as ``tierrouter_core.regression.rows`` has them. What a harness of one's own writes."""

from typing import Final

import orjson

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import TaskResult
from tierrouter_core.regression.rows import MAX_ROWS, task_of
from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.found import Found

SUFFIXES: Final = (".jsonl", ".ndjson")


def read(data: bytes, source: str) -> Found:
    """One file's results.

    Raises:
        ResultFilesError: a line is no JSON object, or no result.
    """
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    tasks: list[TaskResult] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        if len(tasks) >= MAX_ROWS:
            raise ResultFilesError(f"{where}: more than {MAX_ROWS:,} results")
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            is_last = not any(rest.strip() for rest in lines[number:])
            cut = "; the file is cut off there: did the harness end before it was done?" if is_last else ""
            raise ResultFilesError(f"{where}: no JSON ({error}){cut}") from None
        if not isinstance(row, dict):
            raise ResultFilesError(f"{where}: expected an object with task_id and resolved, found {type(row).__name__}")
        try:
            tasks.append(task_of(row, where))
        except ResultsError as error:
            raise ResultFilesError(str(error)) from None
    return Found(tuple(tasks))

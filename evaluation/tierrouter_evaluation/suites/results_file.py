"""Results line by line: each is on the disk before the next task ends, and a run that broke off is gone on with."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import task_of
from tierrouter_evaluation.errors import ResultFilesError


class ResultsFile:
    """``with ResultsFile(path) as file``; the file is there then."""

    def __init__(self, path: Path, *, resume: bool, tasks: Iterable[str]) -> None:
        """What is kept of a file that is there already: with ``resume``, its tasks that are among ``tasks`` and were
        solved or not. Those of errors are tried again, and a line that was cut off is forgotten.

        Raises:
            ResultFilesError: there is one, and it is not to be gone on with or holds something else.
        """
        self._path = path
        self.done: dict[str, TaskResult] = {}
        """The kept ones."""
        there = path.read_bytes() if path.exists() else b""
        if there.strip() and not resume:
            raise ResultFilesError(f"{path} holds results already; go on with them by --resume, or name another --out")
        kept = list(self._kept(there, set(tasks)))
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(b"".join(kept))
        os.replace(beside, path)

    def _kept(self, data: bytes, tasks: set[str]) -> Iterable[bytes]:
        lines = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{self._path}:{number}"
            try:
                found = task_of(orjson.loads(line), where)
            except orjson.JSONDecodeError as error:
                if number == len(lines):
                    continue
                raise ResultFilesError(f"{where}: no JSON ({error}); is it another file?") from None
            except (ResultsError, AttributeError) as error:
                raise ResultFilesError(f"{where}: no result: {error}") from None
            if found.task in tasks and found.outcome is not TaskOutcome.ERROR and found.task not in self.done:
                self.done[found.task] = found
                yield line + b"\n"

    def __enter__(self) -> Self:
        self._file = open(self._path, "ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a line, whole, and have it on the disk."""
        self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        os.fsync(self._file.fileno())

"""Finds what a harness wrote and reads it by its format."""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from tierrouter_evaluation.errors import NoResultsError, ResultFilesError
from tierrouter_evaluation.formats import json_lines, junit
from tierrouter_evaluation.formats.found import Found, Part, one_of_each

MAX_FILES: Final = 10_000


class ResultFormat(StrEnum):
    """What a harness writes: a RegressionSuite's ``resultFormat``."""

    JUNIT = "JUnit"
    INSPECT_LOG = "InspectLog"
    JSON_LINES = "JSONLines"


_MIB: Final = 1024 * 1024
MAX_FILE_MIB: Final = 64
"""Of text: as values it takes several times as much."""
MAX_ZIP_MIB: Final = 256
"""Of a log of Inspect, of which its summaries are read."""
_SUFFIXES: Final = {
    ResultFormat.JUNIT: junit.SUFFIXES,
    ResultFormat.INSPECT_LOG: (".eval", ".json"),
    ResultFormat.JSON_LINES: json_lines.SUFFIXES,
}


def read_folder(folder: Path, format_: ResultFormat) -> Found:
    """All results below a folder.

    Raises:
        NoResultsError: no folder, no file of this format, or not a single task.
        ResultFilesError: a file that can't be read, or a task that stands twice.
    """
    if not folder.is_dir():
        raise NoResultsError(f"{folder}: there is no such folder; the harness has to leave its results there")
    suffixes = _SUFFIXES[format_]
    there = [path for path in sorted(folder.rglob("*")) if _is_plain(path)]
    chosen = [path for path in there if path.suffix.lower() in suffixes]
    if not chosen:
        others = f"; there are: {', '.join(path.name for path in there[:5])}" if there else ", and nothing else either"
        raise NoResultsError(f"{folder}: no file of format {format_} ({', '.join(suffixes)}) was written{others}")
    return read_files(chosen, format_, base=folder)


def read_files(paths: Sequence[Path], format_: ResultFormat, *, base: Path | None = None) -> Found:
    """The results of these files together.

    Args:
        base: a folder that messages leave out of the files' names.

    Raises:
        as :func:`read_folder`.
    """
    if len(paths) > MAX_FILES:
        raise ResultFilesError(f"{len(paths):,} files of results; at most {MAX_FILES:,} are read")
    texts = ((_content(path), str(path.relative_to(base) if base else path)) for path in paths)
    if format_ is ResultFormat.INSPECT_LOG:
        return _inspect_logs(texts)
    read: Callable[[bytes, str], Found] = junit.read if format_ is ResultFormat.JUNIT else json_lines.read
    return one_of_each([Part(source, read(data, source)) for data, source in texts])


def _inspect_logs(texts: Iterable[tuple[bytes, str]]) -> Found:
    # Here, since it loads a decompressor that the others can do without.
    from tierrouter_evaluation.formats import inspect_log

    logs, others = [], []
    for data, source in texts:
        log = inspect_log.read(data, source)
        if log is None:
            others.append(source)
        else:
            logs.append(log)
    if not logs:
        raise NoResultsError(f"{', '.join(others[:3])}: no log of Inspect: an object with eval, status and samples")
    newest, notes = inspect_log.newest_of_each(logs)
    notes += [f"{source}: left out, it is no log of Inspect" for source in others]
    found = one_of_each([Part(log.source, log.found) for log in newest])
    return Found(found.tasks, (*notes, *found.notes))


def _is_plain(path: Path) -> bool:
    """Neither a link, which could lead out of the folder, nor a pipe, which would never end."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _content(path: Path) -> bytes:
    limit_mib = MAX_ZIP_MIB if path.suffix.lower() == ".eval" else MAX_FILE_MIB
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > limit_mib * _MIB:
                raise ResultFilesError(f"{path}: larger than {limit_mib} MiB")
            return file.read(limit_mib * _MIB)
    except FileNotFoundError:
        raise NoResultsError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ResultFilesError(f"{path}: {error.strerror or error}") from None

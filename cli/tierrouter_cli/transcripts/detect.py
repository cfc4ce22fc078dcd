"""Which agent wrote a file, told by what stands in it; folders are walked."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tierrouter_cli.transcripts import claude_code, codex, opencode, turn_table
from tierrouter_cli.transcripts.reading import Broken, TranscriptError, relative, text_of
from tierrouter_core.replay.calls import ReplayCall

_LINES_LOOKED_AT = 50
_TABLES = (".parquet", ".csv")


@dataclass(slots=True)
class _Found:
    claude_code: list[Path] = field(default_factory=list)
    codex: list[Path] = field(default_factory=list)
    opencode: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    named: set[Path] = field(default_factory=set)
    """Those that were given one by one: these have to be readable. A file of a folder that is not is left out."""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """What was read of all inputs."""

    calls: list[ReplayCall]
    sources: tuple[str, ...]
    """What was found, a word or two each: ``3 Claude Code transcripts``."""
    broken: Broken


def read_inputs(inputs: Sequence[Path], on_file: Callable[[str], None] = lambda name: None) -> Transcripts:
    """Read files and folders.

    Args:
        on_file: told what is read next.

    Raises:
        TranscriptError: an input is not there, is none of the kinds that are known, or holds no call.
    """
    found, broken = _Found(), Broken()
    for path in inputs:
        _place(path, found, broken)
    calls: list[ReplayCall] = []
    sources = []
    for label, paths, read in (
        ("Claude Code transcript", found.claude_code, claude_code.read_claude_code),
        ("Codex rollout", found.codex, codex.read_codex),
        ("OpenCode store", found.opencode, _stores),
    ):
        if paths:
            sources.append(f"{len(paths):,} {label}{'s' if len(paths) != 1 else ''}")
            on_file(sources[-1])
            calls += read(dict.fromkeys(paths), broken)
    calls = relative(calls)
    rows: list[ReplayCall] = []
    tables = 0
    for path in dict.fromkeys(found.tables):
        on_file(str(path))
        try:
            rows += turn_table.read_table(path, broken)
            tables += 1
        except TranscriptError as error:
            if path in found.named:
                raise
            _leave_out(path, error, broken)
    calls += turn_table.in_order(rows)
    if tables:
        sources.append(f"{tables:,} turn table{'s' if tables != 1 else ''}")
    if not calls:
        names = ", ".join(map(str, inputs))
        wrong = f"; {broken.count:,} broken, the first: {broken.first}" if broken.count else ""
        raise TranscriptError(f"{names}: no call with token counts found{wrong}")
    return Transcripts(calls, tuple(sources), broken)


def _stores(paths: Sequence[Path] | dict[Path, None], broken: Broken) -> list[ReplayCall]:
    return [call for path in paths for call in opencode.read_opencode(path, broken)]


def _place(path: Path, found: _Found, broken: Broken) -> None:
    """Put a path given by the user where it belongs."""
    if path.is_dir():
        before = sum(map(len, _lists(found)))
        for file in _walk(path, found):
            try:
                _place_file(file, found, named=False)
            except TranscriptError as error:
                _leave_out(file, error, broken)
        if sum(map(len, _lists(found))) == before:
            raise TranscriptError(
                f"{path}: no transcript in this folder; Claude Code's are *.jsonl in ~/.claude/projects, Codex's "
                "rollout-*.jsonl in ~/.codex/sessions, OpenCode's opencode.db or storage in ~/.local/share/opencode"
            )
    elif path.exists():
        found.named.add(path)
        _place_file(path, found, named=True)
    else:
        raise TranscriptError(f"{path}: no such file or folder")


def _leave_out(path: Path, error: TranscriptError, broken: Broken) -> None:
    """A file of a folder that can't be read: the others still count."""
    broken.note(path, "", str(error).removeprefix(f"{path}: "))


def _lists(found: _Found) -> tuple[list[Path], ...]:
    return found.claude_code, found.codex, found.opencode, found.tables


def _walk(folder: Path, found: _Found) -> Iterator[Path]:
    """Files below a folder, sorted; an OpenCode store is taken whole."""
    has_database = False
    for name, folders, files in os.walk(folder):
        here = Path(name)
        has_database = has_database or opencode.DATABASE in files
        if opencode.is_store(here):
            # Version 1.2 moved the folder's content into the database and left the folder.
            if not (here.parent / opencode.DATABASE).is_file():
                found.opencode.append(here)
            folders.clear()
            continue
        folders.sort()
        yield from (here / file for file in sorted(files))


def _place_file(path: Path, found: _Found, *, named: bool) -> None:
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        # Any table may lie in a folder; one that is named has to be ours, and the reader says what it lacks.
        if named or turn_table.is_table(path):
            found.tables.append(path)
    elif path.name == opencode.DATABASE or (named and suffix == ".db"):
        found.opencode.append(path)
    elif suffix == ".jsonl" or named:
        kind = _kind_of_lines(path)
        if kind == "codex":
            found.codex.append(path)
        elif kind == "claude":
            found.claude_code.append(path)
        elif named:
            raise TranscriptError(
                f"{path}: neither a transcript of Claude Code, a rollout of Codex, a store of OpenCode nor a turn table"
            )


def _kind_of_lines(path: Path) -> str:
    """``codex``, ``claude``, or empty for neither."""
    try:
        with path.open("rb") as file:
            for _, line in zip(range(_LINES_LOOKED_AT), file, strict=False):
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                if not isinstance(value, dict):
                    continue
                kind = text_of(value.get("type"))
                if kind in codex.TYPES and isinstance(value.get("payload"), dict):
                    return "codex"
                if kind in claude_code.TYPES and "payload" not in value:
                    return "claude"
    except OSError as error:
        raise TranscriptError(f"{path}: can't be read: {error.strerror or error}") from None
    return ""

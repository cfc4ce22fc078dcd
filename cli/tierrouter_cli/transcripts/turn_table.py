"""A turn table: Parquet or CSV with a row for each call, the common way to bring calls from anywhere else."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tierrouter_cli.transcripts.reading import Broken, TranscriptError
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.routing.variables import DEFAULTS, VARIABLES, Value
from tierrouter_core.turn import MAIN_AGENT

COLUMNS = (
    "session",
    "agent",
    "turn",
    "prompt_idx",
    "t_rel_s",
    "model",
    "input_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "output_tokens",
)
"""Those that a table must have. An empty ``agent`` is ``main``."""
OPTIONAL = ("turn_kind", "parent_agent", "dialect", "hint")
"""Read where they are there, and where they hold words of ours."""

_KINDS = frozenset(TurnKind)
_DIALECTS = frozenset(Dialect)
_TRUE, _FALSE = ("true", "1"), ("false", "0", "")


def read_table(path: Path, broken: Broken) -> list[ReplayCall]:
    """The table's calls as its rows stand; see :func:`in_order`.

    Raises:
        TranscriptError: it is no turn table, or Parquet can't be read here.
    """
    rows = _parquet_rows(path) if _is_parquet(path) else _csv_rows(path)
    calls = []
    for number, row in enumerate(rows, 1):
        try:
            calls.append(_call(row))
        except (TypeError, ValueError, OverflowError) as error:
            broken.note(path, f"row {number}", str(error))
    return calls


def in_order(calls: Iterable[ReplayCall]) -> list[ReplayCall]:
    """The calls of all tables, session by session in the order of time, and marked where a prompt begins.

    Of all, since a session may go on in another table.
    """
    ordered = list(calls)
    sessions: dict[str, int] = {}
    for call in ordered:
        sessions.setdefault(call.session, len(sessions))
    ordered.sort(key=lambda call: (sessions[call.session], call.t_rel_s))
    prompts: dict[tuple[str, str], int] = {}
    for at, call in enumerate(ordered):
        agent = (call.session, call.agent)
        if call.kind is TurnKind.TOOL_LOOP and prompts.get(agent) != call.prompt_idx:
            ordered[at] = call._replace(kind=TurnKind.USER)
        prompts[agent] = call.prompt_idx
    return ordered


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def is_table(path: Path) -> bool:
    """Whether a CSV has a turn table's header; every Parquet file is taken for one."""
    if _is_parquet(path):
        return True
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return set(COLUMNS) <= set(next(csv.reader(file), ()))
    except (OSError, ValueError, csv.Error):
        return False


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or ())
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise TranscriptError(f"{path}: not CSV in UTF-8: {error}") from None


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    # Needed for Parquet alone; CSV is read without it.
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise TranscriptError(
            f"{path}: Parquet needs pyarrow; run: pip install 'tierrouter[analysis]', or write the table as CSV"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_columns(path, names)
            wanted = [name for name in names if name in COLUMNS or name in OPTIONAL or name in VARIABLES]
            columns = file.read(columns=wanted).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise TranscriptError(f"{path}: not a Parquet file that can be read: {' '.join(str(error).split())}") from None
    for values in zip(*(columns[name] for name in wanted), strict=True):
        yield dict(zip(wanted, values, strict=True))


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise TranscriptError(f"{path}: not a turn table: it has no column {', '.join(missing)}")


def _call(row: Mapping[str, Any]) -> ReplayCall:
    t_rel_s = float(row["t_rel_s"])
    if not t_rel_s - t_rel_s == 0:
        raise ValueError(f"t_rel_s is {t_rel_s}, which is no time")
    kind, dialect = str(row.get("turn_kind") or ""), str(row.get("dialect") or "")
    return ReplayCall(
        session=str(row["session"] or ""),
        agent=str(row["agent"] or "") or MAIN_AGENT,
        turn=int(row["turn"]),
        prompt_idx=int(row["prompt_idx"]),
        t_rel_s=t_rel_s,
        model=str(row["model"] or ""),
        input_tokens=_tokens(row, "input_tokens"),
        cache_creation_tokens=_tokens(row, "cache_creation_tokens"),
        cache_read_tokens=_tokens(row, "cache_read_tokens"),
        output_tokens=_tokens(row, "output_tokens"),
        kind=TurnKind(kind) if kind in _KINDS else TurnKind.TOOL_LOOP,
        parent_agent=str(row.get("parent_agent") or ""),
        dialect=Dialect(dialect) if dialect in _DIALECTS else Dialect.MESSAGES,
        hint=str(row.get("hint") or ""),
        signals=_signals(row),
    )


def _tokens(row: Mapping[str, Any], name: str) -> int:
    number = int(row[name])
    if number < 0:
        raise ValueError(f"{name} is {number}, which is no number of tokens")
    return number


def _signals(row: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    """What columns named like variables of rules hold: ``session.tool_errors_in_a_row``."""
    return tuple(
        (name, _value(row[name], DEFAULTS[name], name)) for name in row if name in VARIABLES and row[name] is not None
    )


def _value(given: Any, default: Value, name: str) -> Value:
    if isinstance(default, bool):
        text = str(given).lower()
        if text not in (*_TRUE, *_FALSE):
            raise ValueError(f"{name} is {given!r}, neither true nor false")
        return text in _TRUE
    if isinstance(default, int):
        return int(given) if given != "" else default
    return str(given)

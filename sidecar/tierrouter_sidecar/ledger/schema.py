"""What the ledger's file looks like: tables, version, and how a connection to it is set up.

Money is text, because SQLite's own numbers are binary floats. ``turns`` has the CSV's columns under the same names.
"""

import os
import sqlite3
import time
import types
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import quote

from tierrouter_core.spend.row import ATTEMPT_COLUMNS, COLUMNS, AttemptRow, TurnRow
from tierrouter_sidecar.state_dir import LedgerError

LEDGER_FILE: Final = "ledger.sqlite3"
SCHEMA_VERSION: Final = 1

_BUSY_TIMEOUT_MS: Final = 2_000
"""How long a write waits for another process's; then the rows stay in memory and it is tried again."""


def _is_number(kind: Any) -> bool:
    return kind is int or (isinstance(kind, types.UnionType) and int in get_args(kind))


def _is_money(kind: Any) -> bool:
    return isinstance(kind, types.UnionType) and Decimal in get_args(kind)


def _columns_sql(row: type[TurnRow] | type[AttemptRow]) -> str:
    return ", ".join(
        f"{name} {'INTEGER' if _is_number(kind) else 'TEXT'}" for name, kind in row.__annotations__.items()
    )


def _money_of(row: type[TurnRow] | type[AttemptRow]) -> tuple[int, ...]:
    return tuple(index for index, kind in enumerate(row.__annotations__.values()) if _is_money(kind))


MONEY_IN_TURNS: Final = _money_of(TurnRow)
MONEY_IN_ATTEMPTS: Final = _money_of(AttemptRow)

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS turns ({_columns_sql(TurnRow)}, PRIMARY KEY (turn_id))",
    "CREATE INDEX IF NOT EXISTS turns_by_time ON turns (time)",
    f"CREATE TABLE IF NOT EXISTS attempts ({_columns_sql(AttemptRow)}, PRIMARY KEY (turn_id, attempt)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tiers (revision TEXT, tier TEXT, rank INTEGER, expensive INTEGER, provider TEXT, "
    "model TEXT, model_id TEXT, price TEXT, cache_ttl_ms INTEGER, cache_min_tokens INTEGER, "
    "PRIMARY KEY (revision, tier)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS revisions (revision TEXT PRIMARY KEY, loaded_at TEXT, baseline_model TEXT, "
    "baseline_price TEXT, baseline_cache_ttl_ms INTEGER, baseline_cache_min_tokens INTEGER) WITHOUT ROWID",
    f"INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}') ON CONFLICT DO NOTHING",  # noqa: S608
)

# A turn that is written twice (a commit whose end was not seen) is one turn.
INSERT_TURN: Final = (
    f"INSERT INTO turns ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608 (own names)
    "ON CONFLICT (turn_id) DO NOTHING"
)
INSERT_ATTEMPT: Final = (
    f"INSERT INTO attempts ({', '.join(ATTEMPT_COLUMNS)}) "  # noqa: S608 (own names)
    f"VALUES ({', '.join('?' * len(ATTEMPT_COLUMNS))}) ON CONFLICT (turn_id, attempt) DO NOTHING"
)
INSERT_TIER: Final = "INSERT OR REPLACE INTO tiers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_REVISION: Final = "INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?, ?, ?)"


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to the ledger at ``path``, which is made where it is missing.

    Raises:
        LedgerError: the file is no ledger, or another version's, or can't be opened or written.
    """
    connection: sqlite3.Connection | None = None
    try:
        # Made here rather than by SQLite, so that no other user can read who worked on what. Its companions
        # (-wal, -shm) get the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
        )
        _switch_to_wal(connection)
        # NORMAL: no fsync for each commit. A killed process loses nothing that was committed, a machine that loses
        # its power may lose the last seconds; the file stays consistent in both cases.
        connection.execute("PRAGMA synchronous = NORMAL")
        check_version(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("COMMIT")
    except (sqlite3.Error, OSError, LedgerError) as error:
        if connection is not None:
            connection.close()
        raise error if isinstance(error, LedgerError) else explained(error, path) from None
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to the ledger at ``path``, which another process may be writing.

    Raises:
        LedgerError: there is no such file, it is no ledger, or another version's.
    """
    if not path.is_file():
        raise LedgerError(f"no ledger at {path}; give the directory of a router's state, or its {LEDGER_FILE}")
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection: sqlite3.Connection | None = None
    try:
        try:
            connection = sqlite3.connect(address, uri=True, isolation_level=None)
            check_version(connection, path)
        except sqlite3.OperationalError:
            # A copy on a read-only disk: SQLite wants to make the -shm file there. Nobody can be writing it either.
            if connection is None or Path(f"{path}-wal").exists() or os.access(path.parent, os.W_OK):
                raise
            connection.close()
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
            check_version(connection, path)
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    except (sqlite3.Error, LedgerError) as error:
        if connection is not None:
            connection.close()
        raise error if isinstance(error, LedgerError) else explained(error, path) from None
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise LedgerError for a database that is not a ledger of this version; an empty one is fine."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return
    if not {"meta", "turns"} <= tables:
        raise LedgerError(f"{path} is an SQLite file but not a ledger; move it away or give another --state-dir")
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    version = row[0] if row else "none"
    if version != str(SCHEMA_VERSION):
        newer = version.isdigit() and int(version) > SCHEMA_VERSION
        advice = "use the TierRouter that wrote it" if newer else "move it away to start a new one"
        raise LedgerError(f"ledger {path} has schema version {version}, this TierRouter has {SCHEMA_VERSION}; {advice}")


def explained(error: sqlite3.Error | OSError, path: Path) -> LedgerError:
    """What SQLite or the system said, with the place and what to do."""
    what = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    if "not a database" in what or "malformed" in what:
        advice = "the file is damaged or not a ledger; move it away to start a new one"
    elif "full" in what or "No space" in what:
        advice = "make room on that disk"
    elif "locked" in what or "busy" in what:
        advice = "another process holds it; stop that process or wait for it"
    else:
        advice = "check that the disk works and that this user may read and write there, or give another --state-dir"
    return LedgerError(f"ledger {path} can't be used: {what}; {advice}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Let readers and one writer work at once.

    SQLite does not wait for its busy timeout here, so two processes that start together on a new file would fail.
    """
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)

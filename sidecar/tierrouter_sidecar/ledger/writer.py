"""Writing the ledger without ever holding up a turn.

The event loop puts rows on a queue; one thread commits what has come in, at most every :data:`FLUSH_INTERVAL_S`::

    record() ──▶ queue ──▶ pending ──▶ SQLite          as it should be
                              │
                              ├── the disk is full, the file locked: kept, tried again with growing pauses
                              └── more than MAX_PENDING_ROWS kept: the oldest go to stderr as JSON lines

In a pod what leaves the queue goes to :class:`TurnLog` too, whatever becomes of it here.

So a killed process loses what was recorded in its last :data:`FLUSH_INTERVAL_S` and the length of a commit, and nothing
is lost silently. What goes to stderr is read back by ``tierrouter report --from-logs``.
"""

import contextlib
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from tierrouter_core.document.model import Document
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_sidecar.ledger import schema
from tierrouter_sidecar.ledger.batch import Entry, Turn, log_lines, write_batch
from tierrouter_sidecar.ledger.facts import facts_of
from tierrouter_sidecar.ledger.turn_log import TurnLog
from tierrouter_sidecar.state_dir import LedgerError, prepare_state_dir

FLUSH_INTERVAL_S: Final = 0.1
"""The time between two commits, at least."""
MAX_PENDING_ROWS: Final = 10_000
"""Rows kept in memory while they can't be written: about 20 MB."""
_LONGEST_RETRY_S: Final = 1.0
_CLOSING_RETRY_S: Final = 0.05
_TURN_LOG_CLOSING_S: Final = 1.0
_SLACK_S: Final = 2.5
"""What the last write may take beyond the time for closing: SQLite's busy timeout and a little."""

_UNFIT: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    ValueError,
    TypeError,
    OverflowError,
)
"""What is raised for a value that SQLite can't hold, as opposed to a file that can't be written."""


class Ledger:
    """The ledger of one process; several processes may share a file."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        on_problem: Callable[[str], None],
        max_pending_rows: int,
        turn_log: TurnLog | None,
    ) -> None:
        self.path = path
        self.written_rows = 0
        """Turns in the file since the start."""
        self.lost_rows = 0
        """Turns that went to stderr since the start, because they could not be written."""
        self._connection: sqlite3.Connection | None = connection
        self._inode = path.stat().st_ino
        self._on_problem = on_problem
        self._max_pending = max_pending_rows
        self._turn_log = turn_log
        self._queue: SimpleQueue[Entry | threading.Event | None] = SimpleQueue()
        self._pending: deque[Entry] = deque()
        self._taken_at_s: deque[float] = deque()
        """Of every entry that waits, on the queue or pending, the oldest first."""
        self._markers: list[threading.Event] = []
        """Of those who wait for what has come before them."""
        self._failing = False
        self._closing = threading.Event()
        self._deadline_s = 0.0
        self._thread = threading.Thread(target=self._run, name="tierrouter-ledger", daemon=True)

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        on_problem: Callable[[str], None] = lambda message: None,
        max_pending_rows: int = MAX_PENDING_ROWS,
        turn_log: TurnLog | None = None,
    ) -> "Ledger":
        """The ledger in ``state_dir``, both made where they are missing.

        Args:
            on_problem: called from the writer's thread, once when writing begins to fail and once when it works again.
            max_pending_rows: how many rows may wait in memory.
            turn_log: where each row goes too, as a line; started and closed with the ledger.

        Raises:
            LedgerError: the directory or the file can't be used.
        """
        prepare_state_dir(state_dir)
        path = state_dir / schema.LEDGER_FILE
        ledger = cls(path, schema.open_for_writing(path), on_problem, max_pending_rows, turn_log)
        if turn_log is not None:
            turn_log.start()
        ledger._thread.start()
        return ledger

    def record(self, turn: TurnRow, attempts: Sequence[AttemptRow]) -> None:
        """Take a turn for writing. Never raises, and never waits for the disk."""
        self._take(Turn(turn, tuple(attempts)))

    def record_document(self, document: Document, revision: str) -> None:
        """Take down which tiers a revision has, so that a report can tell later."""
        self._take(facts_of(document, revision))

    @property
    def lag_rows(self) -> int:
        """Rows that are not written yet."""
        return self._queue.qsize() + len(self._pending)

    @property
    def lag_s(self) -> float:
        """The age of the oldest row that is not written yet; 0 where there is none."""
        try:
            return time.monotonic() - self._taken_at_s[0]
        except IndexError:
            return 0.0

    def flushed(self, timeout_s: float) -> bool:
        """Wait until what was recorded before is in the file, for at most ``timeout_s``; whether it is.

        It blocks, so it is not for the event loop.
        """
        if self._closing.is_set():
            return False
        marker = threading.Event()
        self._queue.put(marker)
        return marker.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what is left, for at most ``timeout_s``; the rest goes to stderr. Whether all was written."""
        lost_before = self.lost_rows
        if not self._closing.is_set():
            self._deadline_s = time.monotonic() + timeout_s
            self._closing.set()
            self._queue.put(None)
            self._thread.join(timeout_s + _SLACK_S)
            if self._thread.is_alive():
                # It hangs in the disk. Rows may end up both in the file and in the log; they have the same turn_id.
                self._drain_queue()
                self._spill(len(self._pending))
            if self._turn_log is not None:
                self._turn_log.close(_TURN_LOG_CLOSING_S)
        return self.lost_rows == lost_before

    def _take(self, entry: Entry) -> None:
        if self._closing.is_set() or self._queue.qsize() > 2 * self._max_pending:
            # The thread is gone or hangs. A line on stderr is the last place where nothing is lost.
            self._write_to_stderr(entry)
            return
        self._taken_at_s.append(time.monotonic())
        self._queue.put(entry)

    # What follows runs in the writer's thread.

    def _run(self) -> None:
        pause_s = 0.0
        last_try_s = 0.0
        while True:
            if not self._pending and not self._closing.is_set():
                self._drain_queue(self._queue.get())
            # A first row after a quiet time is written at once.
            if self._closing.wait(max(0.0, last_try_s + pause_s - time.monotonic())) and self._failing:
                time.sleep(_CLOSING_RETRY_S)
            self._drain_queue()
            last_try_s = time.monotonic()
            if not self._pending or self._try_to_write():
                pause_s = FLUSH_INTERVAL_S
                self._tell_who_waits()
            else:
                pause_s = min(max(FLUSH_INTERVAL_S, pause_s * 2), _LONGEST_RETRY_S)
                self._spill(len(self._pending) - self._max_pending)
            # What came while it was writing is written too, before it ends.
            closing = self._closing.is_set()
            self._drain_queue()
            if closing and (not self._pending or time.monotonic() >= self._deadline_s):
                break
        self._spill(len(self._pending))
        self._disconnect()

    def _tell_who_waits(self) -> None:
        for marker in self._markers:
            marker.set()
        self._markers.clear()

    def _drain_queue(self, first: Entry | threading.Event | None = None) -> None:
        new: list[Entry] = []
        entry = first
        with contextlib.suppress(Empty):
            while True:
                if isinstance(entry, threading.Event):
                    self._markers.append(entry)
                elif entry is not None:
                    new.append(entry)
                entry = self._queue.get_nowait()
        self._pending += new
        if self._turn_log is not None and new:
            self._turn_log.take(new)

    def _try_to_write(self) -> bool:
        """Whether ``pending`` is empty now."""
        try:
            write_batch(self._connected(), self._pending)
        except _UNFIT as error:
            # One entry that SQLite can't hold must not keep the others out.
            self._say_failing(error)
            self._write_one_by_one()
            return not self._pending
        except (sqlite3.Error, OSError, LedgerError) as error:
            self._say_failing(error)
            # Another connection may do better: the file may have been replaced, the disk mounted anew.
            self._disconnect()
            return False
        self.written_rows += _turns_in(self._pending)
        while self._pending:
            self._pop()
        if self._failing:
            self._failing = False
            self._on_problem(f"ledger {self.path}: writing works again; {self.lost_rows} rows went to stderr so far")
        return True

    def _write_one_by_one(self) -> None:
        while self._pending:
            entry = self._pending[0]
            try:
                write_batch(self._connected(), [entry])
            except _UNFIT:
                self._spill(1)
                continue
            except (sqlite3.Error, OSError, LedgerError):
                return
            self.written_rows += _turns_in([entry])
            self._pop()

    def _pop(self) -> Entry:
        """The oldest entry, which does not wait any more; raises IndexError where there is none."""
        entry = self._pending.popleft()
        self._taken_at_s.popleft()
        return entry

    def _connected(self) -> sqlite3.Connection:
        """The connection; a new one where the file was moved or deleted under the old one."""
        if self._connection is not None and not self._is_in_place():
            self._disconnect()
        if self._connection is None:
            self._connection = schema.open_for_writing(self.path)
            self._inode = self.path.stat().st_ino
        return self._connection

    def _is_in_place(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _say_failing(self, error: Exception) -> None:
        if self._failing:
            return
        self._failing = True
        said = schema.explained(error, self.path) if isinstance(error, (sqlite3.Error, OSError)) else error
        self._on_problem(
            f"{said}. Rows wait in memory, at most {self._max_pending:,}, and go to stderr as JSON lines beyond that"
        )

    def _spill(self, count: int) -> None:
        """The ``count`` oldest entries go to stderr."""
        for _ in range(count):
            try:
                entry = self._pop()
            except IndexError:
                return
            self._write_to_stderr(entry)

    def _write_to_stderr(self, entry: Entry) -> None:
        if isinstance(entry, Turn):
            self.lost_rows += 1
        # Without a usable stderr there is no one left to tell.
        with contextlib.suppress(Exception):
            sys.stderr.write("".join(log_lines(entry)))
            sys.stderr.flush()


def _turns_in(entries: Iterable[Entry]) -> int:
    return sum(isinstance(entry, Turn) for entry in entries)

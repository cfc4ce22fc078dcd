"""The ledger's rows as JSON lines on an open file, such as a pod's stdout, where they outlive the pod's own disk.

Whoever reads that file may be slow, stop reading, or be gone. So one thread does nothing but write to it, one write for
all that has come in meanwhile; the ledger never waits for that thread, and neither do turns.
"""

import os
import select
import threading
from collections.abc import Callable, Sequence
from typing import Final

from tierrouter_core.spend.row_json import revision_to_json_line, row_to_json_line
from tierrouter_sidecar.ledger.batch import Entry, Turn

MAX_WAITING: Final = 10_000
"""Lines kept in memory while nobody reads: about 10 MB."""


class TurnLog:
    """Writes lines to a file descriptor, which stays the caller's."""

    def __init__(
        self, descriptor: int, on_problem: Callable[[str], None], name: str = "stdout", max_waiting: int = MAX_WAITING
    ) -> None:
        """``on_problem`` is called once when lines begin to be left out, and once when that is over."""
        self.left_out = 0
        """Lines that could not be written since the start. The ledger has their rows."""
        self._descriptor = descriptor
        self._on_problem = on_problem
        self._name = name
        self._max_waiting = max_waiting
        self._waiting: list[Entry] = []
        self._closing = False
        self._changed = threading.Condition()
        self._failing = False
        self._cut = False
        self._thread = threading.Thread(target=self._run, name="tierrouter-turn-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def take(self, entries: Sequence[Entry]) -> None:
        """Take rows for writing; never waits for the file."""
        with self._changed:
            room = self._max_waiting - len(self._waiting)
            self._waiting += entries[:room]
            self._changed.notify()
        if room < len(entries):
            self._leave_out(len(entries) - room, f"nobody has read the last {self._max_waiting:,}")

    def close(self, timeout_s: float) -> None:
        """Write what is left, for at most ``timeout_s``."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _leave_out(self, count: int, why: str) -> None:
        with self._changed:
            self.left_out += count
            known, self._failing = self._failing, True
        if not known:
            self._on_problem(f"{self._name} does not take the turns' lines: {why}. The ledger has these turns")

    # What follows runs in the thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                entries, self._waiting = self._waiting, []
            if not entries:
                return
            # A line that was cut must not spoil the one after it.
            lines = ["\n"] if self._cut else []
            lines += [_line(entry) for entry in entries]
            try:
                self._write("".join(lines).encode())
            except OSError as error:
                self._leave_out(len(entries), error.strerror or str(error))
            else:
                if self._failing:
                    self._failing = False
                    self._on_problem(f"{self._name} takes the turns' lines again; {self.left_out} were left out so far")

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                written = os.write(self._descriptor, left)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
                continue
            left = left[written:]
            self._cut = bool(left)


def _line(entry: Entry) -> str:
    return (row_to_json_line(entry.row) if isinstance(entry, Turn) else revision_to_json_line(entry)) + "\n"

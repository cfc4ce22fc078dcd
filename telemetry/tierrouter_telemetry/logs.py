"""Log lines: JSON for machines, text for people; written by a thread, so that nobody who serves waits for a reader."""

import json
import logging
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TextIO

import orjson

MAX_WAITING: Final = 10_000
"""Lines kept in memory while nobody reads: some 5 MB."""
_GATHERED_S: Final = 0.02
"""Lines of so long are written at once."""
_CLOSING_S: Final = 1.0


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    """Text on a terminal, JSON elsewhere."""
    TEXT = "text"
    JSON = "json"


def log_to(stream: TextIO | None, log_format: LogFormat, level: str | int = logging.INFO) -> LogFormat:
    """Send all log lines to ``stream``; the format that it is."""
    if log_format is LogFormat.AUTO:
        log_format = LogFormat.TEXT if stream is not None and stream.isatty() else LogFormat.JSON
    handler: logging.Handler = logging.NullHandler() if stream is None else WrittenBehind(stream)
    handler.setFormatter(JSONLines() if log_format is LogFormat.JSON else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    return log_format


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """For ``extra=``: what a line says beside its message; None is left out."""
    return {"fields": {key: value for key, value in values.items() if value is not None}}


class JSONLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, fields, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:
            # Half a character, which is no text for orjson.
            return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Time, level, message, and fields as ``key=value``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        """The line; a traceback comes after it."""
        more = "".join(f" {key}={_plain(value)}" for key, value in getattr(record, "fields", {}).items())
        # A list of what is wrong has lines of its own; none of them begins as a line of the log does.
        return "\n    ".join(map(_seen, super().formatMessage(record).split("\n"))) + more


def _plain(value: Any) -> str:
    text = str(value)
    if text and text.isprintable() and not any(each in text for each in ' "='):
        return text
    return _seen(json.dumps(text, ensure_ascii=False))


def _seen(text: str) -> str:
    """What moves a terminal's cursor, or another line's end, as its number: agents and providers choose such texts."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class WrittenBehind(logging.Handler):
    """Takes lines at once and has a thread write them; leaves out what nobody reads, and says how much."""

    def __init__(self, stream: TextIO, max_waiting: int = MAX_WAITING) -> None:
        super().__init__()
        self._stream = stream
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
        self._left_out = 0
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tierrouter-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; never waits for the stream."""
        if len(self._waiting) >= self._max_waiting:
            self._left_out += 1
            return
        try:
            self._waiting.append(self.format(record))
        except Exception:
            self.handleError(record)
        self._changed.set()

    def close(self) -> None:
        """Write what is left, for at most a second."""
        self._closing.set()
        self._changed.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSING_S)
        super().close()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            self._closing.wait(_GATHERED_S)
            closing = self._closing.is_set()
            self._changed.clear()
            self._write()
            if closing:
                return

    def _write(self) -> None:
        lines: list[str] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        left_out, self._left_out = self._left_out, 0
        if left_out:
            said = "%d log lines were left out: nobody read them"
            record = logging.LogRecord(__name__, logging.WARNING, "", 0, said, (left_out,), None)
            lines.append(self.format(record))
        if not lines:
            return
        try:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody is there to read any more, and nobody else to tell.
            self._left_out += len(lines)


def stderr() -> TextIO | None:
    """Standard error; None where the process was started without one."""
    return sys.stderr

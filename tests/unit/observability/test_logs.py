"""Log lines: for machines or for people, and never in the way of those who serve."""

import io
import json
import logging
import os
import pty
import sys
import threading
import time

import pytest

from tierrouter_telemetry.logs import JSONLines, LogFormat, TextLines, WrittenBehind, fields, log_to


@pytest.fixture(autouse=True)
def own_logging():
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield
    for handler in [each for each in root.handlers if each not in before[1]]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def record(message: str = "turn", **more: object) -> logging.LogRecord:
    made = logging.LogRecord("tierrouter", logging.INFO, "", 0, message, (), None)
    made.__dict__.update(fields(**more))
    return made


def test_a_line_for_machines_is_one_object_with_its_fields() -> None:
    line = JSONLines().format(record("a\nb", turn="1f", cost_usd=0.25, ttft_ms=None))
    assert "\n" not in line
    said = json.loads(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {"level": "info", "logger": "tierrouter", "message": "a\nb", "turn": "1f", "cost_usd": 0.25}


def test_a_name_that_is_no_text_spoils_no_line() -> None:
    assert json.loads(JSONLines().format(record(session="\ud800")))["session"] == "\ud800"


def test_a_line_for_people_has_its_fields_behind_the_message() -> None:
    line = TextLines().format(record(turn="1f", reason='Rule: "x" is true'))
    assert line.endswith(' INFO turn turn=1f reason="Rule: \\"x\\" is true"')


@pytest.mark.parametrize("odd", ["\x1b[2J", "\r", "\x07", "\x9b31m", "\u2028", "\u202e", "\ud800", "\x00"])
def test_nobody_elses_text_moves_a_terminals_cursor_or_begins_a_line(odd: str) -> None:
    line = TextLines().format(record(f"vendor answered 500: {odd}x", session=f"a{odd}b", reason=f"a {odd}"))
    assert line.isprintable()
    assert f"vendor answered 500: {odd.encode('unicode_escape').decode()}x session=" in line


def test_what_has_lines_of_its_own_begins_none_of_the_log() -> None:
    line = TextLines().format(record("refused:\n2026-01-01 00:00:00,000 INFO turn", session="a\nb"))
    assert line.endswith(' INFO refused:\n    2026-01-01 00:00:00,000 INFO turn session="a\\nb"')


def test_letters_of_all_the_world_stay_as_they_are() -> None:
    assert TextLines().format(record("größer", agent="代理🦄")).endswith(" INFO größer agent=代理🦄")


def test_a_traceback_is_part_of_both() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        made = record("a defect")
        made.exc_info = sys.exc_info()
    assert "ValueError: odd" in json.loads(JSONLines().format(made))["exception"]
    made.exc_text = None
    assert TextLines().format(made).rstrip().endswith("ValueError: odd")


def test_a_terminal_gets_text_and_everything_else_json() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as terminal:
        assert log_to(terminal, LogFormat.AUTO) is LogFormat.TEXT
        assert log_to(terminal, LogFormat.JSON) is LogFormat.JSON
    assert log_to(io.StringIO(), LogFormat.AUTO) is LogFormat.JSON
    assert log_to(None, LogFormat.AUTO) is LogFormat.JSON


def test_what_was_said_before_the_end_is_written() -> None:
    stream = io.StringIO()
    handler = WrittenBehind(stream)
    for number in range(100):
        handler.emit(record(f"line {number}"))
    handler.close()
    assert stream.getvalue().splitlines() == [f"line {number}" for number in range(100)]


class Stuck(io.StringIO):
    """A terminal that was stopped, until it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait(10)
        return super().write(text)


def test_a_reader_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed() -> None:
    stream = Stuck()
    handler = WrittenBehind(stream, max_waiting=10)
    handler.emit(record("first"))
    while handler._waiting:
        time.sleep(0.001)
    for number in range(50):
        handler.emit(record(f"line {number}"))
    stream.goes_on.set()
    handler.close()
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["first", "line 0"]
    assert lines[-1] == "40 log lines were left out: nobody read them"
    assert len(lines) == 12


def test_a_closed_pipe_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    handler = WrittenBehind(stream)
    handler.emit(record())
    handler.close()
    assert not handler._thread.is_alive()
    with pytest.raises(BrokenPipeError):
        stream.close()

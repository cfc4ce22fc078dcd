"""What `history` and `revisions` print can be read on any terminal and by any program."""

import re

import pytest

from tierrouter_kubectl.history import Moment, print_history

SAID = "tier routine solved 540 of 600 tasks (90.0 %) in 3 runs, under its floor of 92 %: file_count 8 -> 7."
MOMENTS = [
    Moment(
        time="2026-11-29T03:41:10Z",
        event="Regress",
        run="nightly-coding-202611290300",
        revision="coding-agents-014213bce1",
        message=SAID,
    ),
    Moment(time="", event="InForce", revision="coding-agents-014213bce1", message="Regression: file_count 8 -> 7."),
]


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_on_a_terminal_of_any_width_every_word_is_there(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_history(MOMENTS, "coding")
    found = printed(capsys)
    words = found.split()
    for moment in MOMENTS:
        for word in f"{moment.time} {moment.event} {moment.run} {moment.revision} {moment.message}".split():
            assert word in words
    assert "…" not in found


def test_on_a_terminal_of_80_columns_the_text_is_below_its_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_history(MOMENTS, "coding")
    head, first, *_ = printed(capsys).splitlines()
    assert head.split() == ["time", "event", "run", "revision"]
    assert first.split()[1:3] == ["Regress", "nightly-coding-202611290300"]


def test_in_a_pipe_each_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_history(MOMENTS, "coding")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(MOMENTS)
    assert lines[0].split() == ["time", "event", "run", "revision", "what"]
    assert lines[1].endswith(SAID)

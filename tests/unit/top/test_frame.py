"""What ``tierrouter top`` draws, for screens of any size."""

import io
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from tierrouter_cli.top.frame import Shown, frame
from tierrouter_cli.top.look import Look, Pod
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.summary.make import Counted, summarise
from tierrouter_core.summary.model import FirstTokens, Summary
from tierrouter_core.summary.total import added_up

AT = datetime(2026, 9, 21, 13, 33, 20, tzinfo=UTC)
TIERS = {"routine": ("kimi-k2-6", False), "reasoning": ("gpt-5-5", True), "deep": ("claude-opus-4-7", True)}


@cache
def summary(turns: int = 90, problems: int = 0, recent: int = 50) -> Summary:
    counted = Counted(
        turns={("routine", "kimi-k2-6", "answered"): float(turns), ("deep", "claude-opus-4-7", "cut"): 3.0},
        decisions={("routine", "Default"): 60.0, ("deep", "Rule"): 7.0, ("routine", "ToolLoop"): 33.0},
        tokens={("routine", "kimi-k2-6", "input"): 100_000.0, ("routine", "kimi-k2-6", "cache_read"): 300_000.0},
        cost_usd={("routine", "kimi-k2-6"): 1.5, ("deep", "claude-opus-4-7"): 2.5},
        deep_turns={(): 3.0},
        deep_cost_usd={(): 2.5},
        baseline_usd={("gpt-5-5",): 20.0},
        compared_usd={("gpt-5-5",): 4.0},
        errors={("vendor", "server_error"): 5.0},
        first_tokens={"routine": FirstTokens((0.1, 1.0), (50, 40, 0))},
    )
    status = {
        "stable": "coding-0123456789",
        "router": "coding",
        "namespace": "agents",
        "mode": "Route",
        "tiers": {name: {"provider": "vendor", "model": m, "expensive": dear} for name, (m, dear) in TIERS.items()},
        "leftAlone": [
            {"provider": f"vendor-{n}", "model": "kimi", "state": "open", "forSeconds": 60.0, "why": "it answered 503"}
            for n in range(problems)
        ],
        "spending": {
            "budgets": [{"name": "day", "scope": "Router", "limitUSD": "20", "exhausted": 0, "usedRatio": 0.43}]
        },
    }
    row = TurnRow("1", "2026-09-21T13:33:10.000Z", tier="routine", reason="Rule: wide is true", outcome="answered")
    return summarise(
        counted,
        status,
        [row] * recent,
        now_s=AT.timestamp(),
        began_s=AT.timestamp() - 8040,
        in_flight=2,
        shows_recent=True,
    )


def drawn(look: Look | None, width: int = 80, height: int | None = None, trouble: str = "", **options) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height or 25, highlight=False, **options)
    console.print(frame(Shown(look=look, at=AT, trouble=trouble, keys="q quits"), console, height))
    return out.getvalue()


def one(**more) -> Look:
    return Look(where="http://127.0.0.1:9464", total=summary(**more))


@cache
def fleet(count: int = 2, left_out: int = 0) -> Look:
    pods = [Pod(f"agent-{n}", summary(turns=100 - n, recent=0)) for n in range(count - 1)]
    silent = Pod("agent-silent", None, "it does not answer")
    total = added_up([pod.summary for pod in pods if pod.summary is not None])
    return Look(where="namespace agents", total=total, pods=(silent, *pods), left_out=left_out)


def test_it_says_what_is_spent_saved_and_served_by_whom_and_why():
    text = drawn(one())
    for words in (
        "coding  namespace agents  revision coding-0123456789  up 2 h 14 min",
        "Spent             $4.00  $0.0430 a turn",
        "Saved            $16.00  80.0 % less than all on gpt-5-5",
        "Turns                93  300 a minute, 2 under way",
        "Failed            3.2 %  3 of 93; 0.0 % fell back to another tier",
        "✓ Nothing is failing.",
        "Why  Default 60.0 %  ToolLoop 33.0 %  Rule 7.0 %",
        "Failed calls  vendor: server error 100.0 %",
        "day, $20 in all: 43.0 % used",
        "http://127.0.0.1:9464  ·  13:33:20  ·  q quits",
    ):
        assert words in text
    (routine,) = (line for line in text.splitlines() if line.startswith("routine "))
    assert routine.split() == ["routine", "kimi-k2-6", "96.8", "%", "90", "400k", "75.0", "%", "–", "$1.50"]
    assert "deep*" in text and "* expensive" in text
    assert "13:33:10  routine  Rule: wide" in text


def test_a_wide_screen_shows_more():
    assert "First token" not in drawn(one(), 80)
    wide = drawn(one(), 130)
    assert "First token" in wide and "Provider" in wide and "█" in wide


@settings(max_examples=10)
@given(st.integers(50, 200), st.integers(0, 5))
def test_no_line_is_longer_than_the_screen_is_wide_and_no_figure_is_cut(width, problems):
    text = drawn(one(problems=problems), width)
    assert max(map(len, text.splitlines())) <= width
    assert all(figure in text for figure in ("$4.00", "$16.00", "96.8 %", "$1.50"))


@settings(max_examples=10)
@given(st.integers(24, 80), st.sampled_from([60, 80, 120]), st.booleans())
@example(25, 60, True)
def test_no_picture_is_higher_than_the_screen(height, width, of_fleet):
    text = drawn(fleet(60) if of_fleet else one(), width, height)
    assert len(text.splitlines()) <= height
    assert "q quits" in text


def test_problems_are_on_the_screen_before_all_tables():
    lines = drawn(one(problems=2)).splitlines()
    problem = next(n for n, line in enumerate(lines) if "vendor-0, model kimi, is left alone for another 1 min" in line)
    assert lines[problem].startswith("✖ ")
    assert problem < next(n for n, line in enumerate(lines) if line.startswith("Tier "))


def test_what_is_wrong_is_seen_on_a_low_and_narrow_screen_before_what_is_only_said():
    shown = drawn(one(problems=1), width=40, height=12).splitlines()[:12]
    assert any("vendor-0, model kimi, is left alone" in line for line in shown)
    for fact in ("Spent", "Saved", "Expensive tiers", "Turns", "Failed"):
        assert any(line.startswith(fact) for line in shown), shown


def test_without_colour_nothing_is_lost(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = drawn(one(problems=1), force_terminal=True)
    assert "\x1b[3" not in text and "✖ " in text
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[31m" in drawn(one(problems=1), force_terminal=True, color_system="standard")


def test_a_sidecar_that_went_away_leaves_its_last_figures_and_why():
    text = drawn(one(), trouble="http://127.0.0.1:9464 does not answer (Connection refused)")
    assert "✖ These figures are of 13:33:20; trying again: http://127.0.0.1:9464 does not" in text
    assert "$4.00" in text


def test_a_sidecar_that_was_never_there_is_said():
    assert drawn(None, trouble="nobody answers").splitlines()[0] == "✖ nobody answers; trying again"


def test_a_namespace_has_a_line_for_every_pod_and_says_which_do_not_answer():
    text = drawn(fleet(3, left_out=2), 110)
    assert "sidecars 2" in text
    (silent,) = (line for line in text.splitlines() if line.startswith("agent-silent"))
    assert "it does not answer" in silent
    (busy,) = (line for line in text.splitlines() if line.startswith("agent-0"))
    assert busy.split() == ["agent-0", "103", "$4.00", "2.9", "%", "2.9", "%", "coding-0123456789", "fine"]
    assert "2 of suites left out" in text


def test_more_pods_than_there_is_room_for_are_counted():
    assert "more pods" in drawn(fleet(60), 80, 45)
    assert "more pods" not in drawn(fleet(5), 80, 60)


@pytest.mark.parametrize("left_out", [0, 3])
def test_a_namespace_without_sidecars_says_so(left_out):
    look = Look(where="namespace agents", total=added_up([]), pods=(), left_out=left_out)
    assert "No running pod of namespace agents has a sidecar." in drawn(look)

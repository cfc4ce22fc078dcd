"""What `tierrouter regress run` and `submit` say of a run, what they end with, and what they submit."""

import asyncio
import time
from typing import Any

import pytest
import typer
from router_world import World
from typer.testing import CliRunner

from tierrouter_cli.regress import run as run_module
from tierrouter_cli.regress.connection import RegressError
from tierrouter_cli.regress.following import exit_code, steps
from tierrouter_cli.regress.run import run
from tierrouter_cli.regress.submit import submit
from tierrouter_cli.regress.submitting import cell_of
from tierrouter_core.canonical import canonical_json
from tierrouter_core.document.codec import document_from_bytes
from tierrouter_operator.errors import NotFoundError
from tierrouter_operator.planning.suite_starts import asked_name

Obj = dict[str, Any]


def test_each_step_of_a_run_is_a_line_and_said_once() -> None:
    began: Obj = {"phase": "Running", "started": ["routine"]}
    assert list(steps("n-1", {}, began)) == ["cell routine: its Job was made"]
    assert list(steps("n-1", began, began)) == []
    measured = {
        **began,
        "started": ["routine", "deep"],
        "results": [
            {"name": "routine", "tasks": 38, "resolved": 36, "errors": 2, "costUSD": "0.50"},
            {"name": "deep", "tasks": 0, "resolved": 0, "error": "evicted"},
        ],
    }
    assert list(steps("n-1", began, measured)) == [
        "cell deep: its Job was made",
        "cell routine: 36 of 38 tasks solved, 2 could not be tried, $0.50",
        "cell deep: no results: evicted",
    ]
    cells = [{"name": "routine", "sentence": "routine solved 94.7 %"}]
    decided = {**measured, "phase": "Decided", "decision": {"action": "Regress", "reason": "it slips", "cells": cells}}
    assert list(steps("n-1", measured, decided)) == [
        "cell routine: routine solved 94.7 %",
        "run n-1: Regress: it slips",
    ]


def test_a_run_that_fails_says_why() -> None:
    conditions = [{"type": "Decided", "status": "False", "reason": "NoResults", "message": "no cell has a task"}]
    failed = {"phase": "Failed", "conditions": conditions}
    assert list(steps("n-1", {}, failed)) == ["run n-1 failed (NoResults): no cell has a task"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({}, None),
        ({"phase": "Collected"}, None),
        ({"phase": "Failed"}, 1),
        ({"phase": "Decided", "decision": {"action": "Nothing"}}, 0),
        ({"phase": "Decided", "decision": {"action": "Promote"}}, 0),
        ({"phase": "Decided", "decision": {"action": "Recover"}}, 0),
        ({"phase": "Decided", "decision": {"action": "Regress"}}, 4),
        ({"phase": "Decided", "decision": {"action": "Reject"}}, 4),
    ],
)
def test_the_exit_code_is_the_decision(status: Obj, code: int | None) -> None:
    assert exit_code(status) == code


@pytest.fixture(scope="module")
def world() -> World:
    found = World()
    found.settle()
    return found


def test_what_is_submitted_is_a_cell_of_the_tier_in_force(world: World) -> None:
    document = document_from_bytes(canonical_json(world.stable))
    own, other = cell_of(document, "routine", ""), cell_of(document, "routine", "deepseek-v4-flash")
    assert (own.name, own.provider, own.model, own.is_candidate) == ("routine", "openrouter", "kimi-k2-6", False)
    assert (other.name, other.model, other.is_candidate) == ("routine-deepseek-v4-flash", "deepseek-v4-flash", True)
    assert cell_of(document, "routine", "kimi-k2-6") == own
    with pytest.raises(RegressError, match='no tier routin; did you mean "routine"'):
        cell_of(document, "routin", "")
    with pytest.raises(RegressError, match="has no such model"):
        cell_of(document, "routine", "gpt-5-5")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--junit", "a.xml", "--json-lines", "b.jsonl"]],
    ids=["no results", "two formats"],
)
def test_submit_takes_results_in_one_format(arguments: list[str]) -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(submit)
    done = CliRunner().invoke(app, ["-s", "nightly", "--tier", "routine", *arguments])
    assert done.exit_code == 2
    assert "one of --junit, --inspect and --json-lines" in done.output


def test_a_cluster_that_is_not_there_is_an_error_in_one_line() -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(run)
    done = CliRunner().invoke(app, ["-s", "nightly", "--kubeconfig", "/nowhere"])
    assert done.exit_code == 3
    assert "there is no kubeconfig /nowhere" in done.output


class Cluster:
    """A suite whose annotation others set too; each run is there from one look on."""

    def __init__(self, *asked: str, begins_at: int | None = None) -> None:
        self.asked, self.begins_at = asked, begins_at
        self.looks = 0

    async def get(self, path: str) -> Obj:
        if "regressionsuites" in path:
            asked = self.asked[min(self.looks, len(self.asked) - 1)]
            self.looks += 1
            annotations = {"tierrouter.dev/run-now": asked} if asked else {}
            return {"metadata": {"name": "nightly", "annotations": annotations}, "status": {"lastRun": "nightly-0"}}
        if self.begins_at is not None and self.looks >= self.begins_at:
            return {}
        raise NotFoundError("there is no such run")


def begun(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(run_module, "EVERY_S", 0.0)
    until = time.monotonic() + 0.2
    return asyncio.run(run_module._until_begun(cluster, "agents", "nightly", "nightly-a", "A", until))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("since", "said"),
    [("B", f"asked for run {asked_name('nightly', 'B')} of suite nightly since"), ("", "has taken back")],
)
def test_a_run_that_a_later_request_has_overtaken_is_not_waited_for(
    since: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RegressError, match=said):
        begun(Cluster("A", "A", since), monkeypatch)


def test_a_run_that_begins_while_somebody_asks_for_another_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert begun(Cluster("A", "B", begins_at=3), monkeypatch)


def test_a_run_that_is_asked_for_is_waited_for_while_the_suite_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not begun(Cluster("A"), monkeypatch)

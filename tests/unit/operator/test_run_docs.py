"""docs/regression-runs.md has every word that the operator says of suites and runs, and no exit code is missing."""

import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tierrouter_cli.exits import SLIPPED, STILL_GOING
from tierrouter_core.regression.words import RunCondition, RunEvent, RunReason
from tierrouter_core.resources.regression_run import RunPhase

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / "examples/github-actions/tierrouter-regression.yaml"
PAGE = (ROOT / "docs" / "regression-runs.md").read_text()


@pytest.mark.parametrize("word", [*RunCondition, *RunReason, *RunEvent, *RunPhase])
def test_every_word_is_explained(word: str) -> None:
    assert re.search(rf"^\|[^|]*`{word}`[^|]*\|", PAGE, re.M)


@pytest.mark.parametrize("code", [0, 1, SLIPPED, STILL_GOING])
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\| {code} \|", PAGE, re.M)


@pytest.fixture
def workflow() -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(WORKFLOW.read_text()))


def test_the_example_for_ci_calls_what_there_is(workflow: dict[str, Any]) -> None:
    import inspect

    from tierrouter_cli.regress.submit import submit

    steps = " ".join(step.get("run", "") for step in workflow["jobs"]["routine"]["steps"])
    command = steps[steps.index("tierrouter regress submit") :]
    options = set(re.findall(r" --([a-z-]+)", command))
    assert options <= {name.replace("_", "-") for name in inspect.signature(submit).parameters}


def test_the_example_for_ci_may_read_the_repository_and_no_more(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    (checkout,) = [step for step in workflow["jobs"]["routine"]["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"] == {"persist-credentials": False}


def test_the_example_for_ci_runs_the_actions_that_were_read(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for step in workflow["jobs"]["routine"]["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each) for each in used)


def test_the_example_for_ci_gives_secrets_to_the_steps_that_need_them_and_writes_none_where_others_read(
    workflow: dict[str, Any],
) -> None:
    for step in workflow["jobs"]["routine"]["steps"]:
        assert "secrets." not in step.get("run", ""), "a secret in a command is in the process list"
        if "KUBECONFIG_TEXT" in step.get("run", ""):
            assert step["run"].startswith("umask 077\n")
    assert "env" not in workflow and "env" not in workflow["jobs"]["routine"]


def test_the_example_for_ci_waits_for_the_router_before_it_tries_tasks(workflow: dict[str, Any]) -> None:
    (run,) = [step["run"] for step in workflow["jobs"]["routine"]["steps"] if "tierrouter run" in step.get("run", "")]
    assert run.index("tierrouter run") < run.index("/readyz") < run.index("pytest")

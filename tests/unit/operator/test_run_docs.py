"""docs/regression-runs.md has every word that the operator says of suites and runs, and no exit code is missing."""

import re
from pathlib import Path

import pytest
import yaml

from tierrouter_cli.exits import SLIPPED, STILL_GOING
from tierrouter_core.regression.words import RunCondition, RunEvent, RunReason
from tierrouter_core.resources.regression_run import RunPhase

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "regression-runs.md").read_text()


@pytest.mark.parametrize("word", [*RunCondition, *RunReason, *RunEvent, *RunPhase])
def test_every_word_is_explained(word: str) -> None:
    assert re.search(rf"^\|[^|]*`{word}`[^|]*\|", PAGE, re.M)


@pytest.mark.parametrize("code", [0, 1, SLIPPED, STILL_GOING])
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\| {code} \|", PAGE, re.M)


def test_the_example_for_ci_calls_what_there_is() -> None:
    import inspect

    from tierrouter_cli.regress.submit import submit

    workflow = yaml.safe_load((ROOT / "examples/github-actions/tierrouter-regression.yaml").read_text())
    steps = " ".join(step.get("run", "") for step in workflow["jobs"]["routine"]["steps"])
    command = steps[steps.index("tierrouter regress submit") :]
    options = set(re.findall(r" --([a-z-]+)", command))
    assert options <= {name.replace("_", "-") for name in inspect.signature(submit).parameters}

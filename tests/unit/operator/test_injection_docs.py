"""docs/injection.md says everything that there is, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tierrouter_cli.commands import app
from tierrouter_core import contract
from tierrouter_core.contract import Agent, InjectionReason

PAGE = (Path(__file__).parents[3] / "docs" / "injection.md").read_text()
COMMAND: Any = typer.main.get_command(app).commands["webhook"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", [*InjectionReason, *Agent])
def test_every_reason_and_every_agent_is_explained(word: str) -> None:
    assert re.search(rf"^\|[^|]*`{re.escape(word)}`", PAGE, re.M)


@pytest.mark.parametrize(
    "name",
    [
        contract.INJECT_LABEL,
        contract.ROUTER_LABEL,
        contract.AGENT,
        contract.AGENT_CONTAINERS,
        contract.TOKEN_SECRET,
        contract.OVERRIDE_ENV_FROM,
    ],
)
def test_every_label_and_annotation_of_users_is_explained(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{re.escape(name)}", PAGE, re.M)


@pytest.mark.parametrize("parameter", COMMAND.params, ids=lambda parameter: parameter.name)
def test_every_setting_has_a_row_with_its_variable(parameter: Any) -> None:
    assert f"| `{parameter.opts[0]}` | `{parameter.envvar}` |" in PAGE

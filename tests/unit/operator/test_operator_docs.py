"""docs/operator.md has every setting, metric, condition, reason, event and annotation."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tierrouter_cli.commands import app
from tierrouter_core import contract
from tierrouter_core.contract import ConditionReason, ConditionType, EventReason

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "operator.md").read_text()
TROUBLES = (DOCS / "troubleshooting.md").read_text()
COMMAND: Any = typer.main.get_command(app).commands["operator"]  # type: ignore[attr-defined]
OF_THE_ACTIVE = (
    contract.STABLE_REVISION,
    contract.CANARY_REVISION,
    contract.ACTIVATION,
    contract.INPUTS_DIGEST,
    contract.SPEC_DIGEST,
    contract.REVISION_SPEC,
    contract.UNPINNED_REVISION,
    contract.ROLLOUT,
    contract.MOVED,
)


@pytest.mark.parametrize("word", [*ConditionType, *EventReason, *OF_THE_ACTIVE, contract.ALLOWED_HOSTS])
def test_every_word_that_the_operator_says_is_explained(word: str) -> None:
    assert re.search(rf"^\|[^|]*`{re.escape(word)}`", PAGE, re.M) or f"`{word}` on a Secret" in PAGE


@pytest.mark.parametrize("reason", ConditionReason)
def test_every_reason_of_a_condition_is_explained_with_what_to_do(reason: str) -> None:
    rows = re.findall(rf"^\|[^|]*`{reason}`[^|]*\|([^|]+)\|([^|]+)\|$", TROUBLES, re.M)
    assert rows and all(meaning.strip() and remedy.strip() for meaning, remedy in rows)


def test_no_reason_is_explained_that_nobody_says() -> None:
    table = TROUBLES.partition("## Without a condition")[0]
    said = {word for cell in re.findall(r"^\|([^|]+)\|", table, re.M) for word in re.findall(r"`(\w+)`", cell)}
    assert said == set(ConditionReason)


@pytest.mark.parametrize("type_", [each for each in ConditionType if each != ConditionType.READY])
def test_every_condition_has_a_section(type_: str) -> None:
    assert re.search(rf"^## .*\b{type_}\b", TROUBLES, re.M)


@pytest.mark.parametrize("option", [option for parameter in COMMAND.params for option in parameter.opts])
def test_every_setting_has_a_row(option: str) -> None:
    assert re.search(rf"^\|[^|]*`{re.escape(option)}`", PAGE, re.M)


@pytest.mark.parametrize("parameter", COMMAND.params, ids=lambda parameter: parameter.name)
def test_every_setting_is_a_variable_too(parameter: Any) -> None:
    assert f"`{parameter.envvar}`" in PAGE

"""docs/kubectl.md has every command and option of the plugin."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tierrouter_kubectl.commands import app

PAGE = (Path(__file__).parents[2] / "docs" / "kubectl.md").read_text()
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OF_EACH = {"--namespace", "-n", "--context", "--kubeconfig"}
OPTIONS = [
    (name, option)
    for name, command in COMMANDS.items()
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("-")
]
SHORT = {"--output": "-o", "--header": "-H", "--all-namespaces": "-A"}


def test_the_table_lists_the_commands_that_there_are() -> None:
    assert sorted(re.findall(r"^\| `(\w+) ", PAGE, re.M)) == sorted(COMMANDS)


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_is_in_the_row_of_its_command_or_in_that_of_all(command: str, option: str) -> None:
    assert f"`{option}`" in PAGE or re.search(rf"(?<![\w-]){option}(?![\w-])", PAGE)
    if option not in OF_EACH:
        (row,) = re.findall(rf"^\| `{command} .*$", PAGE, re.M)
        assert re.search(rf"(?<![\w-]){SHORT.get(option, option)}(?![\w-])", row)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    assert COMMANDS[name].help.endswith(".")
    assert all(parameter.help for parameter in COMMANDS[name].params)

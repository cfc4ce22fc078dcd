"""What a user can see is in the documentation: options, headers, reasons, exit codes, variables; and links lead somewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tierrouter_cli import exits
from tierrouter_cli.commands import app
from tierrouter_core import names
from tierrouter_core.names import Outcome, Reason
from tierrouter_kubectl.commands import app as plugin

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/runbooks/*.md"))]
}
CLI = PAGES["docs/cli.md"]
ROUTING = PAGES["docs/routing.md"]


def commands_of(group: Any, before: str = "") -> dict[str, Any]:
    """By what is written to run them: ``report``, ``regress suite``."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found.update(commands_of(command, f"{before}{name} "))
        else:
            found[before + name] = command
    return found


COMMANDS = commands_of(typer.main.get_command(app))
PLUGIN = commands_of(typer.main.get_command(plugin))
OPTIONS = [
    pytest.param(name, option, id=f"{name} {option}")
    for name, command in COMMANDS.items()
    for parameter in command.params
    for option in (
        (*parameter.opts, *parameter.secondary_opts)
        if parameter.param_type_name == "option"
        else (parameter.metavar.rstrip("."),)
    )
]
HEADERS = [value for name, value in vars(names).items() if name.endswith("_HEADER")]
EXIT_CODES = {name: value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}


def spoken(text: str) -> str:
    """Markdown as it reads: an escaped bar is a bar."""
    return text.replace("\\|", "|")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    _, found, rest = page.partition(f"## {heading}\n")
    assert found, f"there is no heading {heading!r}"
    lines = [line for line in spoken(rest.partition("\n## ")[0]).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def modules(word: str) -> Iterator[ast.Module]:
    """Those in which ``word`` can be found: parsing all five hundred takes seconds."""
    for part in ("core", "prices", "telemetry", "sidecar", "operator", "evaluation", "cli"):
        for path in sorted((ROOT / part).rglob("*.py")):
            text = path.read_text()
            if re.search(word, text):
                yield ast.parse(text)


def constants() -> dict[str, str]:
    """Strings with a name, at the top of any module."""
    found = {}
    for module in modules(r"(?m)^[A-Z_]+\b.* = \"[A-Z][A-Z0-9_]+\""):
        for node in module.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found.update((target.id, value.value) for target in targets if isinstance(target, ast.Name))
    return found


def is_environ(node: ast.AST) -> bool:
    return ast.unparse(node) == "os.environ"


def variables_read() -> set[str]:
    """Names of environment variables that the code asks for by name."""
    known = constants()
    asked: list[ast.expr] = []
    for module in modules("environ|getenv"):
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[name, *_]) if is_environ(owner):
                    asked.append(name)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="getenv"), args=[name, *_]):
                    asked.append(name)
                case ast.Subscript(value=owner, slice=name) if is_environ(owner):
                    asked.append(name)
    found = set()
    for name in asked:
        if isinstance(name, ast.Constant):
            found.add(name.value)
        elif isinstance(name, ast.Name) and name.id in known:
            found.add(known[name.id])
        else:
            # A loop over what is handed on to a child process, not something that means anything here.
            assert isinstance(name, ast.Name) and name.id.islower(), ast.unparse(name)
    return found


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_is_in_the_row_of_its_command(command: str, option: str) -> None:
    (row,) = (line for line in spoken(CLI).splitlines() if line.startswith(f"| `tierrouter {command} "))
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", CLI), f"docs/cli.md says nothing of {option}"
    forms = (option, {"--file": "-f", "--header": "-H", "--namespace": "-n", "--suite": "-s"}.get(option, option))
    assert any(re.search(rf"(?<![\w-]){re.escape(form)}(?![\w-])", row) for form in forms), row


def test_the_table_of_commands_lists_those_that_there_are() -> None:
    listed = re.findall(r"^\| `tierrouter ([a-z]+(?: [a-z]+)*) ", CLI, re.M)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_a_help_text_that_ends_in_a_full_stop(name: str) -> None:
    command = COMMANDS[name]
    assert command.help.endswith(".")
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith((".", "]")), parameter.help


def test_every_command_of_the_documentation_exists() -> None:
    for page, text in PAGES.items():
        code = " ".join(re.findall(r"`[^`\n]+`", text))
        for is_plugin, *words in re.findall(r"(?<![\w/.-])(kubectl )?tierrouter ([a-z]+)(?: ([a-z]+))?(?=[ `])", code):
            there = PLUGIN if is_plugin else COMMANDS
            groups = {name.partition(" ")[0] for name in there if " " in name}
            command = " ".join(words) if words[0] in groups and words[1] else words[0]
            assert command in {*there, *groups}, f"{page}: {is_plugin}tierrouter {command}"


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_is_documented(header: str) -> None:
    assert any(header in text for text in PAGES.values())


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason: Reason) -> None:
    assert re.search(rf"`{reason}`|\b{reason}: |^`{reason}`", ROUTING), f"docs/routing.md says nothing of {reason}"


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_a_turn_is_documented(outcome: Outcome) -> None:
    assert f"`{outcome}`" in PAGES["docs/ledger.md"]


def test_exit_codes_are_documented_and_no_others() -> None:
    assert sorted(row[0] for row in rows(CLI, "Exit codes")) == sorted(str(code) for code in EXIT_CODES.values())


def test_every_environment_variable_that_is_read_is_documented_and_no_other() -> None:
    options = {parameter.envvar for command in COMMANDS.values() for parameter in command.params}
    read = variables_read() | options - {None}
    assert {"TIERROUTER_STATE_DIR", "TIERROUTER_LOG_LEVEL", "POD_IPS"} <= read, "the search is broken"
    documented = {name for row in rows(CLI, "Environment") for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])}
    assert documented - {"OPENROUTER_API_KEY"} == read


@pytest.mark.parametrize("page", PAGES)
def test_links_and_images_lead_to_files_and_headings_that_exist(page: str) -> None:
    # What stands in code is no link, though a pattern can look like one.
    prose = re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```", "", PAGES[page], flags=re.M | re.S))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page}: {target}"


def test_every_page_is_linked_from_the_readme() -> None:
    for page in PAGES:
        # Runbooks are for whom an alert sends there, and linked from the page of alerts.
        index = "docs/alerts.md" if page.startswith("docs/runbooks/") else "README.md"
        if page != "README.md":
            assert f"({Path(page).relative_to(Path(index).parent)})" in PAGES[index], page


def test_files_that_the_documentation_names_exist() -> None:
    for page, text in PAGES.items():
        for name in re.findall(r"(?<![\w/<.-])((?:docs|examples|scripts|tests|bench)/[\w./-]*\w)", text):
            assert (ROOT / name).exists(), f"{page}: {name}"

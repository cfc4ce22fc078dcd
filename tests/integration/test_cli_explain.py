"""``tierrouter explain``: which tier, by which rules, and why; and the words of all commands."""

import json
import shlex
import subprocess
import tomllib

import pytest
from tierrouter_process import COMMAND, KEYS, ROOT, environment, router_file, router_text, serving, tierrouter

from tierrouter_core import __version__

TOOL = {"name": "read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}}
REQUESTS = {
    "OpenAIChat": [
        {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
        {"model": "auto", "messages": [{"role": "system", "content": "Be brief."}], "max_tokens": 10},
        {"model": "auto", "messages": [], "tools": [{"type": "function", "function": TOOL}], "max_tokens": 10},
    ],
    "OpenAIResponses": [{"model": "auto", "input": "Hi"}, {"model": "auto", "input": [], "instructions": "Be brief."}],
    "AnthropicMessages": [
        {"model": "auto", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]},
        {"model": "auto", "max_tokens": 10, "messages": [], "system": "Be brief."},
        {"model": "auto", "max_tokens": 10, "messages": [], "tools": [{"name": "read", "input_schema": {}}]},
    ],
}
CHAT = REQUESTS["OpenAIChat"][0]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("explain") / "router.yaml"
    path.write_text(router_text("http://127.0.0.1:9/v1"))
    return path


@pytest.fixture(scope="module")
def explain(file):
    def command(request, *arguments):
        stdin = request if isinstance(request, bytes) else json.dumps(request).encode()
        return tierrouter("explain", "-f", file, *arguments, stdin=stdin)

    return command


@pytest.mark.parametrize(
    ("dialect", "request_"), [(dialect, request) for dialect, requests in REQUESTS.items() for request in requests]
)
def test_the_dialect_is_told_by_the_request(explain, dialect, request_):
    ran = explain(request_, "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.stdout)["dialect"] == dialect


def test_the_dialect_that_is_named_counts(explain):
    request = {**REQUESTS["AnthropicMessages"][0]}
    assert json.loads(explain(request, "--format", "json", "--dialect", "OpenAIChat").stdout)["dialect"] == "OpenAIChat"


def test_the_text_says_tier_reason_and_every_rule_with_the_values_that_it_saw(explain):
    ran = explain(CHAT, "-H", 'x-tierrouter-task: {"file_count": 9}')
    assert ran.code == 0
    lines = [line.strip() for line in ran.text.splitlines()]
    assert lines[0] == "tier     reasoning  (gpt-5-5 at vendor)"
    assert lines[1].startswith("reason   Rule: wide-change is true")
    assert any(line.startswith("false  sandboxed") for line in lines)
    assert any(line.startswith("true   wide-change") and line.endswith("-> reasoning") for line in lines)
    assert "task.file_count=9, thresholds.file_count=8" in lines
    assert max(map(len, ran.text.splitlines())) < 140


def test_the_json_says_the_same(explain):
    said = json.loads(explain(CHAT, "--header", 'x-tierrouter-task: {"file_count": 9}', "--format", "json").stdout)
    assert (said["tier"], said["model"], said["provider"], said["reason"]) == (
        "reasoning",
        "gpt-5-5",
        "vendor",
        "Rule",
    )
    assert said["then"] == ["fallback"]
    assert [(rule["name"], rule["matched"]) for rule in said["rules"]] == [("sandboxed", False), ("wide-change", True)]
    assert said["rules"][1]["saw"] == {"task.file_count": 9, "thresholds.file_count": 8}
    assert said["variables"]["task.file_count"] == 9


def test_a_hint_in_a_header_or_in_the_model_name_counts(explain):
    by_header = json.loads(explain(CHAT, "-H", "X-TierRouter-Hint: deep", "--format", "json").stdout)
    by_name = json.loads(explain({**CHAT, "model": "tier/deep"}, "--format", "json").stdout)
    assert (by_header["tier"], by_header["reason"]) == ("deep", "Hint")
    assert (by_name["tier"], by_name["reason"]) == ("deep", "Hint")


async def test_it_says_what_the_running_router_does(tmp_path, provider):
    file = router_file(tmp_path, provider)
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        for headers in ({}, {"x-tierrouter-hint": "deep"}, {"x-tierrouter-task": '{"sandboxed": true}'}):
            arguments = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
            said = json.loads(
                tierrouter(
                    "explain", "-f", file, "--format", "json", *arguments, stdin=json.dumps(CHAT).encode()
                ).stdout
            )
            answer = await router.post(CHAT, **headers)
            assert (said["tier"], f"{said['reason']}: {said['detail']}") == (
                answer.tier,
                answer.headers["x-tierrouter-reason"],
            )


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "empty"),
        (b"{bad", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"model": "m", "messages": 5}', "`messages` must be an array"),
    ],
    ids=["empty", "broken", "list", "bytes", "messages"],
)
def test_a_request_that_makes_no_sense_is_an_error_in_words(explain, stdin, message):
    ran = explain(stdin)
    assert (ran.code, ran.stdout) == (1, b"")
    assert message in ran.stderr


def test_a_role_that_is_none_tells_of_no_dialect(explain):
    ran = explain({"model": "m", "max_tokens": 9, "messages": [{"role": ["user"], "content": "x"}]}, "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.stdout)["dialect"] == "OpenAIChat"


@pytest.mark.parametrize(
    ("header", "code", "message"), [("no colon", 2, "no name"), ("x-tierrouter-task: {bad", 1, "not valid JSON")]
)
def test_a_header_that_makes_no_sense_is_an_error_in_words(explain, header, code, message):
    """What is no header is a wrong option; what a header says is part of the request."""
    ran = explain(CHAT, "-H", header)
    assert (ran.code, ran.stdout) == (code, b"")
    assert message in ran.stderr


def test_letters_that_the_terminal_lacks_are_no_error(file):
    request = json.dumps({**CHAT, "model": "modèle-✓-\ud800"}).encode()
    ran = tierrouter("explain", "-f", file, stdin=request, variables={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert "Traceback" not in ran.said
    assert ran.code in (0, 1)


@pytest.mark.parametrize("redirection", ["<&-", "< /dev/null >&-", "< /dev/null > /dev/full"])
def test_streams_that_are_closed_or_full_are_errors_in_words(file, redirection):
    line = f"{shlex.join([*COMMAND, 'explain', '-f', str(file)])} {redirection}"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment(), check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("tierrouter: ")
    assert len(ran.stderr.splitlines()) == 1


def test_the_version_is_the_packages():
    ran = tierrouter("--version")
    assert (ran.code, ran.text) == (0, f"tierrouter {__version__}\n")


def test_shells_can_complete_commands_and_options():
    assert "--install-completion" in tierrouter("--help").text
    for typed, completed in (("tierrouter comp", "compile"), ("tierrouter run --admin", "--admin-port")):
        words = typed.split()
        asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1), "_TIERROUTER_COMPLETE": "complete_bash"}
        assert tierrouter(variables=asked).text.split() == [completed]


def test_the_installed_commands_are_these():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {
        "tierrouter": "tierrouter_cli.main:main",
        "kubectl-tierrouter": "tierrouter_kubectl.main:main",
    }


@pytest.mark.parametrize("command", ["", "run", "sidecar", "compile", "explain", "report", "operator"])
def test_help_fits_80_columns_and_explains_every_option(command):
    ran = tierrouter(*([command] if command else []), "--help")
    assert ran.code == 0
    assert max(map(len, ran.text.splitlines())) <= 80
    assert f"Usage: tierrouter {command}".rstrip() in ran.text
    assert "..." not in ran.text.partition("\n")[2], "a summary was cut"
    for jargon in ("<str>", "<int", "<float"):
        assert jargon not in ran.text


def test_hooks_are_shown_with_what_they_say_of_the_request(tmp_path):
    path = tmp_path / "router.yaml"
    hooks = {"isComplexPlanning": "task.planning_depth > 3", "outputFlagged": "response.finish == 'length'"}
    path.write_text(router_text("http://127.0.0.1:9/v1", more=f"  hooks: {json.dumps(hooks)}"))
    header = ("-H", 'x-tierrouter-task: {"planning_depth": 4}')
    text = tierrouter("explain", "-f", path, *header, stdin=json.dumps(CHAT).encode()).stdout.decode()
    shown = text.partition("\nhooks")[2].splitlines()
    assert [line.strip() for line in shown[1:4]] == [
        "true   hooks.isComplexPlanning",
        "task.planning_depth > 3",
        "task.planning_depth=4",
    ]
    told = tierrouter("explain", "-f", path, *header, "--format", "json", stdin=json.dumps(CHAT).encode())
    asked = {hook["name"]: hook["matched"] for hook in json.loads(told.stdout)["hooks"]}
    assert asked == {"hooks.isComplexPlanning": True, "hooks.outputFlagged": None}

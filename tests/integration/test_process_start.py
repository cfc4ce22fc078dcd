"""What keeps a router from starting is said in one message, with the exit code of docs/cli.md."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tierrouter_process import COMMAND, KEYS, environment, router_file, router_text, serving, tierrouter, until

from provider import ScriptedProvider, closed_port

PLUGIN = (sys.executable, "-m", "tierrouter_kubectl.main")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""
READ_SOMETHING_WRONG, WRONG_OPTIONS, CAN_NOT_START = 1, 2, 3


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "router.yaml"
    path.write_text(router_text("http://127.0.0.1:9/v1"))
    return path


@pytest.fixture
def run(tmp_path, file):
    """Runs ``tierrouter run`` with free ports where it is not told others."""

    def command(*arguments, state_dir=tmp_path / "state", variables=KEYS, router=file, **more):
        given = {str(argument) for argument in arguments}
        ports = [(flag, closed_port()) for flag in ("--port", "--admin-port") if flag not in given]
        options = [part for pair in ports for part in pair]
        return tierrouter(
            "run", "-f", router, "--state-dir", state_dir, *options, *arguments, variables=variables, **more
        )

    return command


@pytest.fixture
def taken():
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def one_message(ran, *parts):
    """Nothing on stdout, and one line that says all ``parts``."""
    assert ran.stdout == b""
    lines = ran.stderr.splitlines()
    assert len(lines) == 1, ran.stderr
    assert lines[0].startswith("tierrouter: ")
    for part in parts:
        assert str(part) in lines[0]


@pytest.mark.parametrize("flag", ["--port", "--admin-port"])
def test_a_port_in_use_is_named_with_the_option_that_chooses_another(run, taken, flag):
    ran = run(flag, taken)
    assert ran.code == CAN_NOT_START
    one_message(ran, f"port {taken} of 127.0.0.1 is in use", flag)


def test_one_port_for_both_is_a_port_in_use(run):
    port = closed_port()
    ran = run("--port", port, "--admin-port", port)
    assert ran.code == CAN_NOT_START
    one_message(ran, port, "in use", "--admin-port")


async def test_a_second_router_on_the_same_port_leaves_the_first_one_alone(tmp_path, run):
    async with ScriptedProvider() as provider:
        file = router_file(tmp_path, provider)
        async with serving(tmp_path, "-f", file, variables=KEYS) as first:
            assert run("--port", first.port, state_dir=first.state_dir).code == CAN_NOT_START
            assert (await first.post()).status == 200
            assert await first.stop() == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_named(run, host):
    ran = run("--host", host)
    assert ran.code == CAN_NOT_START
    one_message(ran, host, "127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::"])
async def test_the_address_that_is_printed_is_one_that_answers(tmp_path, file, host):
    async with serving(tmp_path, "-f", file, "--host", host, variables=KEYS) as served:
        await until(lambda: "ready;" in served.log)
        printed = re.search(r"OPENAI_BASE_URL=(\S+)", served.log)
        assert printed is not None, served.log
        async with served.client.get(printed[1] + "/models") as answer:
            assert answer.status == 200, await answer.text()
        assert ("--allow-host NAME" in served.log) == (host in ("0.0.0.0", "::"))


async def test_an_address_of_ones_own_is_a_name_of_the_router(tmp_path, file):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        try:
            # Nothing is sent; it only tells by which address other machines would be reached.
            unsent.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address beside loopback")
        host = unsent.getsockname()[0]
    async with serving(tmp_path, "-f", file, "--host", host, variables=KEYS) as served:
        await until(lambda: "ready;" in served.log)
        async with served.client.get(f"http://{host}:{served.port}/v1/models") as answer:
            assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("where", ["a file", "below a file", "below /dev/null"])
def test_a_state_folder_that_can_not_be_written_is_named_with_what_to_do(tmp_path, run, where):
    (tmp_path / "occupied").write_text("")
    folder = {
        "a file": tmp_path / "occupied",
        "below a file": tmp_path / "occupied" / "state",
        "below /dev/null": Path("/dev/null/state"),
    }[where]
    ran = run(state_dir=folder)
    assert ran.code == CAN_NOT_START
    one_message(ran, folder, "--state-dir")


def test_a_ledger_that_is_none_is_named_and_left_as_it_is(tmp_path, run):
    ledger = tmp_path / "state" / "ledger.sqlite3"
    ledger.parent.mkdir()
    ledger.write_bytes(b"not a database, but somebody's file" * 100)
    ran = run()
    assert ran.code == CAN_NOT_START
    one_message(ran, ledger)
    assert ledger.read_bytes() == b"not a database, but somebody's file" * 100


def test_a_missing_file_is_named(tmp_path, run):
    ran = run(router=tmp_path / "absent.yaml")
    assert ran.code == READ_SOMETHING_WRONG
    assert f"{tmp_path / 'absent.yaml'}: can't be read: No such file or directory" in ran.stderr


def test_a_router_file_that_is_wrong_keeps_it_from_starting_with_every_problem_listed(run, file):
    text = file.read_text()
    file.write_text(text.replace("task.sandboxed", "task.sandbxed").replace("rank: 2", "rank: high"))
    ran = run()
    assert ran.code == READ_SOMETHING_WRONG
    assert "sandbxed" in ran.stderr
    assert "high" in ran.stderr
    assert ran.stderr.endswith("tierrouter: 2 problems found\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--port", "0"], "--port"),
        (["run", "--port", "99999"], "--port"),
        (["run", "--port", "http"], "--port"),
        (["run", "--host", ""], "--host"),
        (["run", "--host", " "], "--host"),
        (["run", "--state-dir", ""], "--state-dir"),
        (["sidecar", "--host", ""], "--host"),
        (["sidecar", "--admin-host", ""], "--admin-host"),
        (["operator", "--host", ""], "--host"),
        (["webhook", "--sidecar-image", "i:1", "--host", ""], "--host"),
        (["report", "--state-dir", ""], "--state-dir"),
        (["run", "--drain", "-1"], "--drain"),
        (["run", "--drain", "nan"], "--drain"),
        (["top", "--interval", "nan"], "--interval"),
        (["operator", "--resync", "nan"], "--resync"),
        (["run", "--frobnicate"], "--frobnicate"),
        (["frobnicate"], "frobnicate"),
        (["compile"], "--file"),
        (["explain"], "--file"),
        (["explain", "-f", "x.yaml", "--dialect", "Klingon"], "Klingon"),
        (["explain", "-f", "x.yaml", "--format", "xml"], "xml"),
        (["report", "--format", "xml"], "xml"),
        (["report", "--since", "yesterday-ish"], "yesterday-ish"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_are_named(tmp_path, arguments, message):
    ran = tierrouter(*arguments, variables={"TIERROUTER_STATE_DIR": str(tmp_path)})
    assert ran.code == WRONG_OPTIONS
    assert message in ran.stderr
    assert ran.stdout == b""


def test_reading_options_loads_nothing_that_a_pod_would_have_to_wait_for(tmp_path):
    traced = (sys.executable, "-X", "importtime", *COMMAND[1:])
    ran = tierrouter("run", "--drain", "1", "-f", tmp_path / "absent.yaml", program=traced)
    assert ran.code == READ_SOMETHING_WRONG
    assert "typer" in ran.stderr
    for heavy in ("pydantic", "kubernetes", "rich.console"):
        assert f" {heavy}\n" not in ran.stderr


def test_a_log_level_that_there_is_not_is_named_with_those_that_there_are(run):
    ran = run(variables={**KEYS, "TIERROUTER_LOG_LEVEL": "loud"})
    assert ran.code == CAN_NOT_START
    one_message(ran, "TIERROUTER_LOG_LEVEL", "loud", "INFO")


@pytest.fixture
def without_extras(tmp_path):
    """Variables of an environment in which no extra is installed."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("aiohttp", "kubernetes", "prometheus_client", "uvloop", "xllamacpp"):
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    return {"PYTHONPATH": os.pathsep.join([str(hidden), environment()["PYTHONPATH"]])}


def test_a_missing_extra_is_named_with_the_command_that_installs_it(run, without_extras):
    ran = run(variables=without_extras)
    assert ran.code == CAN_NOT_START
    one_message(ran, "pip install 'tierrouter[sidecar]'")


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("top", "--once"), "sidecar"),
        (("operator",), "operator"),
        (("webhook", "--sidecar-image", "sidecar:1"), "operator"),
        (("regress", "run", "-s", "nightly"), "kubectl"),
    ],
)
def test_each_command_names_the_extra_that_all_of_it_needs(without_extras, command, extra):
    ran = tierrouter(*command, variables=without_extras)
    assert ran.code == CAN_NOT_START
    one_message(ran, f"pip install 'tierrouter[{extra}]'")


def test_the_plugin_names_its_own_extra(without_extras):
    ran = tierrouter("status", program=PLUGIN, variables=without_extras)
    assert ran.code == CAN_NOT_START
    one_message(ran, "pip install 'tierrouter[kubectl]'")


NOWHERE = "no cluster to work in: there is no kubeconfig ~/.kube/config. Run it in a pod, or name a kubeconfig"


@pytest.mark.parametrize(
    "command", [("operator",), ("webhook", "--sidecar-image", "i:1"), ("regress", "run", "-s", "nightly")]
)
def test_without_any_kubeconfig_that_is_what_is_said(tmp_path, command):
    ran = tierrouter(*command, variables={"HOME": str(tmp_path)})
    assert ran.code == CAN_NOT_START
    one_message(ran, NOWHERE)


def test_the_plugin_says_that_too(tmp_path):
    ran = tierrouter("status", program=PLUGIN, variables={"HOME": str(tmp_path)})
    assert (ran.code, ran.stderr.count("\n")) == (CAN_NOT_START, 1)
    assert NOWHERE in ran.stderr


def test_a_kubeconfig_that_is_none_and_an_api_server_that_is_not_there_are_said_in_words(tmp_path):
    empty, away = tmp_path / "empty", tmp_path / "away"
    empty.write_text("")
    port = closed_port()
    away.write_text(KUBECONFIG.format(port=port))
    ran = tierrouter("status", "--kubeconfig", empty, program=PLUGIN)
    assert ran.stderr.startswith("kubectl tierrouter: no cluster to work in: the kubeconfig is none of Kubernetes'.")
    ran = tierrouter("status", "--kubeconfig", away, program=PLUGIN)
    assert ran.code == CAN_NOT_START
    assert f"the API server at https://127.0.0.1:{port} can't be reached (Connection refused)" in ran.stderr


def test_compile_explain_and_report_need_no_extra(tmp_path, file, without_extras):
    request = b'{"model": "auto", "messages": []}'
    assert tierrouter("compile", "-f", file, variables=without_extras).code == 0
    assert tierrouter("explain", "-f", file, stdin=request, variables=without_extras).code == 0
    assert tierrouter("report", "--state-dir", tmp_path, variables=without_extras).code == 0


def test_a_module_in_the_current_folder_is_never_taken_for_ones_own(tmp_path, run):
    """A router may be started in a repository that somebody else wrote."""
    folder = tmp_path / "cloned"
    folder.mkdir()
    for name in ("orjson", "yaml", "aiohttp", "genai_prices", "tierrouter_core"):
        (folder / f"{name}.py").write_text("open('ran', 'w')")
    file = folder / "router.yaml"
    file.write_text(router_text("http://127.0.0.1:9/v1").replace("tier: local}", "tier: lokal}"))
    # As the installed command does, which does not look into the current folder.
    ran = run(router=file, cwd=folder, program=(COMMAND[0], "-P", *COMMAND[1:]))
    assert ran.code == READ_SOMETHING_WRONG
    assert "lokal" in ran.stderr
    assert not (folder / "ran").exists()


def test_a_path_that_is_no_text_is_a_path_like_any_other(tmp_path, run):
    missing = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")
    ran = run(router=missing)
    assert ran.code == READ_SOMETHING_WRONG
    assert "can't be read: No such file or directory" in ran.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_keep_nothing_from_starting(tmp_path, file, taken, closed):
    """A port in use shows that it came so far."""
    line = (
        f"{shlex.join([*COMMAND, 'run', '-f', str(file), '--port', str(taken), '--state-dir', str(tmp_path)])} {closed}"
    )
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment(), check=False)
    assert ran.returncode == CAN_NOT_START
    assert "Traceback" not in ran.stderr
    assert "port" not in ran.stdout


def test_the_command_line_loads_nothing_that_only_what_runs_afterwards_needs():
    heavy = ("aiohttp", "asyncio", "orjson", "sqlite3", "yaml")
    program = f"import sys, tierrouter_cli.commands; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"

"""``tierrouter sidecar`` prints the ledger's rows, and nothing that happens to its stdout touches turns or the file."""

import contextlib
import json
import os
import threading
import time

import pytest
from tierrouter_process import CHAT, KEYS, router_file, router_text, serving, tierrouter, until

from provider import Status
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_json import parse_line
from tierrouter_sidecar.ledger import Ledger, TurnLog
from tierrouter_sidecar.ledger.read import collect_json_lines, read_rows

POD = {**KEYS, "POD_NAME": "agent-0"}


@pytest.fixture
def mounted(tmp_path, provider):
    """A folder with a compiled document, as a pod has it."""
    file = tmp_path / "router.yaml"
    file.write_text(router_text(provider.base_url))
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "stable.json").write_bytes(tierrouter("compile", "-f", file).stdout)
    return folder


def sidecar(tmp_path, mounted, *options, variables=POD, **more):
    arguments = ("--config-dir", mounted, "--admin-host", "127.0.0.1", *options)
    return serving(tmp_path, *arguments, command="sidecar", variables=variables, **more)


def report(*options):
    ran = tierrouter("report", "--format", "json", *options)
    assert ran.code == 0, ran.stderr
    return json.loads(ran.text)


async def test_a_report_from_a_pods_log_has_the_figures_of_its_ledger(tmp_path, mounted, provider):
    async with sidecar(tmp_path, mounted) as pod:
        provider.script(Status(500))
        for number in range(5):
            await pod.post(x_tierrouter_session=f"s{number}", x_tierrouter_hint="deep" if number % 2 else "")
        await pod.post({**CHAT, "stream": True})
        assert await pod.stop() == 0
    from_log = report("--from-logs", pod.log_file)
    assert sum(model["turns"] for model in from_log["models"]) == 6
    assert from_log == report("--state-dir", pod.state_dir)


async def test_stdout_has_the_rows_within_a_moment_and_nothing_else(tmp_path, mounted):
    with (tmp_path / "out").open("wb") as out:
        async with sidecar(tmp_path, mounted, stdout=out.fileno()) as pod:
            await pod.post()
            await until(lambda: b"tierrouter_turn" in (tmp_path / "out").read_bytes(), 5)
            assert await pod.stop() == 0
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert [line.partition(b":")[0] for line in lines] == [b'{"tierrouter_tiers"', b'{"tierrouter_turn"']
    assert [parse_line(lines[1])] == list(read_rows(pod.state_dir))


@pytest.mark.parametrize(
    ("options", "variables"), [(["--no-log-turns"], {}), ([], {"TIERROUTER_LOG_TURNS": "false"})], ids=["flag", "env"]
)
async def test_a_pod_that_is_told_so_prints_no_rows(tmp_path, mounted, options, variables):
    async with sidecar(tmp_path, mounted, *options, variables={**POD, **variables}) as pod:
        await pod.post()
        assert await pod.stop() == 0
    assert "tierrouter_turn" not in pod.log
    assert len(list(read_rows(pod.state_dir))) == 1


async def test_run_prints_no_rows_on_a_terminal(tmp_path, provider):
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as router:
        await router.post()
        assert await router.stop() == 0
    assert "tierrouter_turn" not in router.log


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


def fill(writing):
    os.set_blocking(writing, False)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * size)
    os.set_blocking(writing, True)


async def test_a_stdout_that_nobody_reads_holds_up_neither_turns_nor_the_ledger_nor_the_end(tmp_path, mounted, pipe):
    fill(pipe[1])
    async with sidecar(tmp_path, mounted, stdout=pipe[1]) as pod:
        for _ in range(20):
            assert (await pod.post()).status == 200
        await until(lambda: len(list(read_rows(pod.state_dir))) == 20, 5)
        began = time.monotonic()
        assert await pod.stop() == 0
        assert time.monotonic() - began < 10


async def test_a_stdout_that_is_closed_is_named_once_and_holds_up_nothing(tmp_path, mounted, pipe):
    os.close(pipe[0])
    async with sidecar(tmp_path, mounted, stdout=pipe[1]) as pod:
        for _ in range(5):
            assert (await pod.post()).status == 200
            await until(lambda: "does not take the turns' lines" in pod.log)
        assert await pod.stop() == 0
    assert pod.log.count("does not take the turns' lines: Broken pipe") == 1
    assert len(list(read_rows(pod.state_dir))) == 5


def turn(number):
    return TurnRow(turn_id=f"{number:028x}", time="2026-01-31T12:00:00.000Z", reason="x" * 500)


class Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, descriptor):
        super().__init__(daemon=True)
        self._file = os.fdopen(descriptor, "rb", closefd=False)
        self.lines = []
        self.start()

    def run(self):
        self.lines += self._file


@pytest.mark.parametrize("blocking", [True, False])
def test_what_waits_too_long_is_left_out_of_the_log_and_said_and_what_comes_later_is_whole(tmp_path, pipe, blocking):
    reading, writing = pipe
    os.set_blocking(writing, blocking)
    problems = []
    ledger = Ledger.open(tmp_path, turn_log=TurnLog(writing, problems.append, max_waiting=300))
    for number in range(2_000):
        ledger.record(turn(number), ())
        if number % 100 == 0:
            time.sleep(0.02)
    deadline_s = time.monotonic() + 10
    while ledger.written_rows < 2_000 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert len(list(read_rows(tmp_path))) == 2_000
    reader = Reader(reading)
    while not any("again" in problem for problem in problems) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    ledger.record(turn(5_000), ())
    assert ledger.close(5)
    os.close(writing)
    reader.join(5)
    damaged = []
    rows, _ = collect_json_lines(reader.lines, lambda number, what: damaged.append(what))
    assert damaged == []
    assert rows[-1] == turn(5_000)
    assert 300 <= len(rows) < 2_001
    assert len(problems) == 2
    assert "nobody has read" in problems[0]
    assert f"again; {2_001 - len(rows)} were left out" in problems[1]


@pytest.mark.parametrize("command", ["run", "sidecar"])
async def test_every_line_on_stderr_is_an_object_where_that_is_no_terminal(tmp_path, provider, mounted, command):
    variables = {"TIERROUTER_LOG_FORMAT": "auto"}
    if command == "run":
        way = serving(tmp_path, "-f", router_file(tmp_path, provider), variables={**KEYS, **variables})
    else:
        way = sidecar(tmp_path, mounted, "--no-log-turns", variables={**POD, **variables})
    async with way as served:
        answer = await served.post()
        assert await served.stop() == 0
    lines = [json.loads(line) for line in served.log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert any("ready" in line["message"] for line in lines)
    (turn,) = (line for line in lines if line["message"] == "turn")
    assert (turn["turn"], turn["tier"]) == (answer.headers["x-tierrouter-turn"], answer.tier)

"""How a router stops: nothing that was begun is lost, and nobody waits longer than they said."""

import asyncio
import json
import os
import signal
import time

import pytest
from tierrouter_process import CHAT, KEYS, environment, router_file, serving, tierrouter, until

from provider import Answer, Delivery, Ending, Hang
from tierrouter_sidecar.ledger.read import read_rows

STREAM = {**CHAT, "stream": True}


def slow(seconds):
    return Answer(text=["a "] * 20, delivery=Delivery(event_delay_s=seconds / 20))


def begun():
    """An answer that is under way and never ends."""
    return Answer(text=["a ", "b "], delivery=Delivery(cut_after_events=3, ending=Ending.STALL))


@pytest.fixture
def file(tmp_path, provider):
    return router_file(tmp_path, provider)


async def test_a_start_says_where_to_point_agents_and_is_ready_then(tmp_path, file):
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        await until(lambda: "ready; Ctrl-C stops" in router.log)
        assert f"OPENAI_BASE_URL={router.url}/v1" in router.log
        assert f"ANTHROPIC_BASE_URL={router.url}\n" in router.log
        assert f"figures: {router.admin_url}/ " in router.log
        assert str(router.state_dir) in router.log
        answer = await router.post()
        assert (answer.status, answer.tier) == (200, "routine")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
async def test_a_stop_lets_the_running_stream_finish_and_takes_no_new_turn(tmp_path, file, provider, number):
    provider.script(slow(1.0))
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        stream = asyncio.create_task(router.post(STREAM))
        await provider.received(1)
        router.send(number)
        await until(lambda: "running turns" in router.log)
        with pytest.raises(OSError, match=r"Connect call failed|Cannot connect"):
            await router.post()
        assert (await router.get("/readyz")).status == 503
        answer = await stream
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert await router.ended() == 0
        (row,) = read_rows(router.state_dir)
        assert (row.outcome, row.turn_id) == ("answered", answer.headers["x-tierrouter-turn"])


async def test_an_idle_router_stops_at_once_with_clients_still_connected(tmp_path, file):
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        await router.post()
        began = time.monotonic()
        assert await router.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 5
        assert len(list(read_rows(router.state_dir))) == 1


async def test_a_stream_longer_than_the_drain_is_cut_with_an_error_event_and_written_down(tmp_path, file, provider):
    provider.script(begun())
    async with serving(tmp_path, "-f", file, "--drain", "0.3", variables=KEYS) as router:
        stream = asyncio.create_task(router.post(STREAM))
        await provider.received(1)
        await asyncio.sleep(0.3)
        began = time.monotonic()
        assert await router.stop() == 0
        assert 0.2 < time.monotonic() - began < 10
        last = (await stream).body.rstrip().rpartition(b"\n")[2]
        error = json.loads(last.removeprefix(b"data: "))["error"]
        assert error["code"] == "upstream_cut"
        assert "the router is shutting down" in error["message"]
        assert "vendor" not in error["message"]
        (row,) = read_rows(router.state_dir)
        assert row.outcome == "cut"
        await until(lambda: "written down" in router.log)


async def test_a_turn_whose_provider_is_silent_is_answered_with_an_error_when_the_drain_is_over(
    tmp_path, file, provider
):
    provider.always(Hang())
    async with serving(tmp_path, "-f", file, "--drain", "0.2", variables=KEYS) as router:
        turn = asyncio.create_task(router.post())
        await provider.received(1)
        assert await router.stop() == 0
        answer = await turn
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "the router is shutting down" in answer.body.decode()
        assert "broke off" not in answer.body.decode() + router.log
        (row,) = read_rows(router.state_dir)
        assert row.outcome == "upstream_error"


async def test_a_provider_is_not_blamed_for_an_answer_that_the_router_itself_broke_off(tmp_path, file, provider):
    provider.always(Answer(delivery=Delivery(body_delay_s=60)))
    async with serving(tmp_path, "-f", file, "--drain", "0.2", variables=KEYS) as router:
        turn = asyncio.create_task(router.post())
        await provider.received(1)
        assert await router.stop() == 0
        assert "the router is shutting down" in (await turn).body.decode()
        assert "broke off" not in (await turn).body.decode() + router.log


async def test_a_second_ctrl_c_stops_at_once_and_still_writes_the_ledger(tmp_path, file, provider):
    provider.script(begun())
    async with serving(tmp_path, "-f", file, variables=KEYS) as router:
        stream = asyncio.create_task(router.post(STREAM))
        await provider.received(1)
        await asyncio.sleep(0.3)
        router.send(signal.SIGINT)
        await until(lambda: "running turns" in router.log)
        began = time.monotonic()
        assert await router.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        assert b"upstream_cut" in (await stream).body
        assert [row.outcome for row in read_rows(router.state_dir)] == ["cut"]


async def test_a_second_start_on_the_same_folder_works_and_the_report_has_the_turns_of_both(tmp_path, file):
    turns = []
    for _ in range(2):
        async with serving(tmp_path, "-f", file, variables=KEYS) as router:
            turns.append((await router.post()).headers["x-tierrouter-turn"])
            assert await router.stop() == 0
    report = tierrouter("report", "--state-dir", tmp_path / "state", "--format", "csv")
    assert [line.partition(",")[0] for line in report.text.splitlines()] == ["turn_id", *turns]
    assert json.loads(tierrouter("report", "--state-dir", tmp_path / "state", "--format", "json").text)


async def test_two_routers_can_share_a_folder(tmp_path, file):
    async with (
        serving(tmp_path, "-f", file, variables=KEYS) as one,
        serving(tmp_path, "-f", file, variables=KEYS) as other,
    ):
        turns = {(await router.post()).headers["x-tierrouter-turn"] for router in (one, other, one, other)}
        assert [await one.stop(), await other.stop()] == [0, 0]
        assert {row.turn_id for row in read_rows(one.state_dir)} == turns


INTERRUPTED = 130
PRESS_CTRL_C = "import os, signal, sys\nif {}:\n    os.kill(os.getpid(), signal.SIGINT)\n"


@pytest.fixture
def ctrl_c_when(tmp_path):
    """Variables of an environment in which Ctrl-C comes just when a module is loaded."""

    def made(module, condition="True"):
        folder = tmp_path / "pressed"
        folder.mkdir()
        (folder / f"{module}.py").write_text(PRESS_CTRL_C.format(condition))
        return {**KEYS, "PYTHONPATH": os.pathsep.join([str(folder), environment()["PYTHONPATH"]])}

    return made


@pytest.mark.parametrize(
    ("module", "condition"),
    [
        ("typer", "True"),
        ("sitecustomize", "'tierrouter_cli.serving' in sys.orig_argv"),
        ("aiohttp", "True"),
    ],
    ids=["the command loads", "Python starts anew to serve", "the server loads"],
)
def test_ctrl_c_before_it_serves_ends_it_without_a_word(tmp_path, file, ctrl_c_when, module, condition):
    ran = tierrouter("run", "-f", file, "--state-dir", tmp_path / "state", variables=ctrl_c_when(module, condition))
    assert (ran.code, ran.said) == (INTERRUPTED, "")


@pytest.mark.parametrize("module", ["dataclasses", "yaml"], ids=["its first library loads", "it works"])
def test_ctrl_c_ends_any_command_without_a_word(file, ctrl_c_when, module):
    ran = tierrouter("compile", "-f", file, variables=ctrl_c_when(module))
    assert (ran.code, ran.said) == (INTERRUPTED, "")

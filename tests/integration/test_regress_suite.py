"""``tierrouter regress suite`` as a process, against a real router in front of a scripted provider."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tierrouter_process import COMMAND, KEYS, PATIENCE_S, environment, router_file, serving, until

from provider import Answer, Delivery, Hang, Status, Tokens
from tierrouter_evaluation.formats.reading import ResultFormat, read_folder
from tierrouter_sidecar.ledger.read import read_rows

SUITE = """
name: tiny
tasks:
  - id: sum
    prompt: What is 2 + 3?
    check: {exact: "5"}
  - id: word
    prompt: Give a word of three letters.
    check: {regex: "[a-z]{3}"}
  - id: double
    prompt: Write double.py with double(n).
    answerFiles: [double.py]
    check: {python: "from double import double\\ndef test_it():\\n    assert double(4) == 8\\n"}
  - id: never
    prompt: Write never.py with never().
    answerFiles: [never.py]
    check: {python: "from never import never\\nassert never() == 1\\n"}
"""
ANSWERS = {
    "2 + 3": "It is\n```\n5\n```",
    "three letters": "```\nhello\n```",
    "double.py": "```python path=double.py\ndef double(n):\n    return 2 * n\n```",
    "never.py": "I would rather not.",
}
OUTCOMES = {"sum": True, "word": False, "double": True, "never": False}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE)
    return tmp_path / "suite.yaml"


@pytest.fixture
def clever(provider):
    """The provider knows the answers, in whichever dialect it is asked."""

    def answer(request):
        text = request.body.decode()
        said = next(answer for question, answer in ANSWERS.items() if question in text)
        return Answer(text=said, usage=Tokens(input=1000, output=100))

    provider.always(answer)
    return provider


async def run(*words: str | Path, stop: asyncio.Event | None = None, **variables: str) -> tuple[int, str]:
    """The command to its end, or until it is told to stop; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "regress", "suite", *map(str, words)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(**variables),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            if stop is not None:
                await stop.wait()
                process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in said.decode(), said.decode()
    return process.returncode or 0, said.decode()


def rows(file: Path) -> dict[str, bool | None]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({line["task_id"] for line in lines}) == len(lines)
    return {line["task_id"]: line["resolved"] for line in lines}


@pytest.mark.parametrize("dialect", ["OpenAIChat", "OpenAIResponses", "AnthropicMessages"])
async def test_a_suite_is_asked_checked_and_written_down(tmp_path, clever, suite, dialect):
    async with serving(tmp_path, "-f", router_file(tmp_path, clever), variables=KEYS) as router:
        code, said = await run(
            *("-f", suite, "--base-url", router.url, "--admin-url", router.admin_url, "--dialect", dialect),
            TIERROUTER_RESULTS_DIR=str(tmp_path),
        )
        assert await router.stop() == 0
        ledger = read_rows(router.state_dir)
    assert code == 0, said
    assert rows(tmp_path / "results.jsonl") == OUTCOMES
    assert "2 of 4 tasks solved" in said
    assert "its turns cost $" in said
    assert "never: not solved" in said and "does not give never.py" in said
    assert sorted(row.session for row in ledger) == sorted(OUTCOMES)
    found = read_folder(tmp_path, ResultFormat.JSON_LINES)
    assert {task.output_tokens for task in found.tasks} == {100}


async def test_a_task_that_failed_for_want_of_a_router_is_tried_again_and_one_that_the_model_failed_is_not(
    tmp_path, clever, suite
):
    clever.script(Status(503), Status(429, headers={"retry-after": "0"}))
    out = tmp_path / "r.jsonl"
    code, said = await run("-f", suite, "--base-url", clever.origin, "--parallel", "1", "--out", out)
    assert code == 0, said
    assert rows(out) == OUTCOMES
    assert said.count("trying again") == 2
    assert len(clever.requests) == 6


async def test_what_is_refused_for_every_task_ends_the_suite_at_once(tmp_path, clever, suite):
    clever.always(Status(401, message="no such key"))
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", tmp_path / "r.jsonl")
    assert code == 3
    assert "refuses to answer: 401: no such key" in said


async def test_a_task_that_can_not_be_tried_is_an_error_and_the_others_go_on(tmp_path, clever, suite):
    clever.always(Status(400, message="too long"), when=lambda request: b"2 + 3" in request.body)
    out = tmp_path / "r.jsonl"
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", out)
    assert code == 0, said
    assert rows(out) == {**OUTCOMES, "sum": None}
    assert "1 of 3 tasks solved, 1 could not be tried" in said
    clever.forget()
    clever.always(lambda request: Answer(text=ANSWERS["2 + 3"]))
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", out, "--resume")
    assert rows(out) == OUTCOMES
    assert "3 of 4 tasks are done already" in said
    assert len(clever.requests) == 1


async def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path, clever, suite):
    clever.always(Hang(), when=lambda request: b"never.py" in request.body)
    out = tmp_path / "r.jsonl"
    stop = asyncio.Event()
    running = asyncio.create_task(run("-f", suite, "--base-url", clever.origin, "--out", out, stop=stop))
    await until(lambda: out.exists() and len(out.read_text().splitlines()) == 3)
    stop.set()
    code, said = await running
    assert code == 130
    assert f"what is done stands in {out}: go on with the same command and --resume" in said
    assert len(rows(out)) == 3


async def test_after_kill_9_nothing_that_was_done_is_lost_or_done_again(tmp_path, clever, suite):
    clever.always(Hang(), when=lambda request: b"never.py" in request.body)
    out = tmp_path / "r.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "regress", "suite", "-f", suite, "--base-url", clever.origin, "--out", out),
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    await until(lambda: out.exists() and len(out.read_text().splitlines()) == 3)
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    with out.open("a") as file:
        file.write('{"task_id": "never", "reso')
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", out)
    assert code == 1
    assert "holds results already; go on with them by --resume" in said
    clever.forget()
    clever.always(Answer(text=ANSWERS["never.py"]))
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", out, "--resume")
    assert code == 0, said
    assert rows(out) == OUTCOMES
    assert len(clever.requests) == 1


async def test_no_task_begins_beyond_the_cost_limit_and_those_left_out_are_told(tmp_path, clever, suite):
    out = tmp_path / "r.jsonl"
    async with serving(tmp_path, "-f", router_file(tmp_path, clever), variables=KEYS) as router:
        words = (
            "-f",
            suite,
            "--base-url",
            router.url,
            "--admin-url",
            router.admin_url,
            "--parallel",
            "1",
            "--out",
            out,
        )
        # A turn of 1,000 and 100 tokens costs 0.00135.
        code, said = await run(*words, "--max-cost", "0.002")
        assert code == 1
        assert "stopped: the cost limit was reached" in said
        assert list(rows(out).values()) == [True, False, None, None]
        code, said = await run(*words, "--max-cost", "1", "--resume")
    assert code == 0, said
    assert rows(out) == OUTCOMES


async def test_a_limit_on_cost_that_can_not_be_held_is_refused(tmp_path, clever, suite):
    words = ("-f", suite, "--base-url", clever.origin, "--admin-url", "http://127.0.0.1:9", "--max-cost", "1")
    code, said = await run(*words, "--out", tmp_path / "r.jsonl")
    assert code == 3
    assert "what turns cost is not known" in said
    assert clever.requests == []


async def test_an_answer_that_takes_too_long_is_an_error_and_not_a_failure_of_the_model(tmp_path, clever, suite):
    clever.always(Answer(text="5", delivery=Delivery(first_delay_s=5)), when=lambda request: b"2 + 3" in request.body)
    out = tmp_path / "r.jsonl"
    code, said = await run("-f", suite, "--base-url", clever.origin, "--out", out, "--timeout", "1")
    assert code == 0
    assert rows(out)["sum"] is None
    assert "sum: error: no answer within 1 s" in said


async def test_a_token_that_the_router_wants_is_shown(tmp_path, clever, suite):
    await run(
        "-f",
        suite,
        "--base-url",
        clever.origin,
        "--out",
        tmp_path / "r.jsonl",
        TIERROUTER_TOKEN="t0k",
    )
    assert {request.header("authorization") for request in clever.requests} == {"Bearer t0k"}


async def test_everything_wrong_with_a_suite_is_told_at_once(tmp_path, suite):
    suite.write_text(SUITE.replace("id: word", "id: sum").replace("[a-z]{3}", "[a-z").replace("exact", "exactly"))
    code, said = await run("-f", suite, "--out", tmp_path / "r.jsonl")
    assert code == 1
    assert 'did you mean "exact"?' in said
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-f", "none.yaml"), "none.yaml: No such file"),
        (("-f", "{suite}", "--max-cost", "much"), "no amount above 0"),
        (("-f", "{suite}", "--dialect", "Morse"), "is none of OpenAIChat"),
    ],
)
async def test_options_that_make_no_sense_are_refused(tmp_path, suite, words, said):
    code, text = await run(*(word.format(suite=suite) for word in words), "--out", tmp_path / "r.jsonl")
    assert code in (1, 2)
    assert said in " ".join(text.split())


async def test_on_a_terminal_there_is_a_bar(tmp_path, clever, suite):
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "regress", "suite", "-f", suite, "--base-url", clever.origin, "--out", tmp_path / "r.jsonl"),
        stderr=slave,
        env=environment(TERM="xterm"),
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(OSError):
            while part := await asyncio.to_thread(os.read, master, 65536):
                said += part
        assert await process.wait() == 0
    os.close(master)
    text = said.decode()
    assert "never: not solved" in text
    assert "2 of 4 tasks solved" in text
    assert "double: solved" not in text
    assert "━" in text

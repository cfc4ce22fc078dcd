"""Hooks: expressions of the user's own judge what providers answered. Real sockets throughout."""

import json

import pytest
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK

from provider import Answer, Delivery, InBandError, Status, ToolCall

RULES = """
    - {name: flagged, when: "turn.output_flagged", tier: deep}
    - {name: planning, when: "task.complex_planning", tier: reasoning}"""
GOOD = Answer(text="Done.")
SESSION = {"x-tierrouter-session": "s"}


def hooked(provider, spare=None, **hooks: str) -> str:
    more = f"  hooks: {json.dumps(hooks)}"
    text = router_text(provider.base_url, spare and spare.base_url, more=more)
    return text.replace("  rules:\n", f"  rules:{RULES}\n")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize(
    ("when", "bad"),
    [
        ("response.text.contains('unable')", Answer(text=["I am ", "unable."])),
        ("response.finish == 'length'", Answer(text="And then", finish="length")),
        ("'rm' in response.tools", Answer(text="", tool_calls=[ToolCall(name="rm", arguments={"path": "/"})])),
    ],
)
async def test_what_an_expression_flags_the_next_turn_knows(start, provider, dialect, stream, when, bad):
    sidecar = await start(hooked(provider, outputFlagged=when))
    body = {**ASK[dialect], "stream": stream}
    provider.always(GOOD)
    assert (await sidecar.post(PATHS[dialect], body, SESSION)).tier == "routine"
    provider.always(bad)
    assert (await sidecar.post(PATHS[dialect], body, SESSION)).tier == "routine"
    provider.always(GOOD)
    assert (await sidecar.post(PATHS[dialect], body, SESSION)).tier == "deep"
    assert (await sidecar.post(PATHS[dialect], body, SESSION)).tier == "routine"
    assert await sidecar.metric('tierrouter_output_policy_total{outcome="flagged"}') == 1


async def test_usage_is_known_without_reading_the_answer(start, provider):
    sidecar = await start(hooked(provider, outputFlagged="response.output_tokens > 0 && response.tier == 'routine'"))
    provider.always(GOOD)
    for tier in ("routine", "deep", "routine"):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT], SESSION)).tier == tier


DAILY = Status(403, message="You have reached your daily limit.")
IN_BAND = InBandError(message="You have reached your daily limit.", kind="server")


@pytest.mark.parametrize(
    "answer", [DAILY, Answer(delivery=Delivery(error_after_events=1, error=IN_BAND))], ids=["status", "stream"]
)
async def test_a_failure_that_an_expression_takes_for_throttling_is_one(start, provider, spare, answer):
    sidecar = await start(hooked(provider, spare, isThrottled="response.error.contains('daily limit')"))
    provider.always(answer)
    spare.always(GOOD)
    got = await sidecar.post(PATHS[CHAT], {**ASK[CHAT], "stream": True}, SESSION)
    assert got.tier == "fallback"
    assert "hooks.isThrottled" in got.headers["x-tierrouter-reason"]
    (left_alone,) = json.loads((await sidecar.get(sidecar.admin_url + "/status")).body)["leftAlone"]
    assert (left_alone["state"], left_alone["model"]) == ("throttled", "moonshotai/kimi-k2.6")
    assert await sidecar.metric('tierrouter_attempt_errors_total{kind="throttled",provider="vendor"}') >= 1


async def test_without_the_hook_it_is_what_it_is_known_for(start, provider, spare):
    sidecar = await start(hooked(provider, spare))
    provider.always(DAILY)
    spare.always(GOOD)
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT], SESSION)).tier == "fallback"
    (left_alone,) = json.loads((await sidecar.get(sidecar.admin_url + "/status")).body)["leftAlone"]
    assert left_alone["state"] == "unauthorized"


async def test_an_expression_that_fails_counts_as_false_and_is_counted(start, provider):
    fails = "1 / (response.input_tokens - response.input_tokens) > 0"
    sidecar = await start(hooked(provider, outputFlagged=fails, isComplexPlanning="1 / task.file_count > 0"))
    provider.always(GOOD)
    for _ in range(2):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT], SESSION)).tier == "routine"
    assert await sidecar.metric('tierrouter_rule_errors_total{rule="hooks.outputFlagged"}') == 2
    assert await sidecar.metric('tierrouter_rule_errors_total{rule="hooks.isComplexPlanning"}') == 2


async def test_complex_planning_is_asked_of_the_conversation_and_of_the_agent(start, provider):
    sidecar = await start(hooked(provider, isComplexPlanning="task.refactoring"))
    provider.always(GOOD)
    plain = {**ASK[CHAT], "messages": [{"role": "user", "content": "Rename it everywhere."}]}
    assert (await sidecar.post(PATHS[CHAT], plain, SESSION)).tier == "reasoning"
    told = {**SESSION, "x-tierrouter-task": '{"complex_planning": false}'}
    assert (await sidecar.post(PATHS[CHAT], plain, told)).tier == "routine"

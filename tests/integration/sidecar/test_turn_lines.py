"""One line of the log for each turn: what it was, and nothing of what was said in it."""

import json
import logging

import pytest
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK

from provider import Answer, Delivery, Ending, Status, Tokens, ToolCall
from tierrouter_telemetry.logs import JSONLines

MARK = "the lighthouse keeper's daughter counts seven brass keys"
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
DIALECTS = [CHAT, RESPONSES, MESSAGES]


def lines(caplog) -> list[dict]:
    return [json.loads(JSONLines().format(record)) for record in caplog.records]


def turns(caplog) -> list[dict]:
    return [line for line in lines(caplog) if line["message"] == "turn"]


async def test_a_turn_is_one_line_with_ids_tier_reason_tokens_cost_and_time(sidecar, provider, caplog):
    provider.always(Answer(text="ok", usage=Tokens(input=1000, cached=400, output=10)))
    with caplog.at_level(logging.INFO):
        got = await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-session": "s-1", **TRACE})
    (line,) = turns(caplog)
    (row,) = await sidecar.rows()
    assert line.pop("time") and line.pop("duration_ms") >= line.pop("ttft_ms") >= 0
    assert line == {
        "level": "info",
        "logger": "tierrouter",
        "message": "turn",
        "turn": got.header("x-tierrouter-turn"),
        "session": "s-1",
        "agent": "main",
        "tier": "routine",
        "model": "kimi-k2-6",
        "provider": "vendor",
        "revision": got.header("x-tierrouter-revision"),
        "outcome": "answered",
        "reason": got.reason,
        "attempts": 1,
        "input_tokens": 600,
        "cache_read_tokens": 400,
        "cache_write_tokens": 0,
        "output_tokens": 10,
        "cost_usd": float(row.cost_usd),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


async def test_what_goes_wrong_in_a_turn_is_found_by_its_id_and_its_trace(sidecar, provider, caplog):
    provider.script(Status(503), Answer(text="ok"))
    with caplog.at_level(logging.INFO):
        got = await sidecar.post(PATHS[CHAT], ASK[CHAT], TRACE)
    failed = next(line for line in lines(caplog) if line["level"] == "warning")
    (turn,) = turns(caplog)
    assert failed["turn"] == turn["turn"] == got.header("x-tierrouter-turn")
    assert failed["trace_id"] == turn["trace_id"]
    assert (failed["tier"], failed["kind"]) == ("routine", "overloaded")


async def test_a_trace_goes_on_to_an_upstream_of_the_cluster_translated_or_not(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    for dialect in DIALECTS:
        await sidecar.post(PATHS[dialect], ASK[dialect], {**TRACE, "tracestate": "a=1"})
        assert provider.last.header("traceparent") == TRACE["traceparent"]
        assert provider.last.header("tracestate") == "a=1"
        await sidecar.post(PATHS[dialect], ASK[dialect])
        assert provider.last.header("traceparent") is None


def everywhere(dialect) -> dict:
    """The mark in the system's words, the user's, a tool's name for a thing, its arguments and its result."""
    arguments = json.dumps({"path": MARK})
    if dialect is RESPONSES:
        return {
            "model": "auto",
            "instructions": MARK,
            "input": [
                {"role": "user", "content": MARK},
                {"type": "function_call", "call_id": "c", "name": "look", "arguments": arguments},
                {"type": "function_call_output", "call_id": "c", "output": MARK},
            ],
            "tools": [{"type": "function", "name": "look", "description": MARK, "parameters": {"type": "object"}}],
        }
    if dialect is CHAT:
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": arguments}}
        return {
            "model": "auto",
            "messages": [
                {"role": "system", "content": MARK},
                {"role": "user", "content": MARK},
                {"role": "assistant", "content": MARK, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": MARK},
            ],
        }
    return {
        "model": "auto",
        "max_tokens": 100,
        "system": MARK,
        "messages": [
            {"role": "user", "content": MARK},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {"path": MARK}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": MARK}]},
        ],
    }


@pytest.mark.parametrize(
    "served_by", ["OpenAIChat, OpenAIResponses, AnthropicMessages", "AnthropicMessages", "OpenAIChat"]
)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nothing_that_was_said_is_in_the_log_or_on_the_disk_whatever_happens(
    start, provider, caplog, dialect, served_by
):
    """Also where a provider quotes it in its errors."""
    sidecar = await start(router_text(provider.base_url, dialects=served_by))
    ways = (
        Answer(text=[MARK], tool_calls=(ToolCall(name="look", arguments={"path": MARK}),)),
        Answer(text=[MARK, MARK], delivery=Delivery(ending=Ending.CLOSE)),
        Status(400, message=f"your message '{MARK}' is against the rules"),
        Status(503, message=f"can't do: {MARK}"),
        Status(429, message=f"too much of {MARK}"),
    )
    count = 0
    with caplog.at_level(logging.DEBUG):
        for way in ways:
            for stream in (False, True):
                provider.always(way)
                await sidecar.post(
                    PATHS[dialect], {**everywhere(dialect), "stream": stream}, {"x-tierrouter-session": f"s-{count}"}
                )
                count += 1
        await sidecar.post(PATHS[dialect], json.dumps(everywhere(dialect)).encode()[:-2])
        await sidecar.rows(count)
    text = "\n".join(JSONLines().format(record) for record in caplog.records)
    assert len(turns(caplog)) == count
    for words in (MARK, MARK[:30], MARK[-30:]):
        assert words not in text
    for file in sidecar.state_dir.rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes()

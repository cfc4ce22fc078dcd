"""What surrounds a translated turn: headers, keys, notices, metrics, the ledger, and who serves what can't be carried."""

import asyncio
import json
from typing import Any

import pytest
from routers import SPARE_KEY, VENDOR_KEY, router_text

from provider import Answer, Delivery, Raw, ScriptedProvider, Status, Tokens

CHAT, RESPONSES, MESSAGES = "OpenAIChat", "OpenAIResponses", "AnthropicMessages"
PATHS = {CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses", MESSAGES: "/v1/messages"}
ASKED: dict[str, dict[str, Any]] = {
    CHAT: {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
    RESPONSES: {"model": "auto", "input": "Hi"},
    MESSAGES: {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]},
}
OWN_HEADERS = {
    CHAT: {"authorization": "Bearer mine", "openai-organization": "org", "openai-project": "p", "openai-beta": "b=1"},
    RESPONSES: {
        "authorization": "Bearer mine",
        "originator": "codex",
        "session-id": "s",
        "x-codex-turn-metadata": "{}",
    },
    MESSAGES: {
        "x-api-key": "mine",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "interleaved-thinking-2025-05-14",
        "x-claude-code-session-id": "s",
        "x-app": "cli",
    },
}
PAIRS = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_no_header_of_the_clients_dialect_reaches_another_vendor(start, provider, client, upstream):
    sidecar = await start(router_text(provider.base_url, dialects=upstream))
    query = "?beta=true" if client == MESSAGES else ""
    got = await sidecar.post(PATHS[client] + query, ASKED[client], OWN_HEADERS[client])
    assert got.status == 200
    seen = provider.last
    assert (seen.path, seen.query) == (PATHS[upstream], "")
    theirs = set(OWN_HEADERS[client]) - {"authorization", "anthropic-version"}
    assert not {name.lower() for name, _ in seen.headers} & theirs
    assert seen.header("authorization") == f"Bearer {VENDOR_KEY}"
    assert "mine" not in str(seen.headers)
    assert seen.header("anthropic-version") == ("2023-06-01" if upstream == MESSAGES else None)
    assert seen.header("content-type") == "application/json"


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_an_answers_headers_are_the_clients_and_say_who_served(start, provider, client, upstream):
    sidecar = await start(router_text(provider.base_url, dialects=upstream))
    whole = await sidecar.post(PATHS[client], ASKED[client])
    assert whole.header("content-type").partition(";")[0] == "application/json"
    streamed = await sidecar.post(PATHS[client], {**ASKED[client], "stream": True})
    assert streamed.header("content-type") == "text/event-stream"
    for got in (whole, streamed):
        assert (got.tier, got.header("x-tierrouter-model")) == ("routine", "kimi-k2-6")
        assert got.reason.partition(":")[0] in ("Default", "Session")


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[1] != CHAT])
async def test_a_model_that_thinks_where_the_client_sees_nothing_is_waited_for(
    start, provider, spare, client, upstream
):
    text = router_text(provider.base_url, spare.base_url, dialects=upstream, spare_dialects=CHAT)
    sidecar = await start(text.replace("firstTokenTimeout: 5s", "firstTokenTimeout: 1400ms"))
    provider.always(Answer(text=["thought well"], thinking="", delivery=Delivery(event_delay_s=0.5)))
    got = await sidecar.post(PATHS[client], {**ASKED[client], "stream": True})
    assert got.tier == "routine"
    assert b"thought well" in got.body
    assert spare.requests == []


async def test_what_is_left_behind_is_said_and_counted(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects=CHAT))
    got = await sidecar.post("/v1/messages", {**ASKED[MESSAGES], "top_k": 5, "metadata": {"user_id": "u"}})
    assert "left behind in translation: sampling, user" in got.header("x-tierrouter-notice")
    for field in ("sampling", "user"):
        assert await sidecar.metric(f'tierrouter_translation_lossy_total{{field="{field}"}}') == 1
    assert (await sidecar.post("/v1/messages", ASKED[MESSAGES])).header("x-tierrouter-notice") is None


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


async def test_a_model_without_eyes_is_passed_over_for_turns_with_pictures(start, provider):
    blind = router_text(provider.base_url, dialects=CHAT, spare_dialects=MESSAGES).replace(
        "{name: kimi-k2-6, ", "{name: kimi-k2-6, capabilities: {vision: false}, "
    )
    sidecar = await start(blind)
    shown = {**ASKED[MESSAGES], "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, PICTURE]}]}
    got = await sidecar.post("/v1/messages", shown)
    assert (got.status, got.reason.partition(":")[0]) == (200, "Dialect")
    assert "messages.0.content.1: the model takes no images" in got.reason
    assert got.tier != "routine"
    assert (await sidecar.post("/v1/messages", ASKED[MESSAGES])).tier == "routine"


async def test_a_turn_that_fails_over_is_translated_anew_for_who_takes_over(start):
    async with ScriptedProvider() as first, ScriptedProvider() as spare:
        sidecar = await start(router_text(first.base_url, spare.base_url, dialects=CHAT, spare_dialects=RESPONSES))
        first.always(Status(503))
        got = await sidecar.post("/v1/messages", {**ASKED[MESSAGES], "stop_sequences": ["END"], "stream": True})
        assert (got.tier, first.last.path, spare.last.path) == ("fallback", PATHS[CHAT], PATHS[RESPONSES])
        assert first.last.json["stop"] == ["END"]
        assert "stop" not in spare.last.json
        assert spare.last.header("authorization") == f"Bearer {SPARE_KEY}"


async def test_a_row_of_a_translated_turn_has_what_the_provider_stated_and_what_it_cost(start, provider):
    provider.always(Answer(usage=Tokens(input=1000, cached=400, output=100)))
    sidecar = await start(router_text(provider.base_url, dialects=CHAT))
    await sidecar.post("/v1/messages", {**ASKED[MESSAGES], "stream": True})
    (row,) = await sidecar.rows()
    assert (row.dialect, row.provider, row.model, row.requested_model) == (MESSAGES, "vendor", "kimi-k2-6", "claude-x")
    assert (row.input_tokens, row.cache_read_tokens, row.output_tokens, row.usage_source) == (600, 400, 100, "reported")
    assert float(row.cost_usd) == pytest.approx((600 * 0.95 + 400 * 0.16 + 100 * 4.00) / 1e6)


async def test_a_client_that_leaves_stops_the_provider_and_is_metered(start, provider):
    provider.always(Answer(text=["word "] * 400, delivery=Delivery(event_delay_s=0.01)))
    sidecar = await start(router_text(provider.base_url, dialects=CHAT))
    async with sidecar.client.post(sidecar.url + "/v1/messages", json={**ASKED[MESSAGES], "stream": True}) as answer:
        await answer.content.readany()
        await asyncio.sleep(0.1)
    await provider.disconnected()
    (row,) = await sidecar.rows()
    assert row.outcome == "client_gone"
    assert row.output_tokens > 0


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_an_answer_that_is_no_answer_goes_to_the_next_tier(start, client, upstream):
    async with ScriptedProvider() as first, ScriptedProvider() as spare:
        sidecar = await start(router_text(first.base_url, spare.base_url, dialects=upstream, spare_dialects=upstream))
        for number, nonsense in enumerate((Raw(b"<html>", "text/html"), Raw(b"{}", "application/json")), 1):
            first.script(nonsense, nonsense)
            got = await sidecar.post(PATHS[client], ASKED[client])
            assert (got.status, got.tier) == (200, "fallback"), nonsense
            # The third failure opens the circuit: the second turn's is not tried again.
            assert (await sidecar.rows(number))[-1].attempts == 4 - number


async def test_a_stream_that_comes_unasked_is_put_together_and_one_that_does_not_come_is_taken_apart(start, provider):
    stream = (
        b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    whole = json.dumps({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}).encode()
    sidecar = await start(router_text(provider.base_url, dialects=CHAT))
    provider.script(Raw(stream), Raw(whole, "application/json"))
    unasked = await sidecar.post("/v1/messages", ASKED[MESSAGES])
    assert unasked.json["content"] == [{"type": "text", "text": "Hi"}]
    apart = await sidecar.post("/v1/messages", {**ASKED[MESSAGES], "stream": True})
    assert apart.header("content-type") == "text/event-stream"
    assert apart.body.endswith(b'data: {"type":"message_stop"}\n\n')


async def test_in_observe_what_was_asked_for_serves_in_its_own_dialect(start, provider):
    sidecar = await start(router_text(provider.base_url, mode="Observe", dialects=MESSAGES))
    got = await sidecar.post("/v1/chat/completions", {**ASKED[CHAT], "model": "claude-opus-4-7"})
    assert (got.status, got.tier, provider.last.path) == (200, "deep", PATHS[MESSAGES])
    assert got.json["choices"][0]["message"]["content"]


async def test_the_body_can_name_the_model_that_was_asked_for(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects=CHAT, more="  responseModel: Requested"))
    got = await sidecar.post("/v1/messages", ASKED[MESSAGES])
    assert (got.json["model"], got.header("x-tierrouter-model")) == ("claude-x", "kimi-k2-6")
    plain = await start(router_text(provider.base_url, dialects=CHAT))
    assert (await plain.post("/v1/messages", ASKED[MESSAGES])).json["model"] == "moonshotai/kimi-k2.6"

"""Turns go where the router file says, and the answer tells it."""

import json

import pytest
from routers import router_text

from provider import Answer, Raw, ScriptedProvider, Status, closed_port

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGES = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = {"model": "gpt-x", "input": "Hi"}
BODIES = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/responses": RESPONSES}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_every_dialect_is_served_with_and_without_the_version(sidecar, provider, path, prefix):
    got = await sidecar.post(path.replace("/v1", prefix), BODIES[path])
    assert got.status == 200, got.body
    assert got.tier == "routine"
    assert got.header("x-tierrouter-model") == "kimi-k2-6"
    assert got.header("x-tierrouter-revision") == sidecar.running.live.in_force.revision
    assert got.header("x-tierrouter-turn")
    assert got.reason.startswith("Default: ")
    assert provider.last.path == path
    assert provider.last.json["model"] == "moonshotai/kimi-k2.6"


async def test_a_hint_an_alias_and_an_unknown_hint(sidecar, provider):
    assert (await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-hint": "deep"})).tier == "deep"
    assert provider.last.json["model"] == "claude-opus-4-7"
    assert (await sidecar.post("/v1/chat/completions", {**CHAT, "model": "tier/local"})).tier == "local"
    got = await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-hint": "mystery"})
    assert got.tier == "fallback"
    assert got.reason.startswith("UnknownHint: the hint mystery")


async def test_a_hint_that_is_not_allowed_is_routed_noticed_and_counted(sidecar):
    got = await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-hint": "fallback"})
    assert got.tier == "routine"
    assert "not allowed" in got.header("x-tierrouter-notice")
    assert await sidecar.metric('tierrouter_hints_total{outcome="not_allowed"}') == 1


async def test_a_rule_fires_on_what_the_agent_says_of_its_task(sidecar):
    got = await sidecar.post("/v1/messages", MESSAGES, {"x-tierrouter-task": '{"file_count": 9, "mood": 1}'})
    assert got.tier == "reasoning"
    assert got.reason == "Rule: wide-change is true (task.file_count=9, thresholds.file_count=8)"
    assert "mood" in got.header("x-tierrouter-notice")
    assert (await sidecar.post("/v1/messages", MESSAGES, {"x-tierrouter-task": '{"sandboxed": true}'})).tier == "local"


async def test_a_hint_holds_through_its_tool_loop_and_no_longer(sidecar):
    session = {"x-tierrouter-session": "s-1"}
    loop = {
        "model": "auto",
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "ls", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": "x.py"},
        ],
    }
    assert (await sidecar.post("/v1/chat/completions", CHAT, {**session, "x-tierrouter-hint": "deep"})).tier == "deep"
    got = await sidecar.post("/v1/chat/completions", loop, session)
    assert (got.tier, got.reason.partition(":")[0]) == ("deep", "ToolLoop")
    assert (await sidecar.post("/v1/chat/completions", CHAT, session)).tier == "routine"
    other = await sidecar.post("/v1/chat/completions", loop, {"x-tierrouter-session": "s-2"})
    assert other.tier == "routine"


async def test_a_turn_is_served_by_its_tier_whatever_its_provider_speaks(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat", spare_dialects="AnthropicMessages"))
    got = await sidecar.post("/v1/messages", MESSAGES)
    assert (got.status, got.tier, got.reason.partition(":")[0]) == (200, "routine", "Default")
    assert provider.last.path == "/v1/chat/completions"


IMAGE_BY_ID = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}


async def test_a_turn_moves_to_the_first_tier_that_can_take_it(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat", spare_dialects="AnthropicMessages"))
    pinned = {**MESSAGES, "messages": [{"role": "user", "content": [IMAGE_BY_ID]}]}
    got = await sidecar.post("/v1/messages", pinned)
    assert (got.status, got.tier) == (200, "fallback")
    assert got.reason.startswith("Dialect: routine was chosen")
    assert "messages.0.content.0" in got.reason
    assert provider.last.path == "/v1/messages"


@pytest.mark.parametrize(
    ("path", "more", "field", "status", "shape"),
    [
        ("/v1/messages", {"container": "c1"}, "container", 403, "permission_error"),
        ("/v1/responses", {"previous_response_id": "r1"}, "previous_response_id", 400, "invalid_request_error"),
    ],
)
async def test_a_turn_that_no_tier_can_take_is_refused_with_the_fields_name(
    start, provider, path, more, field, status, shape
):
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    got = await sidecar.post(path, {**BODIES[path], **more})
    assert got.status == status
    assert got.json["error"]["type"] == shape
    assert "no tier of this router can take the turn" in got.json["error"]["message"]
    assert f"{field}: " in got.json["error"]["message"]
    assert provider.requests == []
    (row,) = await sidecar.rows()
    assert (row.outcome, row.tier, row.attempts) == ("refused", "", 0)


async def test_observe_serves_what_was_asked_for_and_writes_down_the_rest(start, provider):
    sidecar = await start(router_text(provider.base_url, mode="Observe"))
    got = await sidecar.post("/v1/messages", {**MESSAGES, "model": "claude-opus-4-7"})
    assert (got.tier, got.header("x-tierrouter-model")) == ("deep", "claude-opus-4-7")
    assert provider.last.body == json.dumps({**MESSAGES, "model": "claude-opus-4-7"}).encode()
    (row,) = await sidecar.rows()
    assert json.loads(row.labels)["observed_tier"] == "routine"


async def test_off_passes_a_model_that_the_file_does_not_know(start, provider):
    sidecar = await start(router_text(provider.base_url, mode='"Off"'))
    got = await sidecar.post("/v1/chat/completions", {**CHAT, "model": "some-side-model"})
    assert (got.status, got.tier) == (200, "none")
    assert provider.last.json["model"] == "some-side-model"
    (row,) = await sidecar.rows()
    assert (row.model, row.cost_usd) == ("some-side-model", None)
    assert await sidecar.metric('tierrouter_unpriced_turns_total{model="other",tier="none"}') == 1


async def test_the_response_can_name_the_requested_model(start, provider):
    sidecar = await start(router_text(provider.base_url, more="  responseModel: Requested"))
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert got.json["model"] == "auto"
    streamed = await sidecar.post("/v1/messages", {**MESSAGES, "stream": True})
    assert b'"model":"claude-x"' in streamed.body.replace(b" ", b"")
    assert got.header("x-tierrouter-model") == "kimi-k2-6"


SAYS_MODEL = {"openai-model": "moonshotai/kimi-k2.6", "openai-model-version": "1", "openai-processing-ms": "5"}
WHOLE = b'{"id":"r","object":"response","model":"kimi","status":"completed","output":[]}'
STREAMED = b'data: {"type":"response.created","sequence_number":0,"response":%s}\n\n' % WHOLE
STREAMED += STREAMED.replace(b"created", b"completed")


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"], ids=["in its dialect", "translated"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("says", ["Upstream", "Requested"])
async def test_a_header_names_the_model_that_served_only_where_the_body_does(
    start, provider, path, stream, status, says
):
    """Codex warns of a header that says another model than its own."""
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIResponses", more=f"  responseModel: {says}"))
    kind = "text/event-stream" if stream else "application/json"
    said = Raw(STREAMED if stream else WHOLE, content_type=kind, headers=SAYS_MODEL)
    provider.always(said if status == 200 else Status(status, headers=SAYS_MODEL))
    got = await sidecar.post(path, {**(RESPONSES if path == "/v1/responses" else CHAT), "stream": stream})
    assert got.status == status
    shown = [name for name in SAYS_MODEL if got.header(name) is not None]
    if status == 400 and path != "/v1/responses":
        assert shown == []
    else:
        assert shown == (list(SAYS_MODEL) if says == "Upstream" else ["openai-processing-ms"])


async def test_models_are_listed_in_the_shape_that_the_client_reads(sidecar):
    openai = (await sidecar.get(sidecar.url + "/v1/models")).json
    assert openai["object"] == "list"
    assert {"auto", "tier/deep", "kimi-k2-6"} <= {model["id"] for model in openai["data"]}
    anthropic = (await sidecar.get(sidecar.url + "/models?limit=1000", {"anthropic-version": "2023-06-01"})).json
    assert anthropic["has_more"] is False
    assert anthropic["data"][0]["type"] == "model"


async def test_tokens_are_counted_by_the_provider_or_estimated(sidecar, provider, start):
    got = await sidecar.post("/v1/messages/count_tokens", MESSAGES)
    assert got.status == 200
    assert provider.last.path == "/v1/messages/count_tokens"
    assert provider.last.json["model"] == "moonshotai/kimi-k2.6"
    dead = await start(router_text(f"http://127.0.0.1:{closed_port()}/v1"))
    estimated = await dead.post("/v1/messages/count_tokens", MESSAGES)
    assert estimated.status == 200
    assert estimated.json["input_tokens"] > 0
    assert list(sidecar.state_dir.glob("ledger.sqlite3"))
    assert (await sidecar.metric("tierrouter_ledger_written_rows_total")) == 0


async def test_claude_codes_probe_is_answered(sidecar):
    async with sidecar.client.head(sidecar.url + "/") as response:
        assert response.status == 200


async def test_what_only_openai_keeps_is_not_found_elsewhere(sidecar, provider):
    assert (await sidecar.get(sidecar.url + "/v1/responses/resp_1")).status == 404
    compact = await sidecar.post("/v1/responses/compact", RESPONSES)
    assert compact.status in (400, 404)
    assert provider.requests == []


async def test_a_free_local_turn_costs_zero_and_counts(sidecar, provider: ScriptedProvider):
    provider.script(Answer(text="ok"))
    await sidecar.post("/v1/chat/completions", CHAT, {"x-tierrouter-hint": "local"})
    (row,) = await sidecar.rows()
    assert row.cost_usd == 0
    assert row.baseline_cost_usd is not None
    assert row.baseline_cost_usd > 0

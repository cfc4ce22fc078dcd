"""Same dialect: bytes unchanged, but for the edits that are named."""

import json

import pytest
from routers import SPARE_KEY, VENDOR_KEY, router_text

from provider import Answer, Delivery, Raw, ToolCall

AWKWARD = {
    "/v1/chat/completions": (
        b'{ "messages" : [{"role":"user","content":"caf\\u00e9 \xc3\xa9 \\"model\\": \\"x\\" \\/ \\ud83d\\ude00"}],\n'
        b'\t"temperature":1.0e0, "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",'
        b'"properties":{"model":{"type":"string"}}}}}],"seed":12345678901234567890,  "model"  :  "auto" , "user":"u"}'
    ),
    "/v1/messages": (
        b'{"model": "claude-x", "max_tokens": 100,\r\n "system":[{"type":"text","text":"x-anthropic-billing-header: a"}],'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"hi","model":"nested"}]}], "zzz":{"model":"b"},'
        b'"metadata":{"user_id":"u"},"top_k":1.50}'
    ),
    "/v1/responses": (
        b'{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"\\u0041"}]}],"store":false,'
        b'"model":"auto","prompt_cache_key":"k","metadata":{"model":"m"} }'
    ),
}


@pytest.mark.parametrize("path", AWKWARD)
async def test_the_provider_gets_exactly_the_clients_bytes_but_for_the_model(sidecar, provider, path):
    body = AWKWARD[path]
    got = await sidecar.post(path, body)
    assert got.status == 200, got.body
    old = b'"claude-x"' if path == "/v1/messages" else b'"auto"'
    assert body.count(old) == 1
    assert provider.last.body == body.replace(old, b'"moonshotai/kimi-k2.6"')
    assert provider.last.header("content-length") == str(len(provider.last.body))


@pytest.mark.parametrize("path", AWKWARD)
async def test_a_request_that_names_the_right_model_is_not_touched(sidecar, provider, path):
    old = b'"claude-x"' if path == "/v1/messages" else b'"auto"'
    body = AWKWARD[path].replace(old, b'"claude-opus-4-7"')
    await sidecar.post(path, body, {"x-tierrouter-hint": "deep"})
    assert provider.last.body == body


async def test_a_streaming_chat_turn_asks_for_usage_and_hides_the_extra_chunk(sidecar, provider):
    body = b'{"model":"kimi","stream":true ,"messages":[{"role":"user","content":"hi"}]}'
    got = await sidecar.post("/v1/chat/completions", body)
    sent = provider.last.body
    assert sent.startswith(
        b'{"model":"moonshotai/kimi-k2.6","stream":true ,"messages":[{"role":"user","content":"hi"}]'
    )
    assert json.loads(sent)["stream_options"] == {"include_usage": True}
    assert b'"choices":[]' not in got.body.replace(b" ", b"")
    assert got.body.endswith(b"data: [DONE]\n\n")
    (row,) = await sidecar.rows()
    assert (row.usage_source, row.input_tokens > 0) == ("reported", True)
    assert await sidecar.metric('tierrouter_request_edits_total{edit="stream_options"}') == 1


async def test_a_client_that_asked_for_usage_gets_the_chunk(sidecar):
    body = {
        "model": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "hi"}],
    }
    got = await sidecar.post("/v1/chat/completions", body)
    assert b'"choices":[]' in got.body.replace(b" ", b"")


@pytest.mark.parametrize("path", AWKWARD)
@pytest.mark.parametrize("write_bytes", [0, 1, 7])
async def test_a_streams_bytes_are_the_providers_however_they_are_cut(sidecar, provider, path, write_bytes):
    direct = {**json.loads(AWKWARD[path]), "stream": True, "model": "claude-opus-4-7"}
    if path == "/v1/chat/completions":
        direct["stream_options"] = {"include_usage": True}
    answer = Answer(
        text=["Hé", "llo ", "wörld 😀"],
        thinking="a plan",
        tool_calls=[ToolCall(name="f", arguments={"a": 1}), ToolCall(name="g")],
        delivery=Delivery(write_bytes=write_bytes, ping_every=3),
    )
    provider.always(answer)
    async with sidecar.client.post(provider.origin + path, json=direct) as response:
        expected = await response.read()
    got = await sidecar.post(path, direct, {"x-tierrouter-hint": "deep"})
    assert without_ids(got.body) == without_ids(expected)
    assert got.header("content-type") == "text/event-stream"
    assert got.header("cache-control") == "no-cache"


def without_ids(body: bytes) -> bytes:
    """The provider numbers its answers."""
    import re

    return re.sub(
        rb"(msg|resp|chatcmpl|call|toolu|fc|rs|gen|req|item|ctc|tu)[-_A-Za-z0-9]*\d+[-_A-Za-z0-9]*", b"ID", body
    )


async def test_odd_bytes_of_a_stream_are_relayed_as_they_came(sidecar, provider):
    odd = (
        b'\xef\xbb\xbf: hello\r\n\r\nevent: message_start\r\ndata: {"type":"message_start","message":{"model":"m",'
        b'"usage":{"input_tokens":3,"output_tokens":0}}}\r\n\r\nevent: from_the_future\ndata: {"x":\ndata: 1}\n\n'
        b"event: broken\ndata: {not json\n\n"
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    provider.script(Raw(odd))
    body = {"model": "x", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    got = await sidecar.post("/v1/messages", body)
    assert got.body == odd
    (row,) = await sidecar.rows()
    assert (row.outcome, row.input_tokens, row.output_tokens) == ("answered", 3, 5)


async def test_request_defaults_are_added_when_absent(start, provider):
    more = "  requestDefaults: {provider: {data_collection: deny}}"
    sidecar = await start(router_text(provider.base_url, provider_more=more))
    await sidecar.post("/v1/chat/completions", {"model": "a", "messages": [{"role": "user", "content": "x"}]})
    assert provider.last.json["provider"] == {"data_collection": "deny"}
    own = {"model": "a", "provider": {"order": ["x"]}, "messages": [{"role": "user", "content": "x"}]}
    await sidecar.post("/v1/chat/completions", own)
    assert provider.last.json["provider"] == {"order": ["x"]}


async def test_the_models_own_limit_lowers_the_cap_and_the_thinking_budget(start, provider):
    sidecar = await start(router_text(provider.base_url).replace("id: claude-opus-4-7", "id: claude-opus-4-6"))
    body = {
        "model": "x",
        "max_tokens": 128_000,
        "thinking": {"type": "enabled", "budget_tokens": 60_000},
        "messages": [{"role": "user", "content": "hi"}],
    }
    await sidecar.post("/v1/messages", body, {"x-tierrouter-hint": "deep"})
    assert provider.last.json["max_tokens"] == 32_000
    assert provider.last.json["thinking"]["budget_tokens"] == 32_000 - 1024


async def test_thinking_is_adapted_to_the_claude_model_that_serves_and_no_other_byte_changes(start, provider):
    sidecar = await start(router_text(provider.base_url).replace("id: claude-opus-4-7", "id: claude-haiku-4-5"))
    body = (
        b'{"model":"claude-opus-5-5","max_tokens":32000, "thinking":{"type": "adaptive"},\n "stream":false,'
        b'"output_config":{"effort":"medium"},"messages":[{"role":"user","content":"h\\u0069"}]}'
    )
    assert (await sidecar.post("/v1/messages", body, {"x-tierrouter-hint": "deep"})).status == 200
    assert provider.last.body == (
        b'{"model":"claude-haiku-4-5","max_tokens":32000, "thinking":{"type":"enabled","budget_tokens":8192},\n '
        b'"stream":false,"output_config":{},"messages":[{"role":"user","content":"h\\u0069"}]}'
    )
    assert await sidecar.metric('tierrouter_request_edits_total{edit="thinking"}') == 1


async def test_the_clients_credentials_never_leave_and_the_providers_never_come_back(sidecar, provider):
    secrets = {
        "authorization": "Bearer client-secret-1",
        "x-api-key": "client-secret-2",
        "api-key": "client-secret-3",
        "cookie": "c=client-secret-4",
        "proxy-authorization": "Basic client-secret-5",
    }
    for path, body in AWKWARD.items():
        got = await sidecar.post(path, body, secrets)
        sent = provider.last
        assert not any("client-secret" in value for _, value in sent.headers)
        assert any(VENDOR_KEY in value for _, value in sent.headers)
        everything = repr(got.headers) + got.body.decode()
        assert VENDOR_KEY not in everything
    document = sidecar.running.live.in_force.text.decode()
    status = (await sidecar.get(sidecar.admin_url + "/status")).body.decode()
    for secret in (VENDOR_KEY, SPARE_KEY):
        assert secret not in document + status


async def test_a_beta_query_reaches_anthropic_only(sidecar, provider):
    await sidecar.post("/v1/messages?beta=true&key=leak", AWKWARD["/v1/messages"])
    assert provider.last.query == ""


async def test_a_client_error_of_the_provider_is_relayed_word_for_word_without_its_key(sidecar, provider):
    from provider import Status

    body = (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"tools.0: bad '
        + VENDOR_KEY.encode()
        + b'"}}'
    )
    provider.script(Status(400, headers={"x-should-retry": "false", "set-cookie": "a=b"}, body=body))
    got = await sidecar.post("/v1/messages", AWKWARD["/v1/messages"])
    assert got.status == 400
    assert got.body == body.replace(VENDOR_KEY.encode(), b"[redacted]")
    assert got.header("x-should-retry") == "false"
    assert got.header("set-cookie") is None
    (row,) = await sidecar.rows()
    assert (row.outcome, row.cost_usd, row.baseline_cost_usd) == ("upstream_error", 0, None)

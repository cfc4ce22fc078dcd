"""Whatever comes in, a clear error goes out, in the client's own dialect."""

import asyncio

import pytest

PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]
GOOD = {
    "/v1/chat/completions": b'{"model":"a","messages":[{"role":"user","content":"x"}]}',
    "/v1/messages": b'{"model":"a","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "/v1/responses": b'{"model":"a","input":"x"}',
}


def message_of(got, path) -> str:
    error = got.json["error"]
    if path == "/v1/messages":
        assert got.json["type"] == "error"
    else:
        assert {"message", "type", "param", "code"} <= error.keys()
    return error["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"model":"a",}', "JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b'{"model":"a\xff"}', "UTF-8"),
        (b'{"model":NaN}', "JSON"),
        (b"{}", "missing"),
        (b'{"messages":[],"input":"x"}', "model"),
        (b'{"model":5,"messages":[],"input":"x"}', "model"),
        (b'{"model":"","messages":[],"input":"x"}', "model"),
        (b'{"model":null,"messages":[],"input":"x"}', "model"),
        (b"[" * 100_000, "JSON"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_body_that_makes_no_sense_is_a_400_that_says_why(sidecar, provider, path, body, says):
    got = await sidecar.post(path, body)
    assert got.status == 400
    assert says in message_of(got, path)
    assert provider.requests == []


@pytest.mark.parametrize("path", PATHS)
async def test_wrong_types_are_named(sidecar, path):
    key = "input" if path == "/v1/responses" else "messages"
    got = await sidecar.post(path, {"model": "a", key: 7})
    assert got.status == 400
    assert key in message_of(got, path)
    got = await sidecar.post(path, {"model": "a", key: [], "stream": "yes"})
    assert got.status == 400


@pytest.mark.parametrize("path", PATHS)
async def test_a_30_mb_body_is_served_and_a_40_mb_one_refused(sidecar, provider, path):
    key = b'"input"' if path == "/v1/responses" else b'"messages"'
    text = b"x" * (30 * 1024 * 1024)
    big = b'{"model":"a",' + key + b':[{"role":"user","content":"' + text + b'"}]}'
    assert (await sidecar.post(path, big)).status == 200
    got = await sidecar.post(path, big + b" " * (10 * 1024 * 1024))
    # Codex repeats a 413 five times.
    assert got.status == (400 if path == "/v1/responses" else 413)
    assert "32 MiB" in message_of(got, path)


@pytest.mark.parametrize("path", PATHS)
async def test_a_broken_task_header_is_a_400_that_names_it(sidecar, path):
    got = await sidecar.post(path, GOOD[path], {"x-tierrouter-task": "{file_count: 3}"})
    assert got.status == 400
    assert "x-tierrouter-task" in message_of(got, path)


@pytest.mark.parametrize("path", PATHS)
async def test_a_post_that_is_not_json_is_refused(sidecar, provider, path):
    got = await sidecar.post(path, GOOD[path], {"content-type": "text/plain"})
    assert got.status == 415
    assert "application/json" in message_of(got, path)
    assert provider.requests == []


@pytest.mark.parametrize("path", PATHS)
async def test_web_pages_and_rebound_names_are_refused(sidecar, provider, path):
    got = await sidecar.post(path, GOOD[path], {"origin": "http://evil.example"})
    assert got.status == 403
    assert got.header("access-control-allow-origin") is None
    got = await sidecar.post(path, GOOD[path], {"host": "evil.example:8383"})
    assert got.status == 403
    assert provider.requests == []
    assert (await sidecar.get(sidecar.admin_url + "/metrics", {"host": "evil.example"})).status == 403
    assert (await sidecar.get(sidecar.admin_url + "/status", {"origin": "http://localhost"})).status == 403


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nope", "/v1/messages/batches", "/v1/files", "//v1/messages", "/v2/responses"]
)
async def test_unknown_paths_are_not_found_and_never_forwarded(sidecar, provider, path):
    got = await sidecar.post(path, b"{}")
    assert got.status == 404
    assert "not an endpoint" in got.json["error"]["message"]
    assert provider.requests == []


async def test_get_on_a_turns_path_is_not_found(sidecar):
    assert (await sidecar.get(sidecar.url + "/v1/chat/completions")).status == 404


async def test_a_websocket_upgrade_is_refused(sidecar):
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert (await sidecar.get(sidecar.url + "/v1/responses", headers)).status == 404


async def test_a_claude_login_is_refused_with_what_to_do(sidecar, provider):
    got = await sidecar.post("/v1/messages", GOOD["/v1/messages"], {"authorization": "Bearer sk-ant-oat01-x"})
    assert got.status == 401
    assert "ANTHROPIC_AUTH_TOKEN" in message_of(got, "/v1/messages")
    assert provider.requests == []


async def raw(sidecar, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    writer.write(data)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-tierrouter-hint: de\x01ep\r\ncontent-length: 0\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["no http", "control character in a hint", "endless header", "tls"],
)
async def test_what_is_not_http_gets_a_json_error_and_no_traceback(sidecar, data):
    answer = await raw(sidecar, data)
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer[:20]
    assert b"application/json" in answer
    assert b"Traceback" not in answer
    assert b'"error"' in answer


async def test_a_request_without_a_host_is_refused(sidecar):
    body = GOOD["/v1/messages"]
    head = b"POST /v1/messages HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert b"403" in (await raw(sidecar, head + body))[:20]


async def test_a_hint_with_odd_characters_is_made_printable(sidecar):
    got = await sidecar.post(
        "/v1/chat/completions", {"model": "tier/\x07ü\n", "messages": [{"role": "user", "content": "x"}]}
    )
    assert (got.status, got.tier) == (200, "fallback")
    (row,) = await sidecar.rows()
    assert row.hint.isprintable()
    assert row.hint.isascii()


async def test_a_slow_upload_that_stops_does_not_hang_others(sidecar):
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    writer.write(
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    )
    await writer.drain()
    assert (await sidecar.post("/v1/messages", GOOD["/v1/messages"])).status == 200
    writer.close()
    del reader

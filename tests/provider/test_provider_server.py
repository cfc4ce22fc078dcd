"""What a script can do to a connection, and what is kept of a request."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from provider import (
    Answer,
    Close,
    Delivery,
    Ending,
    Hang,
    Raw,
    Reset,
    ScriptedProvider,
    Status,
    closed_port,
    to_model,
)

CHAT: Any = {"model": "m", "stream": True, "messages": []}
GONE = (aiohttp.ClientError, ConnectionError)


async def post(provider: ScriptedProvider, body: Any = CHAT, path: str = "/chat/completions") -> bytes:
    async with aiohttp.ClientSession() as session, session.post(provider.base_url + path, json=body) as reply:
        return await reply.read()


async def read_into(got: bytearray, provider: ScriptedProvider) -> None:
    url = f"{provider.base_url}/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, json=CHAT) as reply:
        async for data in reply.content.iter_any():
            got += data


async def post_status(provider: ScriptedProvider, data: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(f"{provider.base_url}/messages", data=data) as reply:
        return reply.status


async def test_a_request_is_kept_exactly(provider: ScriptedProvider) -> None:
    body = b'{ "model" : "m",\n"messages":[], "max_tokens": 1, "x": "\\u00e5" }'
    head = (
        b"POST /v1/messages?beta=true&x=%%2F HTTP/1.1\r\nHost: h\r\nX-Zed: 1\r\nx-ABC: 2\r\nx-zed: 3\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(head + body)
    await reader.read()
    writer.close()
    seen = provider.last
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages?beta=true&x=%2F", body)
    assert (seen.path, seen.query) == ("/v1/messages", "beta=true&x=%2F")
    assert seen.headers[1:4] == (("X-Zed", "1"), ("x-ABC", "2"), ("x-zed", "3"))
    assert seen.headers_named("X-ZED") == ["1", "3"]


async def test_steps_are_taken_in_order_and_then_the_standing_answer(provider: ScriptedProvider) -> None:
    provider.script(Answer(text="one"), lambda request: Answer(text=f"two for {request.model}"))
    provider.always(Answer(text="ever"))
    ask = {**CHAT, "stream": False}
    replies = [await post(provider, ask) for _ in range(4)]
    assert all(text in reply for text, reply in zip((b"one", b"two for m", b"ever", b"ever"), replies, strict=True))


async def test_a_script_can_be_for_one_model(provider: ScriptedProvider) -> None:
    provider.script(Status(503), when=to_model("big"))
    assert b"error" not in await post(provider, {**CHAT, "model": "small"})
    assert b"error" in await post(provider, {**CHAT, "model": "big"})


@pytest.mark.parametrize("step", [Reset(), Close()])
async def test_a_connection_can_end_before_any_header(provider: ScriptedProvider, step: Reset | Close) -> None:
    provider.script(step)
    with pytest.raises(GONE):
        await post(provider)
    assert provider.disconnects == []


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.CLOSE])
async def test_a_stream_can_break_after_some_events(provider: ScriptedProvider, ending: Ending) -> None:
    provider.script(Answer(text="a b c d", delivery=Delivery(cut_after_events=3, ending=ending)))
    got = bytearray()
    with pytest.raises(GONE):
        await read_into(got, provider)
    assert got.count(b"data: ") == 3


async def test_a_stream_can_end_cleanly_but_too_early(provider: ScriptedProvider) -> None:
    provider.script(Answer(delivery=Delivery(cut_after_events=2)))
    got = await post(provider)
    assert got.count(b"data: ") == 2
    assert b"[DONE]" not in got


async def test_a_cut_can_fall_inside_an_event(provider: ScriptedProvider) -> None:
    provider.script(Answer(delivery=Delivery(cut_after_bytes=50)))
    assert len(await post(provider)) == 50


async def test_raw_bytes_are_sent_as_they_are(provider: ScriptedProvider) -> None:
    provider.script(Raw(b"data: \xff\r\rnonsense", delivery=Delivery(write_bytes=1)))
    assert await post(provider) == b"data: \xff\r\rnonsense"


async def test_events_can_come_slowly(provider: ScriptedProvider) -> None:
    provider.script(Answer(text="a b", delivery=Delivery(event_delay_s=0.03)))
    began = time.monotonic()
    await post(provider)
    assert time.monotonic() - began > 0.09


async def test_blank_lines_can_come_before_a_body(provider: ScriptedProvider) -> None:
    provider.script(Answer(delivery=Delivery(pings_before=3)))
    assert (await post(provider, {**CHAT, "stream": False})).startswith(b"\n\n\n{")


@pytest.mark.parametrize("step", [Hang(), Answer(delivery=Delivery(cut_after_events=1, ending=Ending.STALL))])
async def test_a_client_that_leaves_is_noticed_within_a_second(provider: ScriptedProvider, step: Hang | Answer) -> None:
    provider.script(step)
    call = asyncio.create_task(post(provider))
    await provider.received(1)
    await asyncio.sleep(0.05)
    left = time.monotonic()
    call.cancel()
    gone = await provider.disconnected(timeout_s=1.0)
    assert gone[0].request is provider.last
    assert gone[0].at_s - left < 1.0
    await provider.idle()


async def test_a_client_that_reads_to_the_end_has_not_gone_away(provider: ScriptedProvider) -> None:
    await post(provider)
    with pytest.raises(TimeoutError):
        await provider.disconnected(timeout_s=0.1)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model":"m","messages":[]}'])
async def test_a_broken_request_is_a_400_as_at_the_real_service(provider: ScriptedProvider, body: bytes) -> None:
    assert await post_status(provider, body) == 400


async def test_nobody_listens_on_a_closed_port() -> None:
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", closed_port())

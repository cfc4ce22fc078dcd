"""Who may come in, how much at once, and how slowly."""

import asyncio
import json
import time

import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES
from routers import VENDOR_KEY, router_text
from test_failover import ASK

from provider import Answer, Delivery, Hang
from tierrouter_sidecar.settings import MAX_BODY_BYTES

TOKEN = "agents-token-0123456789"
DIALECTS = [CHAT, RESPONSES, MESSAGES]


@pytest.fixture
async def guarded(start, provider):
    provider.always(GOOD)
    return await start(router_text(provider.base_url), token=TOKEN)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "shown", [{"authorization": f"Bearer {TOKEN}"}, {"x-api-key": TOKEN}, {"Authorization": f"bearer {TOKEN} "}]
)
async def test_the_token_is_taken_in_either_header_and_goes_no_further(guarded, provider, dialect, shown):
    assert (await guarded.post(PATHS[dialect], ASK[dialect], shown)).status == 200
    assert all(TOKEN not in value for _, value in provider.last.headers)
    assert any(VENDOR_KEY in value for _, value in provider.last.headers)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"authorization": "Bearer "},
        {"x-api-key": TOKEN[:-1]},
        {"authorization": f"Basic {TOKEN}"},
        {"x-api-key": "ü"},
    ],
)
async def test_without_the_token_nothing_is_served_and_the_dialect_says_why(guarded, provider, dialect, shown):
    got = await guarded.post(PATHS[dialect], ASK[dialect], shown)
    assert got.status == 401
    assert got.header("x-should-retry") == "false"
    assert "TIERROUTER_TOKEN" in got.json["error"]["message"]
    assert TOKEN not in got.body.decode()
    assert provider.requests == []
    assert await guarded.metric('tierrouter_rejected_requests_total{reason="token"}') == 1


async def test_the_list_of_models_wants_the_token_too(guarded):
    assert (await guarded.get(guarded.url + "/v1/models")).status == 401
    assert (await guarded.get(guarded.url + "/v1/models", {"x-api-key": TOKEN})).status == 200


async def test_the_token_is_in_no_output(guarded):
    await guarded.post(PATHS[CHAT], ASK[CHAT], {"x-api-key": TOKEN})
    for path in ("/status", "/metrics"):
        assert TOKEN.encode() not in (await guarded.get(guarded.admin_url + path)).body
    for file in guarded.state_dir.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_more_turns_than_are_taken_at_once_are_told_to_come_back(start, provider, dialect):
    sidecar = await start(router_text(provider.base_url), max_turns=3)
    provider.always(Answer(delivery=Delivery(first_delay_s=0.5)))
    several = await asyncio.gather(*[sidecar.post(PATHS[dialect], ASK[dialect]) for _ in range(6)])
    assert sorted(got.status for got in several) == [200] * 3 + [429] * 3
    refused = next(got for got in several if got.status == 429)
    assert int(refused.header("retry-after")) >= 1
    assert "3 turns are under way" in refused.json["error"]["message"]
    assert (await sidecar.post(PATHS[dialect], ASK[dialect])).status == 200


async def test_more_bytes_than_are_held_at_once_are_told_to_come_back(start, provider):
    sidecar = await start(router_text(provider.base_url), max_held_bytes=300_000)
    provider.always(Answer(delivery=Delivery(first_delay_s=0.5)))
    long = {**ASK[CHAT], "messages": [{"role": "user", "content": "x" * 200_000}]}
    several = await asyncio.gather(*[sidecar.post(PATHS[CHAT], long) for _ in range(3)])
    assert sorted(got.status for got in several) == [200, 429, 429]
    assert (await sidecar.post(PATHS[CHAT], long)).status == 200, "what was held is let go"


async def test_one_request_larger_than_all_that_is_held_at_once_is_served_alone(start, provider):
    sidecar = await start(router_text(provider.base_url), max_held_bytes=1000)
    long = {**ASK[CHAT], "messages": [{"role": "user", "content": "x" * 20_000}]}
    assert (await sidecar.post(PATHS[CHAT], long)).status == 200


HEAD = "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_body_that_drips_in_is_a_408_in_its_dialect(start, provider, dialect):
    sidecar = await start(router_text(provider.base_url), body_patience_s=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    writer.write(HEAD.format(PATHS[dialect]).encode())
    began = time.monotonic()
    answer = asyncio.create_task(reader.read())
    while not answer.done() and time.monotonic() - began < 5:
        writer.write(b"{")
        await asyncio.sleep(0.1)
    assert 0.4 < time.monotonic() - began < 2
    said = await answer
    assert said.startswith(b"HTTP/1.1 408")
    assert (b"timeout_error" if dialect is MESSAGES else b"request_timeout") in said
    assert b"the body did not come in 0.5 s" in said
    writer.close()


async def test_a_head_that_drips_in_ends_the_connection(start, provider):
    sidecar = await start(router_text(provider.base_url), head_patience_s=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    began = time.monotonic()
    end = asyncio.create_task(reader.read())
    for byte in HEAD.format("/v1/messages") * 10:
        writer.write(byte.encode())
        await asyncio.sleep(0.05)
        if end.done():
            break
    assert end.done()
    assert 0.4 < time.monotonic() - began < 3


async def test_an_answer_that_takes_long_is_no_slow_client(start, provider):
    sidecar = await start(router_text(provider.base_url), head_patience_s=0.3, body_patience_s=0.3)
    provider.always(Answer(delivery=Delivery(first_delay_s=1.0)))
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).status == 200


async def test_turns_share_connections_to_a_provider(start, provider):
    sidecar = await start(router_text(provider.base_url))
    for _ in range(20):
        await sidecar.post(PATHS[CHAT], ASK[CHAT])
    assert len({request.connection for request in provider.requests}) == 1


async def test_an_absolute_address_in_the_request_line_is_not_called(start, provider):
    sidecar = await start(router_text(provider.base_url))
    provider.always(Hang())
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    target = f"{provider.origin}/v1/chat/completions"
    writer.write(f"GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    said = await asyncio.wait_for(reader.read(), 5)
    assert said.startswith(b"HTTP/1.1 404")
    assert provider.requests == []
    writer.close()


async def test_bodies_that_do_not_say_their_length_are_held_like_those_that_do(start, provider):
    """In chunks one could send as much as one likes, a connection each."""
    sidecar = await start(router_text(provider.base_url), max_held_bytes=40 * 2**20)
    provider.always(GOOD)
    go_on = asyncio.Event()

    async def body():
        yield b'{"model": "auto", "messages": [{"role": "user", "content": "'
        await go_on.wait()
        yield b'Count."}]}'

    async def post() -> int:
        headers = {"content-type": "application/json"}
        async with sidecar.client.post(sidecar.url + PATHS[CHAT], data=body(), headers=headers) as response:
            return response.status

    turns = [asyncio.create_task(post()) for _ in range(3)]
    told, _ = await asyncio.wait(turns, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    while len(told) < 2:
        told, _ = await asyncio.wait(turns, timeout=0.1)
    assert {turn.result() for turn in told} == {429}
    go_on.set()
    assert sorted(await asyncio.gather(*turns)) == [200, 429, 429]
    assert await post() == 200, "what was held is let go"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_asks_whether_a_body_is_wanted_is_told_so(start, provider, dialect):
    """As curl asks with large ones; some clients wait for the answer."""
    sidecar = await start(router_text(provider.base_url))
    provider.always(GOOD)
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    body = json.dumps(ASK[dialect]).encode()
    more = "\r\nconnection: close\r\nexpect: 100-continue\r\nhost"
    head = HEAD.replace("99", str(len(body))).replace("\r\nhost", more)
    writer.write(head.format(PATHS[dialect]).encode())
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 OK")


async def test_a_body_that_is_not_wanted_is_not_asked_for(guarded, provider):
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded.running.port)
    writer.write(HEAD.replace("\r\nhost", "\r\nexpect: 100-continue\r\nhost").format(PATHS[CHAT]).encode())
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 401")
    writer.close()


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_the_largest_body_that_is_taken_is_exactly_that_large(start, provider, more, status):
    sidecar = await start(router_text(provider.base_url))
    provider.always(GOOD)
    body = b'{"model":"auto","messages":[{"role":"user","content":"%s"}]}'
    long = body % (b"x" * (MAX_BODY_BYTES - len(body) + 2 + more))
    assert (await sidecar.post(PATHS[CHAT], long)).status == status


@pytest.mark.parametrize("expects", ["", "expect: 100-continue\r\n"], ids=["", "asking first"])
async def test_a_body_that_says_that_it_is_too_large_is_refused_unread_and_keeps_nobody_out(start, provider, expects):
    sidecar = await start(router_text(provider.base_url))
    provider.always(GOOD)
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.running.port)
    head = HEAD.replace("99", "600000000").replace("\r\nhost", f"\r\n{expects}host")
    writer.write(head.format(PATHS[CHAT]).encode() + b"{")
    said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert said.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in said.lower()
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).status == 200
    writer.close()

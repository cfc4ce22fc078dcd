"""Providers that keep to the letter of HTTP or of their dialect only somewhat: what the client gets is whole or says so."""

import gzip
import time
from types import SimpleNamespace

import orjson
import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES, TEXT
from routers import router_text
from sdk_ways import CHAT_ASK, MESSAGES_ASK, Sdks
from stream_grammars import COMPLETE, read_stream
from test_failover import ASK, STREAM, left_alone, with_failover

from provider import Answer, Status
from provider import dialects as at_provider
from provider.answer import Asked
from provider.raw import STREAM_HEAD, RawProvider, body, chunks, events, never_ending

DIALECTS = [CHAT, RESPONSES, MESSAGES]
THEIRS = {CHAT: at_provider.CHAT, RESPONSES: at_provider.RESPONSES, MESSAGES: at_provider.MESSAGES}
WHOLE = "".join(TEXT)
JSON = b"content-type: application/json\r\n"
REFUSES_OPTIONS = {
    "OpenAI": "Unrecognized request argument supplied: stream_options",
    "pydantic": '[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]',
}


def raw_router(raw, spare, **settings: str) -> str:
    return with_failover(SimpleNamespace(base_url=raw.base_url), spare, **settings)


def in_dialects(*names: str, provider, spare) -> str:
    return router_text(provider.base_url, spare.base_url, dialects=", ".join(names))


# A body where a stream was asked for.


@pytest.mark.parametrize("hold", ["200ms", "20s"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_body_in_place_of_a_stream_reaches_the_client_as_the_stream_that_it_asked_for(
    start, spare, dialect, hold
):
    """Also where the stream's headers have gone out before the body is there."""
    async with RawProvider(body(THEIRS[dialect], Answer(text=TEXT), wait_s=0.6)) as raw:
        sidecar = await start(raw_router(raw, spare, holdHeaders=hold))
        got = await sidecar.post(PATHS[dialect], STREAM[dialect])
        read = read_stream(dialect, got.body)
        assert (got.status, got.header("content-type"), got.tier) == (200, "text/event-stream", "routine")
        assert (read.end, read.text) == (COMPLETE, WHOLE)
        (row,) = await sidecar.rows()
        assert (row.outcome, row.attempts, row.output_tokens) == ("answered", 1, 20)


async def test_an_sdk_that_wants_a_stream_reads_what_a_provider_sent_as_a_body(start, spare):
    async with RawProvider(body(THEIRS[CHAT], Answer(text=TEXT))) as raw:
        sidecar = await start(raw_router(raw, spare))
        sdks = Sdks(sidecar.url)
        try:
            stream = await sdks.openai_async.chat.completions.create(**CHAT_ASK, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        finally:
            await sdks.close()
    assert "".join(said) == WHOLE


async def test_several_answers_in_a_body_are_not_made_one(start, spare):
    async with RawProvider(body(THEIRS[CHAT], Answer(text=TEXT))) as raw:
        sidecar = await start(raw_router(raw, spare))
        got = await sidecar.post(PATHS[CHAT], {**STREAM[CHAT], "n": 2})
        assert (got.tier, len(raw.bodies)) == ("fallback", 2)
        assert "sent no stream, though one was asked for" in got.reason


# The end.


@pytest.mark.parametrize("answered_in", DIALECTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_whose_last_marker_has_come_is_over_though_its_connection_stays_open(
    start, spare, dialect, answered_in
):
    async with RawProvider(never_ending(events(THEIRS[answered_in], Answer(text=TEXT)))) as raw:
        text = router_text(raw.base_url, spare.base_url, dialects=str(answered_in))
        sidecar = await start(text)
        began_s = time.monotonic()
        got = await sidecar.post(PATHS[dialect], STREAM[dialect])
        assert time.monotonic() - began_s < 3, "and not when the patience for a silent stream is over, five seconds"
        read = read_stream(dialect, got.body)
        assert (got.tier, read.end, read.text) == ("routine", COMPLETE, WHOLE)
        await sidecar.post(PATHS[dialect], STREAM[dialect])
        assert raw.connections == 2, "such a connection is not used again"
        assert {row.outcome for row in await sidecar.rows(2)} == {"answered"}
        assert await left_alone(sidecar) == []


async def test_of_several_answers_at_once_each_has_to_end(start, spare):
    def chunk(index: int, text: str, finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
        payload = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + orjson.dumps(payload) + b"\n\n"

    half = chunk(0, "one ") + chunk(1, "two ") + chunk(0, "", "stop")
    cut, whole = chunks(half) + b"0\r\n\r\n", chunks(half + chunk(1, "", "stop")) + b"0\r\n\r\n"
    async with RawProvider([STREAM_HEAD, cut], [STREAM_HEAD, whole]) as raw:
        sidecar = await start(raw_router(raw, spare))
        for cut_off in (True, False):
            got = await sidecar.post(PATHS[CHAT], {**STREAM[CHAT], "n": 2})
            assert (b'"code":"upstream_cut"' in got.body) is cut_off
        assert [row.outcome for row in await sidecar.rows(2)] == ["cut", "answered"]


# What the router adds to a request.


@pytest.mark.parametrize("says", REFUSES_OPTIONS.values(), ids=REFUSES_OPTIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_provider_that_refuses_stream_options_is_asked_again_without_and_never_again_with(
    start, provider, spare, dialect, says
):
    provider.always(lambda request: Status(400, message=says) if "stream_options" in request.json else GOOD)
    sidecar = await start(in_dialects("OpenAIChat", provider=provider, spare=spare))
    for turn in range(3):
        got = await sidecar.post(PATHS[dialect], STREAM[dialect], {"x-tierrouter-session": f"s-{turn}"})
        assert (got.status, got.tier) == (200, "routine")
        assert read_stream(dialect, got.body).text == WHOLE
    assert ["stream_options" in request.json for request in provider.requests] == [True, False, False, False]
    rows = await sidecar.rows(3)
    assert [row.attempts for row in rows] == [2, 1, 1]
    assert {row.usage_source for row in rows} == {"estimated"}
    assert await sidecar.metric('tierrouter_attempt_errors_total{kind="option",provider="vendor"}') == 1
    assert await left_alone(sidecar) == []


async def test_what_the_client_wrote_itself_of_stream_options_stays(start, provider, spare):
    def answer(request):
        asked = request.json["stream_options"]
        return Status(400, message="include_usage: unknown field") if "include_usage" in asked else GOOD

    provider.always(answer)
    sidecar = await start(with_failover(provider, spare))
    own = {"include_obfuscation": False}
    got = await sidecar.post(PATHS[CHAT], {**STREAM[CHAT], "stream_options": own})
    assert (got.status, provider.last.json["stream_options"]) == (200, own)


async def test_stream_options_that_the_client_wrote_are_the_providers_to_refuse(start, provider, spare):
    provider.always(Status(400, message=REFUSES_OPTIONS["OpenAI"]))
    sidecar = await start(with_failover(provider, spare))
    got = await sidecar.post(PATHS[CHAT], {**STREAM[CHAT], "stream_options": {"include_usage": True}})
    assert (got.status, len(provider.requests), spare.requests) == (400, 1, [])
    assert REFUSES_OPTIONS["OpenAI"] in got.body.decode()


async def test_a_refusal_that_only_quotes_stream_options_is_told_and_nothing_is_learned(start, provider, spare):
    provider.always(Status(400, message='temperature: too high, in {"stream_options": {"include_usage": true}}'))
    sidecar = await start(with_failover(provider, spare))
    for _ in range(2):
        got = await sidecar.post(PATHS[CHAT], STREAM[CHAT])
        assert (got.status, b"temperature: too high" in got.body) == (400, True)
    assert ["stream_options" in request.json for request in provider.requests] == [True, False, True, False]


async def test_the_last_call_goes_to_a_provider_that_refused_stream_options(start, provider, spare):
    provider.always(
        lambda request: Status(400, message=str(request.json)) if "stream_options" in request.json else GOOD
    )
    sidecar = await start(with_failover(provider, spare, maxAttempts="2"))
    assert (await sidecar.post(PATHS[CHAT], STREAM[CHAT])).tier == "routine"


# What agents do after an error.


@pytest.mark.parametrize("stands_in", [CHAT, MESSAGES])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_turn_that_is_too_long_is_a_400_whatever_status_the_server_gives_it(
    start, provider, spare, dialect, stands_in
):
    """After a 500 an agent would ask again, up to thirty times; after this it compacts."""
    provider.always(Status(500, message="the request exceeds the available context window: 9000 tokens > 8192"))
    sidecar = await start(in_dialects(str(stands_in), provider=provider, spare=spare))
    got = await sidecar.post(PATHS[dialect], ASK[dialect])
    assert (got.status, got.header("x-should-retry")) == (400, "false")
    assert b"context_length_exceeded" in got.body
    assert dialect is not MESSAGES or b"prompt is too long: 9000 tokens > 8192 maximum" in got.body


@pytest.mark.parametrize(("dialect", "status"), [(CHAT, 413), (MESSAGES, 413), (RESPONSES, 400)])
async def test_a_turn_that_all_providers_find_too_large_is_asked_once(start, provider, spare, dialect, status):
    for each in (provider, spare):
        each.always(Status(413, message="Request entity too large"))
    sidecar = await start(with_failover(provider, spare))
    got = await sidecar.post(PATHS[dialect], ASK[dialect])
    assert (got.status, b"Request entity too large" in got.body) == (status, True)


# The last marker.


@pytest.mark.parametrize("answered_in", [CHAT, MESSAGES])
async def test_an_answer_without_its_last_marker_is_counted_and_sdks_read_it_whole(start, provider, spare, answered_in):
    provider.always(Answer(text=TEXT, terminator=False))
    sidecar = await start(in_dialects(answered_in, provider=provider, spare=spare))
    sdks = Sdks(sidecar.url)
    try:
        chunks = await sdks.openai_async.chat.completions.create(**CHAT_ASK, stream=True)
        said = [chunk.choices[0] async for chunk in chunks if chunk.choices]
        assert ("".join(one.delta.content or "" for one in said), said[-1].finish_reason) == (WHOLE, "stop")
        async with sdks.anthropic_async.messages.stream(**MESSAGES_ASK) as stream:
            message = await stream.get_final_message()
        assert (message.content[0].text, message.stop_reason) == (WHOLE, "end_turn")
    finally:
        await sdks.close()
    assert {row.outcome for row in await sidecar.rows(2)} == {"answered"}
    assert await sidecar.metric('tierrouter_unterminated_streams_total{provider="vendor"}') == 2


async def test_an_answer_with_its_last_marker_is_not_counted_so(start, provider, spare):
    provider.always(GOOD)
    sidecar = await start(with_failover(provider, spare))
    for dialect in DIALECTS:
        await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert await sidecar.metric('tierrouter_unterminated_streams_total{provider="vendor"}') == 0


# The letter of HTTP.


def chunked(data: bytes, *, head: bytes = b"", end: bytes = b"0\r\n\r\n") -> list[bytes]:
    return [STREAM_HEAD.replace(b"\r\n\r\n", b"\r\n" + head + b"\r\n"), chunks(data), end]


STREAMED = events(at_provider.CHAT, Answer(text=TEXT))
UNDERSTOOD = {
    "early hints": [b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", *chunked(STREAMED)],
    "trailers": chunked(STREAMED, end=b"0\r\nx-sum: 1\r\n\r\n"),
    "CR LF": chunked(STREAMED.replace(b"\n", b"\r\n")),
    "CR": chunked(STREAMED.replace(b"\n", b"\r")),
    "a byte order mark": chunked(b"\xef\xbb\xbf" + STREAMED),
    "no space after data": chunked(STREAMED.replace(b"data: ", b"data:")),
    "comments in events": chunked(b": hello\n\n" + STREAMED.replace(b"\n\n", b"\n: there\n\n")),
    "ids and retries": chunked(b"retry: 1000\nid: 4\n\n" + STREAMED),
    "an event without data": chunked(b"event: odd\n\n" + STREAMED),
    "a byte at a time": [STREAM_HEAD, *[chunks(bytes([byte])) for byte in STREAMED], b"0\r\n\r\n"],
    "a header in Latin-1": chunked(STREAMED, head=b"openai-organization: Caf\xe9\r\n"),
}
HANDED_OVER = {
    "switching protocols": [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
    "no content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "not modified": [b"HTTP/1.1 304 Not Modified\r\n\r\n"],
    "a page": [b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nSorry"],
    "a page as a stream": chunked(b"<html>Sorry</html>\n\n"),
    "gzip": chunked(gzip.compress(STREAMED), head=b"content-encoding: gzip\r\n"),
    "a length that lies": [b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: 99\r\n\r\n{}"],
    "a chunk without a size": [STREAM_HEAD, b"zz\r\n"],
    "a header that never ends": [b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 100_000],
    "thousands of headers": [b"HTTP/1.1 200 OK\r\n" + b"x-one: 1\r\n" * 5000 + b"\r\n"],
    "a line break in a header": chunked(STREAMED, head=b"openai-organization: a\rx-evil: b\r\n"),
    "bytes that are not UTF-8": chunked(STREAMED.replace(b"word-0", b"\xff\xfe")),
    "an error as a body": [b"HTTP/1.1 200 OK\r\n" + JSON + b'content-length: 17\r\n\r\n{"error":"Oh no"}'],
}


@pytest.mark.parametrize("answer", UNDERSTOOD.values(), ids=UNDERSTOOD)
async def test_what_http_and_its_streams_allow_is_relayed(start, spare, answer):
    async with RawProvider(answer) as raw:
        sidecar = await start(raw_router(raw, spare))
        got = await sidecar.post(PATHS[CHAT], STREAM[CHAT])
        assert (got.status, got.tier, len(raw.bodies)) == (200, "routine", 1)
        assert all(word.strip().encode() in got.body for word in TEXT)
        assert (await sidecar.rows())[0].outcome == "answered"


@pytest.mark.parametrize("answer", HANDED_OVER.values(), ids=HANDED_OVER)
async def test_what_is_no_answer_is_handed_over_and_none_of_it_is_shown(start, spare, answer):
    async with RawProvider(answer, hangs_up=True) as raw:
        sidecar = await start(raw_router(raw, spare))
        got = await sidecar.post(PATHS[CHAT], STREAM[CHAT])
        assert (got.status, got.tier) == (200, "fallback")
        assert read_stream(CHAT, got.body).text == "the spare answers"
        assert got.header("x-evil") is None


async def test_an_answer_that_nobody_asked_for_is_not_the_next_turns(start, spare):
    """Two answers to one request: the second must never be another session's."""
    one = b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: %d\r\n\r\n%s"
    good = orjson.dumps(at_provider.CHAT.body(GOOD, Asked(model="m")))
    evil = b'{"choices":[{"message":{"content":"of another"}}]}'
    async with RawProvider([one % (len(good), good) + one % (len(evil), evil)], [one % (len(good), good)]) as raw:
        sidecar = await start(raw_router(raw, spare))
        for _ in range(2):
            got = await sidecar.post(PATHS[CHAT], ASK[CHAT])
            assert (got.tier, b"of another" in got.body) == ("routine", False)
        assert raw.connections == 2

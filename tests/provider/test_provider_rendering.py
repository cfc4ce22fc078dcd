"""Properties of rendering and delivery: nothing is lost, whatever is cut."""

import re

import orjson
from hypothesis import given
from hypothesis import strategies as st

from provider.answer import Answer, Asked, Delivery, ToolCall, slices, words
from provider.delivery import plan
from provider.dialects import CHAT, MESSAGES, RESPONSES, Dialect
from provider.fast import CannedAnswers, take_request

ASKED = Asked(model="m", stream=True, include_usage=True)
DIALECTS = st.sampled_from([CHAT, RESPONSES, MESSAGES])
ANSWERS = st.builds(
    Answer,
    text=st.text(max_size=40),
    thinking=st.none() | st.text(max_size=20),
    tool_calls=st.lists(st.builds(ToolCall, name=st.just("read"), arguments=st.text(max_size=30)), max_size=3),
    interleave_calls=st.booleans(),
)


@given(st.text())
def test_fragments_join_to_their_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert "".join(slices(text)) == text


@given(DIALECTS, ANSWERS)
def test_every_event_is_one_event_with_json_in_it(dialect: Dialect, answer: Answer) -> None:
    for event in dialect.events(answer, ASKED):
        assert event.endswith(b"\n\n")
        assert event.count(b"\n\n") == 1
        data = re.search(rb"^data: (.*)$", event, re.MULTILINE)
        assert data is not None
        assert data[1] == b"[DONE]" or isinstance(orjson.loads(data[1]), dict)


@given(ANSWERS)
def test_message_blocks_are_numbered_without_gaps_and_one_at_a_time(answer: Answer) -> None:
    open_block, blocks = None, 0
    for event in MESSAGES.events(answer, ASKED):
        payload = orjson.loads(event.partition(b"data: ")[2])
        match payload["type"]:
            case "content_block_start":
                assert (open_block, payload["index"]) == (None, blocks)
                open_block, blocks = blocks, blocks + 1
            case "content_block_delta":
                assert payload["index"] == open_block
            case "content_block_stop":
                assert payload["index"] == open_block
                open_block = None
    assert open_block is None


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.integers(1, 5), st.none() | st.integers(0, 60))
def test_writes_carry_the_first_bytes_of_the_events(events: list[bytes], size: int, cut: int | None) -> None:
    sent = plan(Delivery(write_bytes=size, cut_after_bytes=cut), events, ping=b"p")
    whole = b"".join(events)
    assert b"".join(write.data for write in sent.writes) == (whole if cut is None else whole[:cut])
    assert all(len(write.data) <= size for write in sent.writes)


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=5), st.booleans())
def test_the_fast_mode_finds_a_request_however_it_is_cut(body: bytes, sizes: list[int], chunked: bool) -> None:
    if chunked:
        chunks = [body[start : start + 7] for start in range(0, len(body), 7)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        head = b"POST /v1/messages?beta=true HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    else:
        framed, head = body, b"POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    wire, buffer = head + framed, bytearray()
    for size in sizes:
        buffer += wire[:size]
        wire = wire[size:]
        if wire:
            assert take_request(buffer) is None
    buffer += wire
    assert take_request(buffer) == (b"/v1/messages?beta=true", body)
    assert not buffer


def test_the_fast_mode_streams_to_those_who_ask() -> None:
    answers = CannedAnswers(events=50)
    assert isinstance(answers.choose(b"/v1/messages", b'{"stream": false}'), bytes)
    streamed = answers.choose(b"/v1/messages?beta=true", b'{"stream": true}')
    assert 45 <= len(streamed) <= 55
    with_usage = answers.choose(b"/v1/chat/completions", b'{"stream":true,"stream_options":{"include_usage":true}}')
    assert len(with_usage) == len(answers.choose(b"/v1/chat/completions", b'{"stream":true}')) + 1

"""Relaying a stream and knowing what it used and how it ended."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_streams import (
    CHAT_REFUSAL,
    CHAT_STREAM,
    CHAT_USAGE,
    MESSAGES_STREAM,
    RESPONSES_STREAM,
    STREAMS,
    chat,
    chunk,
    named,
    response,
)

from tierrouter_core.names import Dialect, UsageSource
from tierrouter_core.spend.usage import NOTHING_USED, Usage
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.sse import EventSplitter, SseError, event_fields

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
STREAM_IDS = ["chat", "chat refusal", "chat CRLF", "messages", "messages CR", "responses", "responses BOM"]
EVERY_STREAM = pytest.mark.parametrize(("dialect", "stream"), STREAMS, ids=STREAM_IDS)


@pytest.mark.parametrize(
    ("stream", "marker"),
    [
        (CHAT_STREAM, b"data: [DONE]"),
        (MESSAGES_STREAM, b"event: message_stop"),
        (RESPONSES_STREAM, b"response.completed"),
    ],
)
def test_a_stream_is_over_with_its_last_marker_and_not_before(stream: bytes, marker: bytes) -> None:
    dialect = next(known for known, each in STREAMS if each is stream)
    meter = stream_meter(dialect)
    meter.feed(stream[: stream.index(marker)])
    assert not meter.terminated
    meter.feed(stream[stream.index(marker) :])
    assert meter.terminated


def test_of_several_answers_at_once_each_has_to_end() -> None:
    def ends(index: int) -> bytes:
        choice = {"index": index, "delta": {}, "finish_reason": "stop"}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    for several, enough in ((1, 1), (2, 2), (3, 3)):
        meter = stream_meter(CHAT, choices=several)
        complete = [(meter.feed(ends(index)), meter.complete)[1] for index in range(several)]
        assert complete.index(True) + 1 == enough
    meter = stream_meter(CHAT, choices=2)
    relay(meter, ends(0), ends(0))
    assert not meter.complete
    meter.feed(b"data: [DONE]\n\n")
    assert meter.complete, "the provider says itself that no more comes"


def relay(meter: StreamMeter, *chunks: bytes) -> bytes:
    return b"".join(map(meter.feed, chunks))


def pieces(data: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


def payloads(relayed: bytes) -> list[dict[str, object]]:
    data = [event_fields(event)[1] for event in EventSplitter().feed(relayed)]
    return [json.loads(each) for each in data if each and each != b"[DONE]"]


def finish_end(dialect: Dialect, stream: bytes) -> int:
    """Where the JSON that completes the answer ends."""
    mark = {CHAT: b'"finish_reason":"', MESSAGES: b"event: message_delta", RESPONSES: b"event: response.completed"}
    return min(stream.index(end, stream.rindex(mark[dialect])) for end in (b"}\n", b"}\r") if end in stream) + 1


@EVERY_STREAM
def test_a_stream_passes_byte_for_byte(dialect: Dialect, stream: bytes) -> None:
    meter = stream_meter(dialect)
    assert relay(meter, stream) + meter.end() == stream
    assert meter.complete
    assert meter.failed is None
    assert not meter.malformed


@EVERY_STREAM
@settings(max_examples=40, deadline=None)
@given(places=st.lists(st.integers(0, 10**6)), swallow=st.booleans(), rename=st.sampled_from([None, "tier/ö"]))
def test_chunks_change_neither_the_bytes_nor_the_usage(
    dialect: Dialect, stream: bytes, places: list[int], swallow: bool, rename: str | None
) -> None:
    outcomes = []
    for chunks in ([stream], pieces(stream, places), [bytes([byte]) for byte in stream]):
        meter = stream_meter(dialect, swallow_usage=swallow, rename_model=rename)
        out = relay(meter, *chunks) + meter.end()
        outcomes.append((out, meter.usage_or_estimate(9), meter.complete, meter.malformed, meter._output_bytes()))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@EVERY_STREAM
def test_a_cut_anywhere_ends_complete_or_in_an_error_event(dialect: Dialect, stream: bytes) -> None:
    finish = finish_end(dialect, stream)
    for place in range(len(stream) + 1):
        meter = stream_meter(dialect)
        sent = relay(meter, stream[:place])
        last = meter.end("gone")
        assert meter.complete == (place >= finish), place
        if meter.complete:
            assert (sent + last).rstrip() == stream[: len((sent + last).rstrip())]
        else:
            assert stream[:place].startswith(sent)
            error = payloads(last)[-1]
            if dialect is RESPONSES:
                assert error["type"] == "response.failed"
            else:
                assert error["error"]["message"] == "gone"  # type: ignore[index]
            assert b"[DONE]" not in last
            assert b"message_stop" not in last
        assert meter.end() == b""


@EVERY_STREAM
@settings(deadline=None)
@given(garbage=st.binary(max_size=60), place=st.integers(0, 10**6))
def test_garbage_never_stops_the_relay(dialect: Dialect, stream: bytes, garbage: bytes, place: int) -> None:
    place %= len(stream)
    broken = stream[:place] + garbage + stream[place:]
    meter = stream_meter(dialect)
    sent = relay(meter, broken)
    assert broken.startswith(sent)
    meter.end()
    assert meter.usage.output >= 0


@EVERY_STREAM
@pytest.mark.parametrize(
    "garbage", [b'data: {"choices": oops\n\n', b"data: 7\n\n", b'data: {"a":\n\n', b"data: {}}\n\n"]
)
def test_nothing_follows_an_event_that_no_client_could_read(dialect: Dialect, stream: bytes, garbage: bytes) -> None:
    events = EventSplitter().feed(stream)
    for place in itertools.accumulate(map(len, events[: len(events) // 2])):
        meter = stream_meter(dialect)
        sent = relay(meter, stream[:place] + garbage + stream[place:])
        assert sent == stream[:place]
        assert meter.malformed
        assert not meter.complete
        assert b"broken" in meter.end("broken")


def test_what_no_client_knows_is_relayed_whatever_it_holds() -> None:
    stream = b"event: heartbeat\ndata: tick\n\n" + CHAT_STREAM
    meter = stream_meter(CHAT)
    assert relay(meter, stream) == stream
    assert meter.complete


def test_an_event_without_end_breaks_off_and_ends_in_an_error() -> None:
    meter = stream_meter(CHAT)
    meter._splitter = EventSplitter(limit_bytes=100)
    with pytest.raises(SseError):
        meter.feed(b"data: " + b"x" * 200)
    assert b"gone" in meter.end("gone")


# Usage


def test_chat_reports_usage_in_its_last_chunk() -> None:
    meter = stream_meter(CHAT)
    relay(meter, CHAT_STREAM)
    assert meter.usage == Usage(input_uncached=30, cache_read=60, cache_write_5m=10, output=20, reasoning_output=5)


def test_messages_usage_is_merged_never_added_up() -> None:
    meter = stream_meter(MESSAGES)
    relay(meter, MESSAGES_STREAM)
    assert meter.usage == Usage(
        input_uncached=10, cache_read=60, cache_write_5m=20, cache_write_1h=10, output=25, reasoning_output=4
    )


def test_responses_reports_usage_when_completed() -> None:
    meter = stream_meter(RESPONSES)
    relay(meter, RESPONSES_STREAM)
    assert meter.usage == Usage(input_uncached=30, cache_read=60, cache_write_5m=10, output=30, reasoning_output=7)


def test_usage_in_the_first_choice_counts() -> None:
    finish = chunk({}, "stop")
    finish["choices"][0]["usage"] = {"prompt_tokens": 8, "completion_tokens": 2}
    meter = stream_meter(CHAT)
    relay(meter, chat(chunk({"content": "x"}), finish))
    assert meter.usage == Usage(input_uncached=8, output=2)


def test_the_last_of_continuous_usage_counts() -> None:
    chunks = [chunk({"content": "x"}, usage={"prompt_tokens": 8, "completion_tokens": n}) for n in range(1, 4)]
    meter = stream_meter(CHAT)
    relay(meter, chat(*chunks, chunk({}, "stop")))
    assert meter.usage == Usage(input_uncached=8, output=3)


def test_without_usage_the_answer_is_estimated_from_what_was_written() -> None:
    meter = stream_meter(CHAT)
    relay(meter, CHAT_REFUSAL)
    # 11 bytes / 3.6
    assert meter.usage_or_estimate(70) == Usage(input_uncached=70, output=4, source=UsageSource.ESTIMATED)


def test_a_cut_message_has_reported_input_and_estimated_output() -> None:
    meter = stream_meter(MESSAGES)
    relay(meter, MESSAGES_STREAM[: MESSAGES_STREAM.index(b"event: message_delta")])
    meter.end()
    usage = meter.usage_or_estimate(9999)
    # 16 bytes of thinking, 20 of text, 10 of arguments.
    assert usage == Usage(
        input_uncached=10,
        cache_read=60,
        cache_write_5m=20,
        cache_write_1h=10,
        output=13,
        source=UsageSource.MIXED,
        complete=False,
    )


def test_a_message_that_starts_with_zero_input_takes_the_estimate() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 0, "output_tokens": 1}}}
    meter = stream_meter(MESSAGES)
    relay(meter, named(start))
    assert meter.usage_or_estimate(55).input_uncached == 55


def test_a_cut_stream_does_not_state_a_cost() -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 1, "cost": 0.5}
    meter = stream_meter(CHAT)
    relay(meter, chat(chunk({"content": "x" * 36}, usage=usage), done=False))
    assert meter.usage.stated_cost_usd is None
    assert meter.usage.output == 10
    relay(meter, chat(chunk({}, "stop", usage=usage)))
    assert str(meter.usage.stated_cost_usd) == "0.5"


@pytest.mark.parametrize("dialect", Dialect)
def test_a_stream_without_an_answer_used_nothing(dialect: Dialect) -> None:
    meter = stream_meter(dialect)
    relay(meter, b": ping\n\n")
    meter.end()
    assert meter.usage_or_estimate(70) == NOTHING_USED


def test_whole_items_without_deltas_are_estimated_too() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "x" * 36}]}
    meter = stream_meter(RESPONSES)
    relay(meter, named({"type": "response.output_item.done", "item": item}))
    assert meter.usage.output == 10


@given(st.lists(st.text(min_size=1)), st.booleans())
def test_the_estimate_counts_utf8_bytes_however_json_escapes_them(texts: list[str], ascii_only: bool) -> None:
    stream = b"".join(
        b"data: " + json.dumps(chunk({"content": text}), ensure_ascii=ascii_only).encode("utf-8", "replace") + b"\n\n"
        for text in texts
    )
    meter = stream_meter(CHAT)
    relay(meter, stream)
    true = sum(len(text.encode("utf-8", "replace")) for text in texts)
    if ascii_only:
        assert abs(meter._output_bytes() - true) <= 1 * sum(map(len, texts))
    elif not any(ord(char) < 0x20 for text in texts for char in text):
        assert meter._output_bytes() == true


# Edits


def test_the_usage_chunk_is_dropped_for_a_client_that_did_not_ask() -> None:
    meter = stream_meter(CHAT, swallow_usage=True)
    usage_event = chat(chunk(None, usage=CHAT_USAGE), done=False)
    assert relay(meter, CHAT_STREAM) == CHAT_STREAM.replace(usage_event, b"")
    assert meter.usage.output == 20


def test_usage_beside_choices_and_empty_choices_without_usage_stay() -> None:
    stream = chat(chunk(None, prompt_filter_results=[]), chunk({"content": "x"}), chunk({}, "stop", usage=CHAT_USAGE))
    meter = stream_meter(CHAT, swallow_usage=True)
    assert relay(meter, stream) == stream


def test_a_usage_chunk_without_blank_line_is_dropped_too() -> None:
    stream = chat(chunk({"content": "x"}), chunk({}, "stop"), chunk(None, usage=CHAT_USAGE), done=False)
    meter = stream_meter(CHAT, swallow_usage=True)
    out = relay(meter, stream[:-2]) + meter.end()
    assert out == chat(chunk({"content": "x"}), chunk({}, "stop"), done=False)
    assert meter.usage.output == 20


@EVERY_STREAM
def test_the_model_is_renamed_where_it_names_the_model_and_nowhere_else(dialect: Dialect, stream: bytes) -> None:
    meter = stream_meter(dialect, rename_model="mine")
    name = {CHAT: b'"model":"up-1"', MESSAGES: b'"model": "claude-up"', RESPONSES: b'"model": "gpt-up"'}[dialect]
    value = name[name.index(b":") :].lstrip(b": ")
    assert name in stream
    assert relay(meter, stream) + meter.end() == stream.replace(name, name.replace(value, b'"mine"'))


def test_the_failure_of_a_renamed_response_has_the_new_name() -> None:
    meter = stream_meter(RESPONSES, rename_model="mine")
    relay(meter, RESPONSES_STREAM[:900])
    assert payloads(meter.end())[-1]["response"]["model"] == "mine"  # type: ignore[index]


# Ends


def test_a_cut_response_fails_under_its_own_id_with_the_next_number() -> None:
    meter = stream_meter(RESPONSES)
    sent = payloads(relay(meter, RESPONSES_STREAM[:-500]))
    (failed,) = payloads(meter.end("gone"))
    assert failed["sequence_number"] == len(sent)
    assert failed["response"]["id"] == "resp_1"  # type: ignore[index]
    assert failed["response"]["error"] == {"code": "server_error", "message": "gone"}  # type: ignore[index]


def test_a_response_that_never_began_is_opened_before_it_fails() -> None:
    meter = stream_meter(RESPONSES)
    relay(meter, RESPONSES_STREAM[:30])
    created, failed = payloads(meter.end())
    assert [created["type"], failed["type"]] == ["response.created", "response.failed"]
    assert [created["sequence_number"], failed["sequence_number"]] == [0, 1]
    assert created["response"]["id"] == failed["response"]["id"]  # type: ignore[index]


def test_a_stream_without_sequence_numbers_is_counted() -> None:
    meter = stream_meter(RESPONSES)
    relay(meter, named({"type": "response.created", "response": response("in_progress")}))
    relay(meter, named({"type": "response.output_text.delta", "delta": "x"}) * 3)
    (failed,) = payloads(meter.end())
    assert failed["sequence_number"] == 4


@pytest.mark.parametrize(
    ("dialect", "event", "text"),
    [
        (CHAT, b'data: {"error":{"message":"busy","code":502},"choices":[{"finish_reason":"error"}]}\n\n', "busy"),
        (CHAT, b'event: error\ndata: {"message": "busy"}\n\n', "busy"),
        (MESSAGES, named({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}), "busy"),
        (
            RESPONSES,
            named({"type": "response.failed", "response": response("failed", error={"message": "busy"})}),
            "busy",
        ),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_reported_error_is_the_last_that_is_relayed_and_nothing_is_added(
    dialect: Dialect, event: bytes, text: str, late: bool
) -> None:
    head = {CHAT: CHAT_STREAM[:800], MESSAGES: MESSAGES_STREAM[:1500], RESPONSES: RESPONSES_STREAM[:2000]}[dialect]
    splitter = EventSplitter()
    before = b"".join(splitter.feed(head if late else b""))
    meter = stream_meter(dialect)
    assert relay(meter, before + event + b"data: [DONE]\n\n") == before
    assert meter.failed == text
    assert not meter.complete
    assert meter.semantic is late
    assert meter.end() == event
    assert meter.end() == b""


def test_codex_gets_the_failure_that_it_reads_after_an_error_event_that_it_ignores() -> None:
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "sequence_number": 2}
    meter = stream_meter(RESPONSES)
    relay(meter, named({"type": "response.created", "sequence_number": 1, "response": response("in_progress")}, error))
    assert meter.failed == "slow down"
    told, failed = payloads(meter.end())
    assert told == error
    assert failed["sequence_number"] == 3
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}  # type: ignore[index]


def test_a_finish_that_lacks_its_blank_line_gets_one_so_that_clients_see_it() -> None:
    stream = chat(chunk({"content": "x"}), chunk({}, "stop"), done=False)
    meter = stream_meter(CHAT)
    assert relay(meter, stream[:-2]) + meter.end() == stream
    assert meter.complete


def test_half_an_event_after_the_finish_is_not_relayed() -> None:
    whole = chat(chunk({"content": "x"}), chunk({}, "stop"), done=False)
    meter = stream_meter(CHAT)
    assert relay(meter, whole + b'data: {"usage"') + meter.end() == whole
    assert meter.complete


def test_a_stop_reason_with_an_open_block_is_not_the_end() -> None:
    meter = stream_meter(MESSAGES)
    relay(
        meter,
        named(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        ),
    )
    assert not meter.complete
    relay(meter, named({"type": "content_block_stop", "index": 0}))
    assert meter.complete


def test_an_incomplete_response_is_an_end() -> None:
    meter = stream_meter(RESPONSES)
    relay(meter, named({"type": "response.incomplete", "response": response("incomplete")}))
    assert meter.complete


# The opening


@pytest.mark.parametrize(
    ("dialect", "opening", "first"),
    [
        (
            CHAT,
            chat(chunk({"role": "assistant", "content": ""}), done=False),
            chat(chunk({"content": "x"}), done=False),
        ),
        (MESSAGES, MESSAGES_STREAM[: MESSAGES_STREAM.index(b"event: content")], MESSAGES_STREAM),
        (RESPONSES, named({"type": "response.created", "response": response("queued")}), RESPONSES_STREAM),
    ],
)
def test_the_opening_is_told_from_the_answer(dialect: Dialect, opening: bytes, first: bytes) -> None:
    meter = stream_meter(dialect)
    relay(meter, b': keep-alive\n\nevent: ping\ndata: {"type": "ping"}\n\n')
    assert (meter.semantic, meter.beyond_opening) == (False, False)
    relay(meter, opening)
    assert (meter.semantic, meter.beyond_opening) == (True, False)
    relay(meter, first)
    assert meter.beyond_opening


def test_usage_is_complete_only_with_the_answer() -> None:
    meter = stream_meter(RESPONSES)
    relay(meter, RESPONSES_STREAM)
    assert meter.usage == replace(meter.usage, complete=True, source=UsageSource.REPORTED)

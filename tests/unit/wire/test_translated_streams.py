"""What holds for every answer that is translated while it streams."""

import itertools
import tracemalloc

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_grammars import COMPLETE, FAILED, OPEN, Read, read_stream
from translated_streams import (
    ANSWERS,
    FUZZ_FACTOR,
    KEY,
    PAIRS,
    PROVIDERS,
    events_of,
    pair_id,
    sent_on,
    translator,
)

from provider import Answer, Tokens, ToolCall
from tierrouter_core.names import Dialect
from tierrouter_core.wire.model import ToolKind
from tierrouter_core.wire.sealed import unseal
from tierrouter_core.wire.sse import SseError
from tierrouter_core.wire.tool_names import Named

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
EVERY_PAIR = pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=pair_id)
CALLS = (ToolCall(name="read", arguments={"p": 1}, id="a"), ToolCall(name="ls", id="b"))
WHOLE = Answer(text="Ok, “so” 😀", thinking="plan it", tool_calls=CALLS, usage=Tokens(input=100, output=20))


@EVERY_PAIR
@settings(max_examples=10 * FUZZ_FACTOR)
@given(ANSWERS)
def test_the_client_gets_what_the_model_said(client: Dialect, upstream: Dialect, answer: Answer) -> None:
    read = read_stream(client, sent_on(translator(client, upstream), events_of(upstream, answer)))
    assert read.end == COMPLETE
    assert read.text == answer.whole_text
    assert read.thinking == (answer.thinking or "")
    assert [name for _, name, _ in read.calls] == [call.name for call in answer.tool_calls]
    for (_, _, arguments), call in zip(read.calls, answer.tool_calls, strict=True):
        assert arguments == call.arguments_text
    assert len({id_ for id_, _, _ in read.calls}) == len(read.calls)


@EVERY_PAIR
@settings(max_examples=10 * FUZZ_FACTOR)
@given(ANSWERS, st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_how_the_network_cuts_a_stream_changes_nothing(
    client: Dialect, upstream: Dialect, answer: Answer, places: list[int], line_end: bytes
) -> None:
    data = b"".join(events_of(upstream, answer))
    whole = sent_on(translator(client, upstream), [data])
    data = data.replace(b"\n", line_end)
    cuts = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(cuts)]
    assert sent_on(translator(client, upstream), pieces) == whole


@EVERY_PAIR
def test_every_byte_alone_gives_the_same(client: Dialect, upstream: Dialect) -> None:
    data = b"".join(events_of(upstream, WHOLE))
    alone = sent_on(translator(client, upstream), [data[i : i + 1] for i in range(len(data))])
    assert alone == sent_on(translator(client, upstream), [data])


@EVERY_PAIR
def test_a_stream_cut_anywhere_ends_in_an_error_and_closes_nothing(client: Dialect, upstream: Dialect) -> None:
    events = events_of(upstream, WHOLE)
    for count in range(len(events)):
        stream = translator(client, upstream)
        read = read_stream(client, sent_on(stream, events[:count]))
        assert read.end in (FAILED, COMPLETE)
        assert (read.end == COMPLETE) is stream.complete
        assert (read.end == COMPLETE) is has_finished(upstream, events[:count])
        if read.end == FAILED:
            assert read.error == "upstream ended before the answer was complete" or "before" in read.error
        # A call that the model had not finished is never whole for the client.
        whole = [name for _, name, _ in read.calls]
        assert whole == [call.name for call in CALLS][: len(whole)]
        for (_, _, arguments), call in zip(read.calls, CALLS, strict=False):
            assert arguments == call.arguments_text


def has_finished(upstream: Dialect, events: list[bytes]) -> bool:
    mark = {CHAT: b'"finish_reason":"', MESSAGES: b'"stop_reason":"', RESPONSES: b"event: response.completed"}
    return any(mark[upstream] in event for event in events)


@EVERY_PAIR
def test_an_error_in_mid_stream_is_said_in_the_clients_dialect(client: Dialect, upstream: Dialect) -> None:
    # Chat's third event and Responses' eighth are the first that say something.
    for count in range(8, len(events_of(upstream, WHOLE)) - 2):
        stream = translator(client, upstream)
        read = read_stream(client, sent_on(stream, events_of(upstream, WHOLE, error_after=count)))
        assert (read.end, read.error) == (FAILED, "It broke.")
        assert stream.failed == "It broke."


@EVERY_PAIR
@pytest.mark.parametrize("before", [0, 1])
def test_an_error_before_the_answer_says_nothing_so_that_another_tier_can_serve(
    client: Dialect, upstream: Dialect, before: int
) -> None:
    stream = translator(client, upstream)
    assert b"".join(map(stream.feed, events_of(upstream, WHOLE, error_after=before))) == b""
    assert stream.failed == "It broke."
    assert not stream.complete


@EVERY_PAIR
def test_usage_is_what_the_provider_stated(client: Dialect, upstream: Dialect) -> None:
    used = Tokens(input=1000, cached=300, written=150, output=70, reasoning=40)
    stream = translator(client, upstream)
    read = read_stream(client, sent_on(stream, events_of(upstream, Answer(usage=used))))
    usage = stream.usage_or_estimate(5)
    assert (usage.total_input, usage.cache_read, usage.output, usage.reasoning_output) == (1000, 300, 70, 40)
    if client is MESSAGES:
        assert read.usage == {
            "input_tokens": 550,
            "cache_creation_input_tokens": 150,
            "cache_read_input_tokens": 300,
            "output_tokens": 70,
            "output_tokens_details": {"thinking_tokens": 40},
        }
    else:
        whole = "prompt_tokens" if client is CHAT else "input_tokens"
        details = "prompt_tokens_details" if client is CHAT else "input_tokens_details"
        assert read.usage[whole] == 1000
        assert read.usage[details] == {"cached_tokens": 300, "cache_write_tokens": 150}
        assert read.usage["total_tokens"] == 1070


@pytest.mark.parametrize("upstream", [RESPONSES, MESSAGES], ids=pair_id)
def test_a_chat_client_that_did_not_ask_for_usage_gets_none(upstream: Dialect) -> None:
    stream = translator(CHAT, upstream, include_usage=False)
    assert read_stream(CHAT, sent_on(stream, events_of(upstream, WHOLE))).usage is None


@EVERY_PAIR
def test_what_the_vendor_proves_travels_sealed(client: Dialect, upstream: Dialect) -> None:
    if CHAT in (client, upstream):
        assert b"EqRkYXRhLXNpZ25hdHVyZQ" not in sent_on(translator(client, upstream), events_of(upstream, WHOLE))
        return
    sent = sent_on(translator(client, upstream), events_of(upstream, WHOLE)).decode()
    sealed = unseal(KEY, next(word for word in sent.split('"') if word.startswith("tr1.")))
    assert sealed is not None
    assert (sealed.vendor, sealed.proof) == ("vendor", WHOLE.signature)


@EVERY_PAIR
def test_keep_alives_go_on_once_the_answer_has_begun(client: Dialect, upstream: Dialect) -> None:
    ping = PROVIDERS[upstream].ping
    events = events_of(upstream, WHOLE)
    stream = translator(client, upstream)
    assert stream.feed(ping * 3) == b""
    out = []
    for event in events:
        out.append(stream.feed(event))
        if any(out):
            out.append(stream.feed(ping))
    alive = b'event: ping\ndata: {"type":"ping"}\n\n' if client is MESSAGES else b": keep-alive\n\n"
    assert sum(part == alive for part in out) > 3
    assert read_stream(client, b"".join(out)).end == COMPLETE


@pytest.mark.parametrize("upstream", [CHAT, MESSAGES], ids=pair_id)
def test_a_custom_tools_call_comes_back_as_the_client_declared_it(upstream: Dialect) -> None:
    names = {"apply_patch": Named("apply_patch", "", ToolKind.CUSTOM), "fs__ls": Named("ls", "fs")}
    patch = '*** Begin Patch\n"quoted" \\ 😀\n*** End Patch'
    calls = (ToolCall(name="apply_patch", arguments={"input": patch}), ToolCall(name="fs__ls", arguments={}))
    stream = translator(RESPONSES, upstream, names=names)
    sent = sent_on(stream, events_of(upstream, Answer(text="", tool_calls=calls)))
    read = read_stream(RESPONSES, sent)
    assert [(name, text) for _, name, text in read.calls] == [("apply_patch", patch), ("ls", "{}")]
    assert b'"type":"custom_tool_call"' in sent
    assert b'"namespace":"fs"' in sent


@pytest.mark.parametrize("client", [RESPONSES, MESSAGES], ids=pair_id)
def test_calls_without_ids_get_some_that_no_other_turn_has(client: Dialect) -> None:
    def call(index: int) -> bytes:
        delta = {"tool_calls": [{"index": index, "function": {"name": "ls", "arguments": "{}"}}]}
        return b"data: " + orjson.dumps({"choices": [{"delta": delta, "finish_reason": None}]}) + b"\n\n"

    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    calls = read_stream(client, sent_on(translator(client, CHAT), [call(0), call(1), end])).calls
    assert [id_ for id_, _, _ in calls] == ["call_t1_1", "call_t1_2"], "t1 is the turn's id"


@EVERY_PAIR
def test_a_stop_sequence_ends_the_answer_wherever_it_is_cut(client: Dialect, upstream: Dialect) -> None:
    answer = Answer(text=["one E", "N", "D two", " three"])
    stream = translator(client, upstream, stop=("END",))
    sent = b"".join(map(stream.feed, events_of(upstream, answer)))
    read = read_stream(client, sent)
    assert (read.end, read.text, stream.over) == (COMPLETE, "one ", True)


@EVERY_PAIR
def test_text_that_only_begins_like_a_stop_sequence_is_not_lost(client: Dialect, upstream: Dialect) -> None:
    stream = translator(client, upstream, stop=("END",))
    read = read_stream(client, sent_on(stream, events_of(upstream, Answer(text=["one EN", "TER", " E"]))))
    assert (read.end, read.text) == (COMPLETE, "one ENTER E")


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[0] is not RESPONSES], ids=pair_id)
def test_memory_does_not_grow_with_the_answer(client: Dialect, upstream: Dialect) -> None:
    events = events_of(upstream, Answer(text=["word "] * 20))
    first = next(position for position, event in enumerate(events) if b'"word "' in event)
    stream = translator(client, upstream)
    for event in events[: first + 1]:
        stream.feed(event)
    piece = events[first + 1]
    for _ in range(200):
        stream.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(10_000):
            assert stream.feed(piece)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The meter reads events in batches of some tens of kilobytes.
    assert grown < 150_000 < 10_000 * len(piece) / 5, f"{grown} bytes for 10,000 events"


# Bad input.


@EVERY_PAIR
@settings(max_examples=25 * FUZZ_FACTOR)
@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b"data: ", b"event: ", b"\n\n", b"{}", b"[]", b"null", b"\r"]),
        max_size=12,
    )
)
def test_any_bytes_end_in_an_error_and_never_in_an_exception(
    client: Dialect, upstream: Dialect, chunks: list[bytes]
) -> None:
    assert read_stream(client, sent_on(translator(client, upstream), chunks)).end == FAILED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "tool_use", "function_call", "stop"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "index", "text", "delta", "content", "name"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@EVERY_PAIR
@settings(max_examples=30 * FUZZ_FACTOR)
@given(st.data())
def test_streams_that_are_bent_are_never_taken_for_complete_without_their_finish(
    client: Dialect, upstream: Dialect, data: st.DataObject
) -> None:
    events = events_of(upstream, data.draw(ANSWERS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(events) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "bend", "junk"])):
            case "drop":
                del events[at]
            case "double":
                events.insert(at, events[at])
            case "swap":
                other = data.draw(st.integers(0, len(events) - 1))
                events[at], events[other] = events[other], events[at]
            case "bend":
                name, _, payload = events[at].partition(b"data: ")
                try:
                    parsed = orjson.loads(payload)
                except orjson.JSONDecodeError:
                    continue
                bend(parsed, data)
                events[at] = name + b"data: " + orjson.dumps(parsed) + b"\n\n"
            case "junk":
                events.insert(at, data.draw(st.sampled_from(JUNK)))
        if not events:
            break
    stream = translator(client, upstream)
    read = read_stream(client, sent_on(stream, events))
    # With nothing said another tier may still serve, so there is no error to be said yet.
    assert read.end != OPEN or (read == Read() and stream.failed)
    assert (read.end == COMPLETE) is stream.complete
    if read.end == COMPLETE:
        assert said_to_be_over(upstream, events)


JUNK = [
    b": comment\n\n",
    b"data: {\n\n",
    b"data: [1,2]\n\n",
    b"data: \xff\xfe\n\n",
    b"event: ping\ndata: {}\n\n",
    b'event: unheard.of\ndata: {"type":"unheard.of","delta":7}\n\n',
    b"id: 7\nretry: 10\n\n",
    b'data: {"choices":[]}\n\n',
    b'data: {"choices":null,"usage":null}\n\n',
    b'data: {"type":"content_block_delta","index":99,"delta":{"type":"text_delta","text":"x"}}\n\n',
    b'data: {"type":"response.output_item.done","item":{"type":"function_call","arguments":null}}\n\n',
]


def bend(value: object, data: st.DataObject) -> None:
    """Change one thing somewhere in a JSON value."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.booleans()):
            if isinstance(value, dict) and data.draw(st.booleans()):
                del value[key]
            else:
                value[key] = data.draw(JSON)
            return
        value = value[key]


def said_to_be_over(upstream: Dialect, events: list[bytes]) -> bool:
    marks = {
        CHAT: (b'"finish_reason":"',),
        MESSAGES: (b'"stop_reason":"', b"message_stop"),
        RESPONSES: (b"response.completed", b"response.incomplete"),
    }
    return any(mark in event for event in events for mark in marks[upstream])


@EVERY_PAIR
def test_an_event_of_a_megabyte_is_read(client: Dialect, upstream: Dialect) -> None:
    long = "x" * 1_000_000
    stream = translator(client, upstream)
    data = b"".join(events_of(upstream, Answer(text=[long])))
    read = read_stream(client, sent_on(stream, [data[i : i + 65_536] for i in range(0, len(data), 65_536)]))
    assert (read.end, len(read.text)) == (COMPLETE, 1_000_000)


def test_an_event_without_end_is_an_error_of_its_own() -> None:
    stream = translator(MESSAGES, CHAT)
    megabytes = [b"x" * 1024 * 1024] * 65
    with pytest.raises(SseError, match="an event of more than"):
        sent_on(stream, megabytes)

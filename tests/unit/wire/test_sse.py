"""Cutting a byte stream into server-sent events."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.wire.sse import EventSplitter, SseError, event_fields, missing_end

SCRAPS = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"data: x", b"event: y", b": c", b"\xc3", b"\xef\xbb\xbf", b" "])
)


def split(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)], splitter.tail


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(SCRAPS, st.lists(st.integers(0, 1000)))
def test_events_and_tail_are_the_input(scraps: list[bytes], cuts: list[int]) -> None:
    data = b"".join(scraps)
    events, tail = split(cut(data, cuts))
    assert b"".join(events) + tail == data


@given(SCRAPS, st.lists(st.integers(0, 1000)))
def test_where_events_end_does_not_depend_on_the_chunks(scraps: list[bytes], cuts: list[int]) -> None:
    data = b"".join(scraps)
    whole = split([data])
    assert split(cut(data, cuts)) == whole
    assert split([bytes([byte]) for byte in data]) == whole


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_is_understood(end: bytes) -> None:
    event = b"event: a" + end + b"data: 1" + end + end
    events, tail = split([event + event + b"data: 2"])
    assert events == [event, event]
    assert tail == b"data: 2"
    assert event_fields(event) == (b"a", b"1")


def test_an_event_that_ends_in_a_bare_cr_waits_for_the_next_byte() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\r\n\r") == []
    assert splitter.feed(b"\ndata: 2") == [b"data: 1\r\n\r\n"]


def test_comments_the_bom_and_unknown_fields_are_skipped() -> None:
    assert event_fields(b"\xef\xbb\xbf: hi\nid: 3\nretry: 1\nevent:e\ndata:x\n\n") == (b"e", b"x")
    assert event_fields(b": keep-alive\n\n") == (b"", b"")


def test_several_data_lines_are_joined_by_lf() -> None:
    assert event_fields(b"data: a\r\ndata:  b\r\ndata\r\n\r\n") == (b"", b"a\n b\n")


def test_an_event_over_the_limit_is_an_error_that_says_the_limit() -> None:
    splitter = EventSplitter(limit_bytes=10)
    splitter.feed(b"data: 1\n\n")
    splitter.feed(b"data: 12")
    with pytest.raises(SseError, match="more than 10 bytes"):
        splitter.feed(b"345")
    assert splitter.tail == b""


@given(SCRAPS)
def test_the_missing_end_makes_the_tail_an_event(scraps: list[bytes]) -> None:
    tail = split([b"".join(scraps)])[1]
    if tail:
        closed = tail + missing_end(tail)
        events, rest = split([closed, b"data: next\n\n"])
        assert b"".join(events) + rest == closed + b"data: next\n\n"
        assert closed in (events[0], b"".join(events[:-1]))

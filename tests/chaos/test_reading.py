"""How the run's clients read an answer, cut anywhere."""

import pytest

from chaos.plan import Dialect
from chaos.reading import Stream, message_of_error, text_of_body
from chaos.seen import End
from provider import Answer, InBandError
from provider.answer import Asked
from provider.dialects import CHAT, MESSAGES, RESPONSES

PROVIDERS = {Dialect.CHAT: CHAT, Dialect.MESSAGES: MESSAGES, Dialect.RESPONSES: RESPONSES}
ANSWER, ASKED = Answer(text=["one ", "two "]), Asked(model="m", stream=True)
DIALECTS = pytest.mark.parametrize("dialect", Dialect)


def read(dialect, events, size=1 << 20):
    stream, data = Stream(dialect), b"".join(events)
    for at in range(0, len(data), size):
        stream.feed(data[at : at + size])
    stream.over()
    return stream


def events_of(dialect):
    return PROVIDERS[dialect].events(ANSWER, ASKED)


@DIALECTS
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_whole_answer_is_complete_however_it_is_cut(dialect, size):
    stream = read(dialect, events_of(dialect), size)
    assert (stream.end, stream.text, stream.problem) == (End.COMPLETE, "one two ", "")


@DIALECTS
def test_an_answer_that_stops_anywhere_before_its_finish_is_a_forged_success(dialect):
    events = events_of(dialect)
    for count in range(len(events) - 2):
        assert read(dialect, events[:count]).end is End.OPEN, events[:count]


def test_only_the_last_marker_may_be_missing_and_not_in_responses():
    ends = {dialect: read(dialect, events_of(dialect)[:-1]).end for dialect in Dialect}
    assert ends == {Dialect.CHAT: End.UNMARKED, Dialect.MESSAGES: End.UNMARKED, Dialect.RESPONSES: End.OPEN}


@DIALECTS
def test_an_error_ends_it_and_whatever_follows_is_a_problem(dialect):
    begun = events_of(dialect)[:3]
    error = PROVIDERS[dialect].error_event(InBandError(message="down"), ANSWER, ASKED, 3)
    stream = read(dialect, [*begun, error])
    assert (stream.end, stream.error, stream.problem) == (End.FAILED, "down", "")
    assert read(dialect, [*begun, error, events_of(dialect)[-1]]).problem


@DIALECTS
def test_an_end_that_comes_twice_is_a_problem(dialect):
    events = events_of(dialect)
    assert read(dialect, [*events, events[-1]]).problem


@DIALECTS
def test_an_event_that_is_no_json_or_not_ended_is_a_problem(dialect):
    events = events_of(dialect)
    assert read(dialect, [events[0], b'data: {"cho\n\n', *events[1:]]).problem
    assert read(dialect, [*events[:-1], events[-1][:-1]]).problem


def test_codex_does_not_heed_a_bare_error():
    bare = RESPONSES.error_event(InBandError(bare=True), ANSWER, ASKED, 3)
    assert read(Dialect.RESPONSES, [*events_of(Dialect.RESPONSES)[:3], bare]).end is End.OPEN


@DIALECTS
def test_bodies_are_read_as_answers_or_as_errors_and_never_as_the_other(dialect):
    provider = PROVIDERS[dialect]
    answer, error = provider.body(ANSWER, ASKED), provider.error_body(503, "down")
    assert text_of_body(dialect, answer) == "one two "
    assert message_of_error(dialect, error) == "down"
    with pytest.raises(ValueError, match=r".+"):
        text_of_body(dialect, error)
    with pytest.raises(ValueError, match=r".+"):
        message_of_error(dialect, answer)
    for broken in ({}, {"error": "x"}, []):
        with pytest.raises(ValueError, match=r".+"):
            message_of_error(dialect, broken)

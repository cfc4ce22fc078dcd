"""Errors as each dialect's clients understand them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.failures import Meaning, final_error, parse_retry_after
from tierrouter_core.wire.in_band import in_band_error

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
NOW_S = 1_780_000_000.0


@pytest.mark.parametrize(
    ("meaning", "messages", "chat", "responses"),
    [
        (Meaning.WAIT, 429, 429, 429),
        (Meaning.FINAL, 402, 402, 429),
        (Meaning.NOT_SERVABLE, 403, 400, 400),
        (Meaning.BAD_REQUEST, 400, 400, 400),
        (Meaning.NOT_FOUND, 404, 404, 404),
        (Meaning.TOO_LARGE, 413, 413, 400),
        (Meaning.UNSUPPORTED_MEDIA, 415, 415, 415),
        (Meaning.FORBIDDEN, 403, 403, 403),
        (Meaning.UNAUTHENTICATED, 401, 401, 401),
        (Meaning.DRAINING, 503, 503, 429),
        (Meaning.INTERNAL, 500, 500, 400),
        (Meaning.NO_CONFIGURATION, 503, 503, 429),
    ],
)
def test_each_meaning_has_the_status_that_its_clients_heed(
    meaning: Meaning, messages: int, chat: int, responses: int
) -> None:
    statuses = {dialect: final_error(dialect, meaning, "m").status for dialect in Dialect}
    assert statuses == {MESSAGES: messages, CHAT: chat, RESPONSES: responses}


@pytest.mark.parametrize("meaning", Meaning)
def test_codex_never_gets_a_5xx_because_it_would_ask_thirty_times(meaning: Meaning) -> None:
    assert final_error(RESPONSES, meaning, "m").status < 500


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("meaning", Meaning)
def test_an_error_says_either_when_to_come_back_or_not_to(dialect: Dialect, meaning: Meaning) -> None:
    headers = dict(final_error(dialect, meaning, "m", retry_after_s=7).headers)
    waits = meaning in {Meaning.WAIT, Meaning.DRAINING, Meaning.NO_CONFIGURATION}
    assert headers.get("retry-after") == ("7" if waits else None)
    assert headers.get("x-should-retry") == (None if waits else "false")


@given(st.integers(), st.sampled_from(Dialect))
def test_retry_after_is_an_integer_from_1_to_60(retry_after_s: int, dialect: Dialect) -> None:
    headers = dict(final_error(dialect, Meaning.WAIT, "m", retry_after_s=retry_after_s).headers)
    assert 1 <= int(headers["retry-after"]) <= 60


def test_a_draining_process_is_back_in_a_second() -> None:
    assert dict(final_error(MESSAGES, Meaning.DRAINING, "m").headers)["retry-after"] == "1"


def test_messages_bodies_have_the_shape_of_anthropic() -> None:
    error = final_error(MESSAGES, Meaning.NOT_SERVABLE, "no tier", turn_id="01J", code="no_vision")
    assert json.loads(error.body) == {
        "type": "error",
        "error": {"type": "permission_error", "message": "no tier", "details": {"error_code": "no_vision"}},
        "request_id": "req_01J",
    }
    assert ("request-id", "req_01J") in error.headers


def test_openai_bodies_have_the_shape_of_openai() -> None:
    error = final_error(CHAT, Meaning.BAD_REQUEST, "too long", turn_id="01J", code="context_length_exceeded")
    assert json.loads(error.body) == {
        "error": {
            "message": "too long",
            "type": "invalid_request_error",
            "param": None,
            "code": "context_length_exceeded",
        }
    }
    assert ("x-request-id", "01J") in error.headers


@pytest.mark.parametrize(
    ("meaning", "kind"),
    [(Meaning.INTERNAL, "api_error"), (Meaning.WAIT, "rate_limit_error"), (Meaning.DRAINING, "overloaded_error")],
)
def test_a_broken_message_ends_in_one_error_event(meaning: Meaning, kind: str) -> None:
    event = in_band_error(MESSAGES, "gone", meaning=meaning)
    name, data = event.decode().rstrip("\n").split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {"type": "error", "error": {"type": kind, "message": "gone"}}


def test_a_broken_chat_ends_in_an_anonymous_error() -> None:
    error = {"message": "gone", "type": "server_error", "param": None, "code": "upstream_cut"}
    assert json.loads(in_band_error(CHAT, "gone").removeprefix(b"data: ")) == {"error": error}


@pytest.mark.parametrize(
    ("headers", "text", "wait_s"),
    [
        ({"Retry-After-Ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"Retry-After": "2.5"}, "", 2.5),
        ({"retry-after": "Thu, 28 May 2026 20:27:10 GMT"}, "", 30.0),
        ({"retry-after": "Thu, 28 May 2020 20:27:10 GMT"}, "", 0.0),
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "6m0s"}, "", 360.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-remaining-tokens": "500",
            },
            "",
            1.0,
        ),
        ({"anthropic-ratelimit-tokens-reset": "2026-05-28T20:26:50Z"}, "", 10.0),
        ({"anthropic-ratelimit-unified-reset": "1780000015"}, "", 15.0),
        ({"X-RateLimit-Reset": "1780000004000"}, "", 4.0),
        ({"x-ratelimit-reset": "1780000004"}, "", 4.0),
        ({"x-ratelimit-reset": "12"}, "", 12.0),
        ({"x-ratelimit-reset-requests": "40"}, "", 40.0),
        # What has been reset already is not the limit that was hit.
        ({"x-ratelimit-reset": "1779999999"}, "", None),
        ({"anthropic-ratelimit-tokens-reset": "2020-05-28T20:26:50Z"}, "try again in 2s", 2.0),
        ({}, "Please try again in 1.5s.", 1.5),
        ({"retry-after": "-3"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "7200"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-3"}, "try again in 2s", 2.0),
        ({}, "", None),
    ],
)
def test_a_providers_wish_is_understood(headers: dict[str, str], text: str, wait_s: float | None) -> None:
    assert parse_retry_after(headers, NOW_S, text=text) == (None if wait_s is None else pytest.approx(wait_s))


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens"])
        | st.just("anthropic-ratelimit-input-tokens-reset"),
        st.text() | st.floats().map(str) | st.integers().map(str),
    )
)
def test_no_header_can_break_the_parser(headers: dict[str, str]) -> None:
    wait_s = parse_retry_after(headers, NOW_S)
    assert wait_s is None or 0 <= wait_s <= 3600

"""Counting tokens without a tokenizer, and what a model's reports make of it."""

import string

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.token_estimate import RATE_LIMITS, Reported, estimate, next_rate, weigh

COUNTS = st.integers(1, 10**7)
WEIGHTS = st.floats(1, 1e7)
RATES = st.floats(*RATE_LIMITS)


def weight_of(text: str) -> float:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return weigh(read_request(Dialect.CHAT, orjson.dumps(body)))


EMPTY = weight_of("")


@given(st.text(max_size=300), st.text(max_size=300))
def test_more_text_weighs_more(before: str, after: str) -> None:
    assert 1 <= weight_of(before) <= weight_of(before + after)


def test_digits_weigh_more_than_words_and_indentation_next_to_nothing() -> None:
    words, digits, spaces = (weight_of(text * 1000) - EMPTY for text in ("word", "1234", "    "))
    assert digits > 2 * words > 6 * spaces > 0


def test_a_long_body_is_sampled_and_weighs_nearly_what_all_of_it_does() -> None:
    line = "def resolve(self, digest: str) -> int:  # 2026-11-27 sha256=9f86d081884c7d65\n"
    short = weight_of(line * 100) - EMPTY
    assert weight_of(line * 10_000) == pytest.approx(short * 100, rel=0.02)


def test_english_prose_is_about_a_token_for_every_four_letters() -> None:
    prose = "Read the whole message before changing code; the first line is rarely the cause of a failure. " * 40
    assert weight_of(prose) - EMPTY == pytest.approx(len(prose) / 4.3, rel=0.1)


@given(WEIGHTS, RATES)
def test_without_a_report_the_models_rate_decides(weight: float, rate: float) -> None:
    assert estimate(weight, None, rate) == max(1, round(weight * rate))


@given(WEIGHTS, COUNTS, RATES)
def test_a_request_that_was_reported_is_counted_as_it_was_reported(weight: float, tokens: int, rate: float) -> None:
    assert estimate(weight, Reported(weight, tokens), rate) == tokens


@given(WEIGHTS, COUNTS, WEIGHTS, RATES)
def test_what_is_added_to_a_conversation_is_added_to_its_report(
    weight: float, tokens: int, more: float, rate: float
) -> None:
    low, high = RATE_LIMITS
    counted = estimate(weight + more, Reported(weight, tokens), rate)
    assert tokens + low * more - 1 <= counted <= tokens + high * more + 1


@given(WEIGHTS, COUNTS, st.floats(0, 1), RATES)
def test_a_conversation_that_was_shortened_counts_less(weight: float, tokens: int, part: float, rate: float) -> None:
    assert 1 <= estimate(max(1.0, weight * part), Reported(weight, tokens), rate) <= tokens + 1


@given(st.none() | RATES, WEIGHTS, COUNTS)
def test_a_models_rate_stays_within_its_limits_whatever_is_reported(
    rate: float | None, weight: float, tokens: int
) -> None:
    low, high = RATE_LIMITS
    assert low - 1e-9 <= next_rate(rate, Reported(weight, tokens)) <= high + 1e-9


def test_a_models_rate_follows_what_it_reports() -> None:
    rate = None
    for _ in range(20):
        rate = next_rate(rate, Reported(1000, 1400))
    assert rate == pytest.approx(1.4, rel=0.001)


def test_every_byte_has_its_units() -> None:
    assert weight_of(string.printable) > EMPTY

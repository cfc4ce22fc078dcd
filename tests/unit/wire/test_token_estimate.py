"""Counts of input tokens that nobody has reported yet."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.token_estimate import (
    AVERAGE,
    LEAST_RATE,
    MOST_RATE,
    Anchor,
    Rates,
    estimate,
    estimate_input_tokens,
    learned,
)
from tierrouter_core.wire.weighing import Weight, weigh

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES
WORDS = "The quick brown fox jumps over the lazy dog. "
TEXT = st.text(max_size=200)
AMOUNT = st.floats(0, 1e6, allow_nan=False)
WEIGHTS = st.builds(Weight, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT)


def read(dialect: Dialect, **body: Any) -> Request:
    return read_request(dialect, orjson.dumps({"model": "m", **body}))


def conversation(texts: list[str], **more: Any) -> Request:
    roles = ("user", "assistant")
    return read(MESSAGES, messages=[{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)], **more)


@given(st.lists(TEXT, max_size=5))
def test_a_count_is_never_below_one_and_always_the_same(texts: list[str]) -> None:
    request = conversation(texts)
    assert estimate_input_tokens(request) >= 1
    assert estimate_input_tokens(request) == estimate_input_tokens(request)


@given(st.lists(TEXT, min_size=1, max_size=5), st.integers(0, 4), TEXT)
def test_more_text_is_never_fewer_tokens(texts: list[str], at: int, more: str) -> None:
    longer = list(texts)
    longer[at % len(texts)] += more
    assert estimate_input_tokens(conversation(longer)) >= estimate_input_tokens(conversation(texts))
    assert estimate_input_tokens(conversation([*texts, more])) > estimate_input_tokens(conversation(texts))


@given(st.lists(TEXT, min_size=1, max_size=6), st.integers(0, 6))
def test_weighing_by_what_is_new_gives_what_weighing_all_does(texts: list[str], known: int) -> None:
    request = conversation(texts)
    before = weigh(conversation(texts[:known]))
    assert tuple(weigh(request, before).total) == pytest.approx(tuple(weigh(request).total))
    assert weigh(request, before).said_sizes == weigh(request).said_sizes


def test_a_history_that_was_rewritten_is_weighed_anew() -> None:
    before = weigh(conversation([WORDS * 100, "Yes."]))
    request = conversation(["[cleared]", "Yes.", WORDS])
    assert weigh(request, before) == weigh(request)


@given(WEIGHTS, st.integers(0, 10**7), st.lists(st.tuples(WEIGHTS, st.integers(0, 10**7)), max_size=5))
def test_whatever_is_reported_a_rate_stays_between_half_and_double(
    weight: Weight, tokens: int, more: list[tuple[Weight, int]]
) -> None:
    rates = AVERAGE
    for one, reported in [(weight, tokens), *more]:
        rates = rates.learned(one, reported)
        assert all(LEAST_RATE <= rate <= MOST_RATE for rate in rates.rates)
        assert all(doubt > 0 for doubt in rates.doubts)


@given(st.floats(LEAST_RATE, MOST_RATE))
def test_the_rate_of_a_model_that_is_always_the_same_is_learned(rate: float) -> None:
    rates = AVERAGE
    for _ in range(8):
        rates = rates.learned(Weight(letters=5000, punctuation=2000), round(7000 * rate))
    assert rates.tokens(Weight(letters=5000, punctuation=2000)) == pytest.approx(7000 * rate, rel=0.05)


def test_what_one_kind_of_text_teaches_is_not_believed_of_another() -> None:
    rates = AVERAGE.learned(Weight(scripts=5000), 9000)
    assert rates.tokens(Weight(scripts=100)) > 160
    assert rates.tokens(Weight(letters=100)) == 100


@pytest.mark.parametrize("keeps", [True, False])
def test_what_was_reported_is_the_count_and_only_the_rest_is_estimated(keeps: bool) -> None:
    first = weigh(conversation([WORDS * 500]))
    rates, anchor = learned(AVERAGE, first, 7777, keeps_thinking=keeps)
    assert estimate(first, rates, anchor, keeps_thinking=keeps) == 7777
    longer = weigh(conversation([WORDS * 500, "Yes.", "Go on."]))
    assert 7777 < estimate(longer, rates, anchor, keeps_thinking=keeps) < 7800


def test_after_a_compaction_a_conversation_is_counted_as_that_which_was_reported() -> None:
    long = weigh(conversation([WORDS * 1000]))
    rates, anchor = learned(AVERAGE, long, 15_000)
    assert estimate(weigh(conversation([WORDS * 100])), rates, anchor) == pytest.approx(1500, rel=0.02)


def test_a_request_that_continues_what_the_provider_keeps_adds_to_it() -> None:
    first = weigh(read(RESPONSES, input=WORDS * 500))
    rates, anchor = learned(AVERAGE, first, 6000)
    more = weigh(read(RESPONSES, input=WORDS, previous_response_id="resp_1"))
    assert 6000 < estimate(more, rates, anchor) < 6100
    assert learned(rates, more, 6050, anchor)[0] == rates


def test_a_picture_teaches_nothing_of_text() -> None:
    assert AVERAGE.learned(Weight(letters=100, media=1600), 400) == AVERAGE


def test_an_answers_thinking_counts_only_where_the_model_gets_it_back() -> None:
    thought = [{"type": "thinking", "thinking": WORDS * 100, "signature": "x" * 4000}, {"type": "text", "text": "Yes."}]
    weighed = weigh(read(MESSAGES, messages=[{"role": "assistant", "content": thought}]))
    assert estimate(weighed) > 900
    assert estimate(weighed, keeps_thinking=False) < 20


SCHEMA = {"type": "object", "properties": {"path": {"type": "string", "description": WORDS * 20}}}


@pytest.mark.parametrize(
    "request_",
    [
        read(MESSAGES, messages=[], system=WORDS * 20),
        read(MESSAGES, messages=[], system=[{"type": "text", "text": WORDS * 20}]),
        read(MESSAGES, messages=[], tools=[{"name": "edit", "input_schema": SCHEMA}]),
        read(MESSAGES, messages=[], tools=[{"name": "edit", "description": WORDS * 20}]),
        read(
            MESSAGES,
            messages=[
                {"role": "assistant", "content": [{"type": "tool_use", "name": "e", "input": {"a": WORDS * 20}}]}
            ],
        ),
        read(MESSAGES, messages=[{"role": "user", "content": [{"type": "tool_result", "content": WORDS * 20}]}]),
        read(
            MESSAGES,
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "content": [{"type": "text", "text": WORDS * 20}]}],
                }
            ],
        ),
        read(
            MESSAGES,
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "search_result", "content": [{"type": "text", "text": WORDS * 20}]}],
                }
            ],
        ),
        read(MESSAGES, messages=[{"role": "user", "content": [{"type": "new_thing", "said": WORDS * 20}]}]),
        read(CHAT, messages=[{"role": "system", "content": WORDS * 20}]),
        read(CHAT, messages=[], tools=[{"type": "function", "function": {"name": "edit", "parameters": SCHEMA}}]),
        read(
            CHAT,
            messages=[{"role": "assistant", "tool_calls": [{"function": {"name": "edit", "arguments": WORDS * 20}}]}],
        ),
        read(CHAT, messages=[{"role": "tool", "content": WORDS * 20}]),
        read(CHAT, messages=[{"role": "assistant", "content": None, "reasoning_content": WORDS * 20}]),
        read(CHAT, messages=[], response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
        read(RESPONSES, input=WORDS * 20),
        read(RESPONSES, input="", instructions=WORDS * 20),
        read(RESPONSES, input=[{"type": "function_call", "name": "edit", "arguments": WORDS * 20}]),
        read(RESPONSES, input=[{"type": "custom_tool_call", "name": "apply_patch", "input": WORDS * 20}]),
        read(RESPONSES, input=[{"type": "function_call_output", "output": WORDS * 20}]),
        read(
            RESPONSES, input=[{"type": "function_call_output", "output": [{"type": "input_text", "text": WORDS * 20}]}]
        ),
        read(RESPONSES, input=[{"type": "reasoning", "summary": [{"type": "summary_text", "text": WORDS * 20}]}]),
        read(RESPONSES, input=[{"type": "additional_tools", "tools": [{"name": "edit", "parameters": SCHEMA}]}]),
    ],
)
def test_everything_that_the_model_sees_is_counted(request_: Request) -> None:
    assert 180 < estimate_input_tokens(request_) < 300


def test_what_the_model_does_not_see_is_not_counted() -> None:
    hidden = "x" * 4000
    request = read(
        MESSAGES,
        metadata={"user_id": hidden},
        messages=[
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": hidden}]},
            {"role": "user", "content": [{"type": "text", "text": "Go on.", "cache_control": {"note": hidden}}]},
        ],
    )
    assert estimate_input_tokens(request) < 30


def test_how_json_escapes_a_text_makes_no_difference() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "路由器" * 50}]}
    escaped = read_request(CHAT, json.dumps(body).encode())
    assert estimate_input_tokens(escaped) == estimate_input_tokens(read_request(CHAT, orjson.dumps(body)))


def test_a_request_that_is_nested_too_deep_to_be_written_is_counted_by_its_bytes() -> None:
    deep = b'{"model":"m","messages":[],"tools":[' + b"[" * 500 + b"1" + b"]" * 500 + b"]}"
    assert estimate_input_tokens(read_request(CHAT, deep)) > 200


def test_the_rates_of_a_conversation_are_its_own() -> None:
    odd = weigh(conversation(["x" * 20_000]))
    rates, anchor = learned(AVERAGE, odd, 9000)
    for turn in range(1, 4):
        weighed = weigh(conversation(["x" * 20_000 * (turn + 1)]))
        rates, anchor = learned(rates, weighed, 9000 * (turn + 1), anchor)
    assert isinstance(anchor, Anchor)
    assert anchor.rates.rates[0] > 1
    assert anchor.rates.doubts[0] > rates.doubts[0]
    assert Rates() == AVERAGE

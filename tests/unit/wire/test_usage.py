"""Usage as the providers report it, in the one shape that the ledger knows."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect, UsageSource
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.unary import (
    estimate_unary,
    rename_unary_model,
    unary_payload,
    unary_reported_error,
    unary_usage,
)
from tierrouter_core.wire.usage_chat import chat_usage
from tierrouter_core.wire.usage_messages import messages_usage
from tierrouter_core.wire.usage_responses import responses_usage

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES


def test_chat_totals_include_what_was_cached() -> None:
    usage = chat_usage(
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 5},
        }
    )
    assert usage == Usage(input_uncached=30, cache_read=60, cache_write_5m=10, output=20, reasoning_output=5)


def test_deepseek_bills_by_hit_and_miss() -> None:
    usage = chat_usage(
        {"prompt_tokens": 100, "completion_tokens": 2, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}
    )
    assert usage == Usage(input_uncached=36, cache_read=64, output=2)


def test_older_moonshot_names_cached_tokens_at_the_top_and_usage_in_the_choice() -> None:
    body = orjson.dumps({"choices": [{"usage": {"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 4}}]})
    assert unary_usage(CHAT, unary_payload(body)) == Usage(input_uncached=5, cache_read=4, output=1)


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        ({"cost": 0.00014}, "0.00014"),
        ({"cost": "0.5"}, "0.5"),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, "0.21"),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}}, "0.01"),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, "0"),
    ],
)
def test_openrouter_states_its_cost(more: dict[str, Any], cost: str) -> None:
    usage = chat_usage({"prompt_tokens": 1, "completion_tokens": 1} | more)
    assert usage is not None
    assert usage.stated_cost_usd == Decimal(cost)


@pytest.mark.parametrize("cost", [None, True, -1, "much", [], float("nan")])
def test_a_cost_that_is_no_amount_is_unknown(cost: object) -> None:
    usage = chat_usage({"prompt_tokens": 1, "cost": cost})
    assert usage is not None
    assert usage.stated_cost_usd is None


def test_responses_split_cache_writes_by_time_to_live() -> None:
    usage = responses_usage(
        {
            "input_tokens": 100,
            "input_tokens_details": {
                "cached_tokens": 50,
                "cache_write_tokens": 30,
                "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
            },
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 3},
        }
    )
    assert usage == Usage(
        input_uncached=20, cache_read=50, cache_write_5m=20, cache_write_1h=10, output=9, reasoning_output=3
    )


def test_messages_counts_exclude_what_was_cached() -> None:
    usage = messages_usage(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 5,
        }
    )
    assert usage == Usage(input_uncached=10, cache_read=60, cache_write_5m=20, cache_write_1h=10, output=5)


@pytest.mark.parametrize(
    ("written", "split", "expected"),
    [
        (30, None, (30, 0, False)),
        (40, {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}, (30, 10, False)),
        (15, {"ephemeral_1h_input_tokens": 10}, (0, 15, False)),
        (5, {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}, (0, 5, True)),
        (None, {"ephemeral_5m_input_tokens": 20}, (20, 0, False)),
    ],
)
def test_the_total_of_cache_writes_is_believed_over_its_breakdown(
    written: int | None, split: dict[str, int] | None, expected: tuple[int, int, bool]
) -> None:
    usage = messages_usage({"input_tokens": 1, "cache_creation_input_tokens": written, "cache_creation": split})
    assert usage is not None
    assert (usage.cache_write_5m, usage.cache_write_1h, usage.inconsistent) == expected


def test_parts_that_exceed_their_total_are_cut_writes_first() -> None:
    usage = chat_usage({"prompt_tokens": 50, "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30}})
    assert usage == Usage(cache_read=40, cache_write_5m=10, inconsistent=True)


_NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just("12"), st.just([])
)
_REPORTS = st.dictionaries(
    st.sampled_from(
        [
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "prompt_cache_hit_tokens",
            "prompt_cache_miss_tokens",
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "cost",
            "is_byok",
        ]
    ),
    _NUMBERS,
)
_DETAILS = st.dictionaries(
    st.sampled_from(
        [
            "prompt_tokens_details",
            "completion_tokens_details",
            "input_tokens_details",
            "output_tokens_details",
            "cache_creation",
            "cost_details",
        ]
    ),
    st.one_of(
        _NUMBERS,
        st.dictionaries(
            st.sampled_from(
                [
                    "cached_tokens",
                    "cache_write_tokens",
                    "reasoning_tokens",
                    "thinking_tokens",
                    "ephemeral_5m_input_tokens",
                    "ephemeral_1h_input_tokens",
                    "cache_write_tokens_details",
                    "upstream_inference_cost",
                ]
            ),
            _NUMBERS,
        ),
    ),
)


@given(_REPORTS, _DETAILS)
def test_no_report_can_break_the_derivation_or_make_a_count_negative(
    report: dict[str, Any], more: dict[str, Any]
) -> None:
    for derive in (chat_usage, responses_usage, messages_usage):
        usage = derive(report | more)
        if usage is not None:
            counts = (usage.input_uncached, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.output)
            assert min(counts) >= 0
            assert 0 <= usage.reasoning_output <= usage.output


@pytest.mark.parametrize(
    "report", [None, {}, [], "x", {"total_tokens": 5}, {"prompt_tokens": 0, "completion_tokens": 0}]
)
def test_a_report_without_counts_is_none(report: object) -> None:
    assert chat_usage(report) is None
    assert responses_usage(report) is None
    assert messages_usage(report) is None


def test_blank_lines_before_the_body_are_a_keep_alive() -> None:
    body = b"\n\n  \r\n" + orjson.dumps({"usage": {"input_tokens": 4, "output_tokens": 2}})
    assert unary_usage(MESSAGES, unary_payload(body)) == Usage(input_uncached=4, output=2)


_ANSWERS: dict[Dialect, dict[str, Any]] = {
    CHAT: {
        "choices": [{"message": {"content": "Hällo", "tool_calls": [{"function": {"name": "r", "arguments": "{}"}}]}}]
    },
    RESPONSES: {"output": [{"type": "message", "content": [{"text": "Hällo"}]}, {"name": "r", "arguments": "{}"}]},
    MESSAGES: {"content": [{"type": "text", "text": "Hällo"}, {"type": "tool_use", "name": "r", "input": {}}]},
}


@pytest.mark.parametrize("dialect", Dialect)
def test_an_answer_without_usage_is_estimated_from_its_text(dialect: Dialect) -> None:
    body = orjson.dumps(_ANSWERS[dialect])
    assert unary_usage(dialect, unary_payload(body)) is None
    # 6 bytes of text, 1 of the tool's name, 2 of arguments: 9 / 3.6 = 2.5 tokens.
    assert estimate_unary(dialect, unary_payload(body), 50) == Usage(
        input_uncached=50, output=3, source=UsageSource.ESTIMATED
    )


@pytest.mark.parametrize(
    ("dialect", "payload", "message", "kind"),
    [
        (CHAT, {"error": {"message": "no credit", "code": 402}}, "no credit", "402"),
        (CHAT, {"error": "model not found"}, "model not found", ""),
        (CHAT, {"choices": [{"finish_reason": "error", "error": {"message": "m", "code": 1}}]}, "m", "1"),
        (MESSAGES, {"type": "error", "error": {"type": "overloaded_error", "message": "O"}}, "O", "overloaded_error"),
        (RESPONSES, {"status": "failed", "error": {"code": "server_error", "message": "S"}}, "S", "server_error"),
        (RESPONSES, {"status": "failed", "error": None}, "the response failed", ""),
    ],
)
def test_an_error_behind_status_200_is_an_error(dialect: Dialect, payload: Any, message: str, kind: str) -> None:
    body = orjson.dumps(payload)
    error = unary_reported_error(dialect, unary_payload(body))
    assert error is not None
    assert error.message == message
    assert error.kind == kind


def test_a_body_that_is_not_json_is_an_error() -> None:
    error = unary_reported_error(CHAT, unary_payload(b"<html>"))
    assert error is not None
    assert "not a JSON object" in error.message
    assert estimate_unary(CHAT, unary_payload(b"<html>"), 5).source is UsageSource.NONE


@pytest.mark.parametrize("dialect", Dialect)
def test_an_answer_is_no_error(dialect: Dialect) -> None:
    assert unary_reported_error(dialect, _ANSWERS[dialect] | {"error": None, "status": "completed"}) is None


def test_only_the_top_level_model_is_renamed() -> None:
    body = b'\n {"tools": [{"model": "a"}], "s": "\\"model\\":\\"a\\"", "model" : "a", "x": {"model":"a"}}\n'
    renamed = body.replace(b'"model" : "a"', b'"model" : "tier \\"one\\""')
    assert rename_unary_model(body, 'tier "one"') == renamed


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"model": null}', b'{"x": {"model": "a"}}', b'[{"model":"a"}]', b'{"model":"a']
)
def test_a_body_without_a_model_is_left_alone(body: bytes) -> None:
    assert rename_unary_model(body, "b") == body

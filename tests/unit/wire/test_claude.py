"""Thinking as another Claude model takes it: what it takes stays, what it refuses becomes the nearest that it takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.claude import ACCEPTED, Off, accepted_by, without_betas
from tierrouter_core.wire.edits import Edited, EditPlan, edit_request, with_model
from tierrouter_core.wire.request import read_request

NEVER_OFF = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5", "claude-fable-5-1", "claude-mythos-5-1"]
OFF_UP_TO_HIGH = ["claude-haiku-5-5", "claude-opus-5"]
ADAPTIVE = ["claude-sonnet-5", "claude-opus-4-7", "claude-opus-4-8"]
EITHER = ["claude-opus-4-6", "claude-sonnet-4-6"]
BUDGET_ONLY = ["claude-opus-4-5", "claude-sonnet-4-5-20250929", "claude-haiku-4-5@20251001", "claude-opus-4-1"]

USER = {"role": "user", "content": "hi"}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}
CALL = {"type": "tool_use", "id": "t", "name": "ls", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "x"}


def edited(model_id: str, **fields: Any) -> Edited:
    body = {"model": "auto", "max_tokens": 64_000, "messages": [USER], **fields}
    return edit_request(
        read_request(Dialect.MESSAGES, json.dumps(body).encode()), EditPlan(model_id=model_id, tier_max_tokens=8192)
    )


def sent(model_id: str, **fields: Any) -> tuple[Any, Any]:
    """``(thinking, output_config)`` as the model gets them."""
    body = json.loads(edited(model_id, **fields).body)
    return body.get("thinking"), body.get("output_config")


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


def effort(value: str) -> dict[str, Any]:
    return {"effort": value}


@pytest.mark.parametrize("model_id", [*NEVER_OFF, *OFF_UP_TO_HIGH, *ADAPTIVE, *EITHER])
def test_adaptive_thinking_stays_where_it_is_understood(model_id: str) -> None:
    thinking = {"type": "adaptive", "display": "summarized"}
    assert edited(model_id, thinking=thinking, output_config=effort("xhigh")).edits == ("model",)


@pytest.mark.parametrize("model_id", [*EITHER, *BUDGET_ONLY])
def test_a_budget_stays_where_it_is_understood(model_id: str) -> None:
    assert edited(model_id, thinking=budget(20_000)).edits == ("model",)


@pytest.mark.parametrize("model_id", [*ADAPTIVE, *EITHER, *BUDGET_ONLY])
def test_thinking_that_is_off_stays_off_where_it_may(model_id: str) -> None:
    assert edited(model_id, thinking={"type": "disabled"}).edits == ("model",)


@pytest.mark.parametrize("model_id", [*NEVER_OFF, *OFF_UP_TO_HIGH, *ADAPTIVE, *EITHER, *BUDGET_ONLY, "kimi-k2.6"])
def test_who_says_nothing_of_thinking_gets_no_edit(model_id: str) -> None:
    assert edited(model_id).edits == ("model",)


@pytest.mark.parametrize("model_id", [*NEVER_OFF, *OFF_UP_TO_HIGH, *ADAPTIVE])
@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(1024, "low"), (4095, "low"), (4096, "medium"), (12_287, "medium"), (12_288, None), (60_000, None)],
)
def test_a_budget_becomes_an_effort_where_there_are_none(model_id: str, tokens: int, expected: str | None) -> None:
    assert sent(model_id, thinking=budget(tokens)) == ({"type": "adaptive"}, expected and effort(expected))


def test_the_clients_own_effort_and_display_outlive_its_budget() -> None:
    thinking = {**budget(2000), "display": "omitted"}
    assert sent("claude-opus-4-7", thinking=thinking, output_config=effort("max")) == (
        {"type": "adaptive", "display": "omitted"},
        effort("max"),
    )


@pytest.mark.parametrize("model_id", BUDGET_ONLY)
@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({}, 16_384),
        (effort("low"), 2048),
        (effort("medium"), 8192),
        (effort("high"), 16_384),
        (effort("xhigh"), 32_768),
        (effort("max"), 49_152),
    ],
    ids=str,
)
def test_an_effort_becomes_a_budget_where_there_are_none(model_id: str, config: dict[str, Any], tokens: int) -> None:
    assert sent(model_id, thinking={"type": "adaptive"}, output_config=config) == (budget(tokens), {})


def test_a_made_budget_fits_below_the_cap_or_there_is_no_thinking() -> None:
    assert sent("claude-haiku-4-5", thinking={"type": "adaptive"}, max_tokens=16_384)[0] == budget(16_384 - 1024)
    assert sent("claude-haiku-4-5", thinking={"type": "adaptive"}, max_tokens=2047)[0] == {"type": "disabled"}


@pytest.mark.parametrize("model_id", NEVER_OFF)
def test_where_thinking_can_not_be_off_it_is_as_little_as_there_is(model_id: str) -> None:
    assert sent(model_id, thinking={"type": "disabled"}) == ({"type": "adaptive"}, effort("low"))


@pytest.mark.parametrize("model_id", OFF_UP_TO_HIGH)
def test_an_effort_that_forbids_thinking_to_be_off_is_lowered(model_id: str) -> None:
    off = {"type": "disabled"}
    assert sent(model_id, thinking=off, output_config=effort("max")) == (off, effort("high"))
    assert edited(model_id, thinking=off, output_config=effort("high")).edits == ("model",)


def test_thinking_between_tools_is_for_sonnet_5_5_alone() -> None:
    between = {"type": "between_tools"}
    assert edited("claude-sonnet-5-5", thinking=between).edits == ("model",)
    assert sent("claude-opus-5-5", thinking=between)[0] == {"type": "adaptive"}
    assert sent("claude-haiku-4-5", thinking=between)[0] == budget(16_384)


@pytest.mark.parametrize(
    ("first", "expected"),
    [([CALL], {"type": "disabled"}), ([THOUGHT, CALL], budget(16_384)), ("said", {"type": "disabled"})],
    ids=["a call", "thinking", "text"],
)
def test_no_budget_is_made_in_a_tool_loop_that_did_not_begin_with_thinking(first: Any, expected: Any) -> None:
    answers = [{"role": "assistant", "content": content} for content in (first, [CALL])]
    messages = [USER, {"role": "assistant", "content": "before"}, USER, answers[0], RESULT, answers[1], RESULT]
    assert sent("claude-haiku-4-5", thinking={"type": "adaptive"}, messages=messages)[0] == expected
    assert sent("claude-haiku-4-5", thinking={"type": "adaptive"}, messages=[*messages, USER])[0] == budget(16_384)


def test_no_budget_is_made_where_a_tool_is_forced() -> None:
    forced = {"thinking": {"type": "adaptive"}, "tool_choice": {"type": "tool", "name": "ls"}}
    assert sent("claude-haiku-4-5", **forced)[0] == {"type": "disabled"}
    assert edited("claude-opus-4-7", **forced).edits == ("model",)


def test_no_other_byte_changes() -> None:
    body = (
        b'{"model":"a", "thinking" : { "type":"adaptive" } ,"max_tokens":32000,\n'
        b'"output_config": {"format":{"x":1.0e0, "thinking":{}},  "effort" :"low"},'
        b'"messages":[{"role":"user","content":"\\u0068i","thinking":{"type":"adaptive"}}]}'
    )
    plan = EditPlan(model_id="claude-haiku-4-5", tier_max_tokens=8192)
    expected = (
        body.replace(b'"model":"a"', b'"model":"claude-haiku-4-5"')
        .replace(b'{ "type":"adaptive" }', b'{"type":"enabled","budget_tokens":2048}')
        .replace(b'{"format":{"x":1.0e0, "thinking":{}},  "effort" :"low"}', b'{"format":{"x":1.0e0, "thinking":{}}}')
    )
    assert edit_request(read_request(Dialect.MESSAGES, body), plan) == Edited(
        expected, ("model", "thinking"), False, ("effort-",)
    )
    plan = EditPlan(model_id="claude-opus-5-5", tier_max_tokens=8192)
    off = body.replace(b'{ "type":"adaptive" }', b'{"type":"disabled"}')
    expected = off.replace(b'"model":"a"', b'"model":"claude-opus-5-5"').replace(
        b'{"type":"disabled"}', b'{"type":"adaptive"}'
    )
    assert edit_request(read_request(Dialect.MESSAGES, off), plan).body == expected


def test_the_model_that_was_asked_for_gets_what_the_client_wrote() -> None:
    assert edited("claude-haiku-4-5", model="claude-haiku-4-5", thinking={"type": "adaptive"}).edits == ()


@pytest.mark.parametrize("model_id", ["kimi-k2.6", "gpt-5.5", "claude-3-5-sonnet-latest", "claude-opus-9", "claude"])
def test_a_model_of_unknown_kind_gets_what_the_client_wrote(model_id: str) -> None:
    assert accepted_by(model_id) is None
    assert edited(model_id, thinking={"type": "adaptive"}, output_config=effort("low")).edits == ("model",)


@pytest.mark.parametrize("thinking", ["adaptive", None, {}, {"type": "sometimes"}, {"type": 5}, []], ids=str)
def test_what_no_model_knows_is_left_to_the_provider_to_refuse(thinking: Any) -> None:
    for model_id in (*NEVER_OFF, *BUDGET_ONLY):
        assert edited(model_id, thinking=thinking).edits == ("model",)


@pytest.mark.parametrize(
    "model_id",
    [
        "claude-opus-4-7",
        "anthropic/claude-opus-4.7",
        "us.anthropic.claude-opus-4-7-v1:0",
        "claude-opus-4-7-20260416",
        "Claude-Opus-4-7@latest",
    ],
)
def test_a_model_is_known_by_whatever_name_its_vendor_gives_it(model_id: str) -> None:
    assert accepted_by(model_id) is ACCEPTED["opus-4.7"]


def test_a_date_is_no_version() -> None:
    assert accepted_by("claude-opus-4-20250514") is ACCEPTED["opus-4.0"]
    assert accepted_by("claude-opus-5-20260601") is ACCEPTED["opus-5.0"]


def test_a_count_of_tokens_is_adapted_as_the_turn_will_be() -> None:
    request = read_request(Dialect.MESSAGES, b'{"model":"a","thinking":{"type":"adaptive"},"messages":[]}')
    counted = json.loads(with_model(request, "claude-haiku-4-5"))
    assert counted["thinking"] == budget(16_384)


def test_the_beta_of_an_effort_goes_where_the_effort_goes() -> None:
    headers = [("accept", "*/*"), ("anthropic-beta", "one-2026-01-01, effort-2025-11-24,two")]
    gone = edited("claude-haiku-4-5", thinking={"type": "adaptive"}, output_config=effort("low")).unpaired_betas
    assert without_betas(headers, gone) == [("accept", "*/*"), ("anthropic-beta", "one-2026-01-01,two")]
    assert without_betas([("Anthropic-Beta", "effort-2025-11-24")], gone) == []
    unrelated = [("anthropic-beta", "one-2026-01-01, two")]
    assert without_betas(unrelated, gone) == unrelated


@pytest.mark.parametrize("model_id", [*NEVER_OFF, *OFF_UP_TO_HIGH, *ADAPTIVE, *EITHER, "kimi-k2.6"])
def test_betas_stay_where_the_effort_stays(model_id: str) -> None:
    for thinking in ({"type": "adaptive"}, budget(2000), {"type": "disabled"}):
        assert edited(model_id, thinking=thinking, output_config=effort("max")).unpaired_betas == ()


THINKING = st.fixed_dictionaries(
    {"type": st.sampled_from(["adaptive", "enabled", "disabled", "between_tools"])},
    optional={"budget_tokens": st.integers(1024, 60_000), "display": st.sampled_from(["omitted", "summarized"])},
)
CONFIG = st.none() | st.fixed_dictionaries(
    {}, optional={"effort": st.sampled_from(["low", "medium", "high", "xhigh", "max"]), "format": st.just({"a": 1})}
)


@given(st.sampled_from(sorted(ACCEPTED)), THINKING, CONFIG, st.integers(1, 64_000))
def test_whatever_was_asked_the_model_takes_what_it_gets(name: str, thinking: Any, config: Any, cap: int) -> None:
    model_id = "claude-" + name.replace(".", "-")
    accepts = ACCEPTED[name]
    given_budget = thinking.get("budget_tokens", 0)
    got, got_config = sent(model_id, thinking=thinking, output_config=config, max_tokens=cap)
    level = (got_config or {}).get("effort")
    match got["type"]:
        case "adaptive":
            assert accepts.adaptive
        case "enabled":
            assert accepts.enabled
            if thinking["type"] != "enabled":
                assert 1024 <= got["budget_tokens"] < cap
            else:
                assert got.get("budget_tokens", 0) == given_budget
        case "disabled":
            assert accepts.disabled is not Off.NEVER
            assert accepts.disabled is Off.ALWAYS or level not in ("xhigh", "max")
        case "between_tools":
            assert accepts.between_tools
    assert accepts.adaptive or level is None
    assert (got_config or {}).get("format") == (config or {}).get("format")

"""The bench's own promises: ``python -m pytest bench``."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.bodies import MODEL, agent_body
from bench.budgets import Budget, judge
from bench.load import percentile
from bench.show import verdicts_table

RATIO = Budget("p50, of bare", "p50_s", "bare", "ratio", 1.5)
FLOOR = Budget("throughput, of bare", "rps", "bare", "ratio", 0.6, at_least=True)
MORE = Budget("memory, over bare", "bytes", "bare", "difference", 25.0, unit=" MB", scale=1e-6)


def test_the_agents_turn_is_about_as_big_as_asked_and_always_the_same() -> None:
    body = agent_body(400_000)
    assert 400_000 <= len(body) < 406_000
    assert body == agent_body(400_000)
    assert body != agent_body(400_000, nonce=1)


def test_model_stands_where_the_variant_says_and_a_schema_has_one_of_its_own() -> None:
    first, last = agent_body(60_000), agent_body(60_000, model="last")
    assert first.startswith(b'{"model":"' + MODEL.encode())
    assert last.endswith(b'"model":"' + MODEL.encode() + b'"}')
    assert json.loads(first) == json.loads(last)
    agent = next(tool for tool in json.loads(first)["tools"] if tool["name"] == "Agent")
    assert "model" in agent["input_schema"]["properties"]


def test_every_call_in_the_turn_has_its_result_next() -> None:
    messages = json.loads(agent_body(100_000))["messages"]
    for call, result in zip(messages[1::2], messages[2::2], strict=True):
        assert call["content"][-1]["id"] == result["content"][0]["tool_use_id"]


def test_targets_are_compared_within_a_round_and_the_middle_round_decides() -> None:
    rounds = [{"tierrouter": {"p50_s": ours}, "bare": {"p50_s": theirs}} for ours, theirs in ((2, 2), (28, 20), (9, 3))]
    (verdict,) = judge(rounds, [RATIO])
    assert verdict.values == (1.0, 1.4, 3.0)
    assert verdict.kept


@pytest.mark.parametrize(
    ("budget", "ours", "theirs", "kept"),
    [
        (RATIO, 1.5, 1.0, True),
        (RATIO, 1.51, 1.0, False),
        (FLOOR, 600.0, 1000.0, True),
        (FLOOR, 599.0, 1000.0, False),
        (MORE, 65e6, 40e6, True),
        (MORE, 66e6, 40e6, False),
    ],
)
def test_a_budget_is_kept_up_to_its_limit(budget: Budget, ours: float, theirs: float, kept: bool) -> None:
    rounds = [{"tierrouter": {budget.measure: ours}, "bare": {budget.measure: theirs}}]
    (verdict,) = judge(rounds, [budget])
    assert verdict.kept is kept
    assert ("MISS" in verdicts_table([verdict])) is not kept


def test_what_no_round_measured_has_no_verdict() -> None:
    assert judge([{"tierrouter": {}, "bare": {"p50_s": 1.0}}], [RATIO]) == []


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_a_measured_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= len(ordered) * percent / 100 - 1e-6

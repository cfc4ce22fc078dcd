"""The article's spend map, its comparison with one model for everything, and the alert on the expensive share."""

import copy
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierrouter_core.article import (
    DEEP_SHARE_LIMIT,
    Spend,
    baseline_comparison,
    deep_share_alert,
    deep_tier_ratio,
    log_spend,
    new_spend,
    spend_totals,
)
from tierrouter_core.spend.price import Price, Rates

# A busy machine is not a failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MODELS = ["kimi-k2-6", "gpt-5-5", "claude-opus-4-7", "a model of one's own"]
TOKENS = st.integers(0, 10**9)
COSTS = st.decimals(0, 10**6, places=9) | st.floats(0, 1e6) | st.integers(0, 10**6)
TURNS = st.lists(st.tuples(st.sampled_from(MODELS), TOKENS, TOKENS, COSTS), max_size=20)
PRICES = {"gpt-5-5": {"input": "5.00", "output": "30.00"}}

# The article's table: turns, input tokens, cost. It has no output tokens.
ARTICLE_TABLE: Spend = {
    "kimi-k2-6": {"turns": 1984, "input_tokens": 243_000_000, "output_tokens": 0, "cost_usd": Decimal("64.79")},
    "gpt-5-5": {"turns": 238, "input_tokens": 1_100_000, "output_tokens": 0, "cost_usd": Decimal("11.04")},
    "qwen-3-6-27b-local": {"turns": 106, "input_tokens": 255_000, "output_tokens": 0, "cost_usd": Decimal(0)},
    "deepseek-v4-flash": {"turns": 38, "input_tokens": 1_800_000, "output_tokens": 0, "cost_usd": Decimal("0.26")},
    "deepseek-v4-pro": {"turns": 28, "input_tokens": 1_200_000, "output_tokens": 0, "cost_usd": Decimal("0.52")},
    "glm-5-1": {"turns": 21, "input_tokens": 743_000, "output_tokens": 0, "cost_usd": Decimal("0.15")},
}


def spend_of(turns: Any) -> Spend:
    spend = new_spend()
    for turn in turns:
        spend = log_spend(spend, *turn)
    return spend


def shares_of(cheap: int, deep: int) -> Spend:
    """``cheap`` and ``deep`` turns; a deep one costs nine times as much."""
    return spend_of([("kimi-k2-6", 1, 1, 1)] * cheap + [("claude-opus-4-7", 1, 1, 9)] * deep)


# log_spend


def test_a_turn_adds_to_its_model() -> None:
    spend = spend_of([("gpt-5-5", 1000, 50, "0.0065"), ("gpt-5-5", 10, 5, Decimal("0.0002")), ("kimi-k2-6", 1, 1, 0)])
    assert spend == {
        "gpt-5-5": {"turns": 2, "input_tokens": 1010, "output_tokens": 55, "cost_usd": Decimal("0.0067")},
        "kimi-k2-6": {"turns": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": Decimal(0)},
    }


def test_a_model_that_no_tier_has_is_added() -> None:
    assert log_spend({}, "brand-new", 1, 2, "0.5")["brand-new"]["turns"] == 1


def test_tenths_of_dollars_add_up() -> None:
    assert spend_totals(spend_of([("kimi-k2-6", 1, 1, 0.1)] * 10))["cost_usd"] == 1


def test_a_map_that_came_from_json_can_be_continued() -> None:
    loaded: Any = {"gpt-5-5": {"turns": 1, "input_tokens": 10, "output_tokens": 1, "cost_usd": 0.1, "note": "mine"}}
    assert log_spend(loaded, "gpt-5-5", 1, 1, 0.2) == {
        "gpt-5-5": {"turns": 2, "input_tokens": 11, "output_tokens": 2, "cost_usd": Decimal("0.3"), "note": "mine"}
    }


@pytest.mark.parametrize(
    ("turn", "error", "message"),
    [
        ((-1, 1, 0), ValueError, "input_tokens: -1 is negative"),
        ((1, 1.5, 0), TypeError, "output_tokens: a float was given, an integer is needed"),
        ((1, True, 0), TypeError, "output_tokens: a bool was given"),
        ((1, 1, -1), ValueError, "cost_usd: -1 is not a cost in USD"),
        ((1, 1, float("nan")), ValueError, "cost_usd: nan is not a cost"),
        ((1, 1, float("inf")), ValueError, "cost_usd: inf is not a cost"),
        ((1, 1, "5 dollars"), ValueError, "cost_usd: '5 dollars' is not a number"),
        ((1, 1, None), TypeError, "cost_usd: a NoneType was given"),
        ((1, 1, 10**12), ValueError, "cost_usd: 1000000000000 is not a cost"),
    ],
)
def test_numbers_that_cannot_be_are_refused(turn: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        log_spend({}, "gpt-5-5", *turn)


def test_a_broken_entry_is_named() -> None:
    broken: Any = {"gpt-5-5": {"turns": -3}}
    with pytest.raises(ValueError, match=r"spend\['gpt-5-5'\]\['turns'\]: -3 is negative"):
        spend_totals(broken)
    with pytest.raises(TypeError, match="spend: a list was given"):
        log_spend([], "gpt-5-5", 1, 1, 0)  # type: ignore[arg-type]


@UNHURRIED
@given(TURNS, st.randoms())
def test_totals_add_up_exactly_and_in_any_order(turns: list[Any], random: Any) -> None:
    shuffled = list(turns)
    random.shuffle(shuffled)
    spend = spend_of(turns)
    assert spend_of(shuffled) == spend
    total = spend_totals(spend)
    assert total["turns"] == len(turns)
    assert total["input_tokens"] == sum(turn[1] for turn in turns)
    assert total["output_tokens"] == sum(turn[2] for turn in turns)
    assert total["cost_usd"] == spend_totals({model: spend[model] for model in reversed(list(spend))})["cost_usd"]


@UNHURRIED
@given(st.lists(st.decimals(0, 10**6, places=9), max_size=30))
def test_the_total_is_the_sum_of_the_costs(costs: list[Decimal]) -> None:
    total = spend_totals(spend_of([("kimi-k2-6", 1, 1, cost) for cost in costs]))["cost_usd"]
    assert total * 10**9 == sum(int(cost * 10**9) for cost in costs)


@UNHURRIED
@given(TURNS, st.sampled_from(MODELS), TOKENS, COSTS)
def test_nothing_given_is_ever_mutated(turns: list[Any], model: str, tokens: int, cost: Any) -> None:
    spend: Any = {**spend_of(turns), "with notes": {"turns": 1, "notes": [{"nested": [1]}]}}
    prices: Any = {model: {"input": "1", "output": "2", "notes": [1, 2]}}
    expensive = [model]
    before = copy.deepcopy((spend, prices, expensive))
    logged: Any = log_spend(spend, model, tokens, tokens, cost)
    logged["with notes"]["notes"][0]["nested"].append(2)
    logged[model]["turns"] = 0
    spend_totals(spend)["turns"] = 0
    baseline_comparison(spend, prices, model)
    deep_tier_ratio(spend, expensive)
    deep_share_alert(spend, expensive_models=expensive)
    assert (spend, prices, expensive) == before


# baseline_comparison


def test_the_comparison_prices_all_tokens_at_the_baseline() -> None:
    spend = spend_of([("kimi-k2-6", 1_000_000, 100_000, "1.35"), ("gpt-5-5", 1_000_000, 0, "5.00")])
    actual, baseline, saving = baseline_comparison(spend, PRICES, "gpt-5-5")
    assert (actual, baseline, saving) == (Decimal("6.35"), Decimal("13.00"), Decimal("6.65"))


@pytest.mark.parametrize(
    "price",
    [
        {"input": 5, "output": 30.0},
        Rates(input=Decimal(5), output=Decimal(30)),
        Price(
            rates=Rates(input=Decimal(5), output=Decimal(30)), above=((1, Rates(input=Decimal(9), output=Decimal(9))),)
        ),
    ],
)
def test_a_price_may_be_a_mapping_or_one_of_the_cores_own(price: Any) -> None:
    spend = spend_of([("kimi-k2-6", 1_000_000, 100_000, 1)])
    assert baseline_comparison(spend, {"gpt-5-5": price}, "gpt-5-5").baseline_usd == 8


def test_the_articles_own_table_shows_the_saving_that_ignores_caches() -> None:
    comparison = baseline_comparison(ARTICLE_TABLE, PRICES, "gpt-5-5")
    assert comparison.actual_usd == Decimal("76.76")
    assert math.isclose(comparison.saving_share, 0.94, abs_tol=0.005)


def test_nothing_spent_is_nothing_saved() -> None:
    comparison = baseline_comparison({}, PRICES, "gpt-5-5")
    assert not any(comparison)
    assert comparison.saving_share == 0.0


def test_routing_that_cost_more_is_a_negative_saving() -> None:
    assert baseline_comparison(spend_of([("claude-opus-4-7", 1, 1, 7)]), PRICES, "gpt-5-5").saving_usd < 0


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({"kimi-k2-6": {}}, "no price for the baseline model 'gpt-5-5'; there are prices for kimi-k2-6"),
        ({"gpt-5-5": {"input": 5}}, r"prices\['gpt-5-5'\]\['output'\] is missing; give USD per million tokens"),
        ({"gpt-5-5": {"input": -5, "output": 1}}, r"prices\['gpt-5-5'\]\['input'\]: -5 is not a price"),
        ({"gpt-5-5": {"input": "NaN", "output": 1}}, "NaN is not a price"),
    ],
)
def test_a_missing_or_impossible_price_is_refused(prices: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baseline_comparison({}, prices, "gpt-5-5")


@UNHURRIED
@given(TURNS)
def test_actual_and_saving_make_the_baseline(turns: list[Any]) -> None:
    actual, baseline, saving = baseline_comparison(spend_of(turns), PRICES, "gpt-5-5")
    assert math.isclose(float(actual + saving), float(baseline), abs_tol=1e-6)


# deep_tier_ratio and the alert


def test_the_expensive_share_is_told_by_turns_and_by_cost() -> None:
    assert deep_tier_ratio(shares_of(cheap=9, deep=1)) == (0.1, 0.5)


def test_no_turns_are_no_share_and_no_alert() -> None:
    assert deep_tier_ratio(new_spend()) == (0.0, 0.0)
    assert deep_share_alert(new_spend()) is False


def test_free_turns_have_a_share_of_turns_alone() -> None:
    assert deep_tier_ratio(spend_of([("gpt-5-5", 1, 1, 0)])) == (1.0, 0.0)


def test_which_models_are_expensive_can_be_said() -> None:
    spend = shares_of(cheap=3, deep=1)
    assert deep_tier_ratio(spend, ["kimi-k2-6"]).by_turns == 0.75
    assert deep_tier_ratio(spend, "kimi-k2-6").by_turns == 0.75
    assert deep_tier_ratio(spend, []) == (0.0, 0.0)


def test_five_in_a_hundred_is_still_within_the_limit_and_six_are_not() -> None:
    assert DEEP_SHARE_LIMIT == 0.05
    assert deep_share_alert(shares_of(cheap=95, deep=5)) is False
    assert deep_share_alert(shares_of(cheap=94, deep=6)) is True


def test_the_alert_can_watch_cost_and_another_limit() -> None:
    assert deep_share_alert(shares_of(cheap=95, deep=5), by="cost") is True
    assert deep_share_alert(shares_of(cheap=94, deep=6), limit=0.1) is False
    with pytest.raises(ValueError, match="by: 'tokens' is unknown"):
        deep_share_alert(new_spend(), by="tokens")  # type: ignore[arg-type]


def test_the_articles_own_table_raises_its_own_alert() -> None:
    assert math.isclose(deep_tier_ratio(ARTICLE_TABLE).by_turns, 238 / 2415)
    assert deep_share_alert(ARTICLE_TABLE) is True


@UNHURRIED
@given(TURNS)
def test_shares_are_shares(turns: list[Any]) -> None:
    spend = spend_of(turns)
    share = deep_tier_ratio(spend)
    rest = deep_tier_ratio(spend, set(MODELS) - {"gpt-5-5", "claude-opus-4-7"})
    assert 0 <= share.by_turns <= 1
    assert 0 <= share.by_cost <= 1
    assert math.isclose(share.by_turns + rest.by_turns, 1 if turns else 0)

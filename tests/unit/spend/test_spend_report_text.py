import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spend_examples import GPT_BASELINE, REVISION, turn

from tierrouter_core.spend.report import summarise
from tierrouter_core.spend.report_text import closing_lines, cost_cell, percent, report_to_json, tokens, usd


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.0000001", "<$0.01"),
        ("-0.001", ">-$0.01"),
        ("0.01", "$0.01"),
        ("0.994", "$0.99"),
        ("0.995", "$1.00"),
        ("1234567.891", "$1,234,567.89"),
        ("-3.5", "-$3.50"),
    ],
)
def test_money_reads_to_the_cent_and_something_never_reads_as_nothing(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.0 %"), (0.0001, "<0.1 %"), (0.123, "12.3 %"), (0.99999, ">99.9 %"), (1, "100.0 %")]
)
def test_shares_read_with_one_decimal(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00k"),
        (12_345, "12.3k"),
        (99_960, "100k"),
        (999_960, "1.00M"),
        (243_000_000, "243M"),
        (1_200_000_000, "1.20B"),
    ],
)
def test_tokens_read_in_three_figures(count: int, text: str) -> None:
    assert tokens(count) == text


@given(st.integers(0, 10**13))
def test_token_figures_stay_short(count: int) -> None:
    assert len(tokens(count)) <= 6


def test_a_cost_says_when_a_part_of_it_is_unknown() -> None:
    known, unknown = turn(0), turn(1, cost_usd=None)
    assert cost_cell(summarise([known]).total) == "$0.01"
    assert cost_cell(summarise([known, unknown]).total) == "$0.01 + ?"
    assert cost_cell(summarise([unknown]).total) == "unknown"


def test_the_sentences_state_saving_caching_and_every_gap() -> None:
    rows = [
        turn(0, input_tokens=50_000, usage_source="estimated"),
        turn(60, input_tokens=50_000, tier="reasoning", cost_usd=None),
        turn(61, outcome="cut"),
        turn(62, labels='{"purpose":"regression"}'),
    ]
    text = "\n".join(closing_lines(summarise(rows, revisions={"coding-1": REVISION}, baseline=GPT_BASELINE)))
    assert text == (
        "Expensive tiers (reasoning): 33.3 % of turns, 0.0 % of spend ($0.00).\n"
        "Saving: at most $0.26 (92.7 %) against gpt-5-5 for every turn: $0.02 spent on all turns, $0.28 for the 2 turns"
        " that were answered.\n"
        "Baseline: simulated with its own prompt cache (5 min); it read 50.0 % of its input from that cache.\n"
        "Unknown cost: 1 turn (kimi-k2-6) of no known price, counted as nothing above; set priceUSDPerMTok for those"
        " models.\n"
        "Estimated: 1 turn whose tokens the provider did not state, counted by estimate.\n"
        "Not answered: 1 turn (1 cut).\n"
        "Left out: 1 turn of regression suites."
    )


def test_a_loss_is_called_a_loss() -> None:
    row = turn(0, cost_usd=Decimal(3), baseline_model="gpt-5-5", baseline_cost_usd=Decimal(2))
    lines = closing_lines(summarise([row], revisions={"coding-1": REVISION}))
    assert lines[1].startswith("Saving: none, $1.00 (50.0 %) more against gpt-5-5 for every turn")


def test_mixed_and_missing_baselines_are_said() -> None:
    rows = [
        turn(0, baseline_model="a", baseline_cost_usd=Decimal(1)),
        turn(1, baseline_model="b", baseline_cost_usd=Decimal(1)),
        turn(2),
    ]
    text = "\n".join(closing_lines(summarise(rows)))
    assert "against a and b for every turn" in text
    assert "Mixed baselines" in text
    assert "No baseline cost: 1 answered turn" in text
    assert "Expensive tiers: unknown" in text


def test_the_json_keeps_every_digit_of_money() -> None:
    report = summarise([turn(0, cost_usd=Decimal("0.00000001234"))], baseline=GPT_BASELINE)
    data = json.loads(json.dumps(report_to_json(report)))
    assert data["total"]["cost_usd"] == "0.00000001234"
    assert data["saving"]["baseline_models"] == ["gpt-5-5"]
    assert data["notes"]

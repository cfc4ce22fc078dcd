from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spend_examples import FREE, GPT, GPT_BASELINE, KIMI, REVISION, turn

from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.price import Price
from tierrouter_core.spend.report import rebased, summarise
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_facts import usage_of

KNOWN = {"coding-1": REVISION}


def priced(number: int, price: Price, **columns: object) -> TurnRow:
    row = turn(number, **columns)
    return turn(number, **{**columns, "cost_usd": price.cost(usage_of(row))})


# Worked by hand, in USD per million tokens: kimi 0.95 / 0.16 cached / 4.00 out, gpt 5 / 0.50 cached / 30 out, local 0.
TABLE = [
    # uncached: 40,000 x 0.95 + 1,000 x 4                                              = 0.038 + 0.004   = 0.042
    priced(0, KIMI, input_tokens=40_000, output_tokens=1_000),
    # cached: 2,000 x 0.95 + 40,000 x 0.16 + 500 x 4                                   = 0.0019 + 0.0064 + 0.002 = 0.0103
    priced(60, KIMI, input_tokens=2_000, cache_read_tokens=40_000, output_tokens=500),
    # reasoning: 43,000 x 5 + 2,000 x 30 (1,500 of them hidden)                        = 0.215 + 0.06    = 0.275
    priced(
        120, GPT, tier="reasoning", model="gpt-5-5", input_tokens=43_000, output_tokens=2_000, reasoning_tokens=1_500
    ),
    # local: free
    priced(180, FREE, tier="local", model="qwen-local", input_tokens=44_000, output_tokens=300),
]
# The same four on gpt-5-5 with its own cache:
#   40,000 x 5 + 1,000 x 30                             = 0.2    + 0.03           = 0.23
#   40,000 x 0.5 + 2,000 x 5 + 500 x 30                 = 0.02   + 0.01  + 0.015  = 0.045
#   42,000 x 0.5 + 1,000 x 5 + 2,000 x 30               = 0.021  + 0.005 + 0.06   = 0.086
#   43,000 x 0.5 + 1,000 x 5 + 300 x 30                 = 0.0215 + 0.005 + 0.009  = 0.0355
BASELINE = ["0.23", "0.045", "0.086", "0.0355"]


def test_the_hand_computed_table_agrees_exactly() -> None:
    report = summarise(TABLE, revisions=KNOWN, baseline=GPT_BASELINE)
    costs = {line.model: line.cost_usd for line in report.models}
    assert costs == {"gpt-5-5": Decimal("0.275"), "kimi-k2-6": Decimal("0.0523"), "qwen-local": 0}
    assert report.total.cost_usd == Decimal("0.3273")
    assert report.total.input_tokens == 40_000 + 42_000 + 43_000 + 44_000
    assert report.total.cached_share == pytest.approx(40_000 / 169_000)
    assert report.total.reasoning_tokens == 1_500
    assert [line.model for line in report.models] == ["gpt-5-5", "kimi-k2-6", "qwen-local"]
    assert report.saving is not None
    assert report.saving.baseline_cost_usd == sum(map(Decimal, BASELINE)) == Decimal("0.3965")
    assert report.saving.saved_usd == Decimal("0.0692")
    assert report.saving.cached_share == pytest.approx(125_000 / 169_000)
    assert report.expensive is not None
    assert report.expensive.tiers == ("reasoning",)
    assert report.expensive.turn_share == 0.25
    assert report.expensive.cost_share == pytest.approx(0.275 / 0.3273)


def test_the_recomputed_column_is_the_one_that_the_summary_adds_up() -> None:
    rows = list(rebased(TABLE, GPT_BASELINE))
    assert [str(row.baseline_cost_usd) for row in rows] == BASELINE
    assert {row.baseline_model for row in rows} == {"gpt-5-5"}


def test_failures_count_against_the_saving() -> None:
    rows = [
        turn(0, cost_usd=Decimal("0.10"), baseline_model="gpt-5-5", baseline_cost_usd=Decimal("1.00")),
        turn(1, cost_usd=Decimal("0.40"), baseline_model="gpt-5-5", outcome="cut"),
        turn(2, cost_usd=Decimal("0.20"), baseline_model="gpt-5-5", outcome="client_gone"),
    ]
    saving = summarise(rows).saving
    assert saving is not None
    assert (saving.baseline_cost_usd, saving.cost_usd) == (Decimal("1.00"), Decimal("0.70"))
    assert saving.saved_share == pytest.approx(0.30)


def test_a_recomputed_baseline_ignores_turns_that_failed() -> None:
    rows = [turn(0, input_tokens=50_000, outcome="cut"), turn(1, input_tokens=50_000)]
    saving = summarise(rows, baseline=GPT_BASELINE).saving
    assert saving is not None
    # The answered turn finds no cache: the failed one never reached the baseline.
    assert saving.baseline_cost_usd == Decimal("0.25")


def test_an_unknown_cost_is_counted_and_not_added_as_zero() -> None:
    rows = [turn(0), turn(1, cost_usd=None), turn(2, cost_usd=None, attempts=0, outcome="refused", usage_source="none")]
    # Its last attempt used nothing; the one that was given up before it did.
    rows.append(turn(3, cost_usd=None, attempts=2, outcome="upstream_error", usage_source="none"))
    report = summarise(rows)
    assert report.total.unknown_cost_turns == 2
    assert report.total.cost_usd == Decimal("0.01")


def test_turns_of_regression_suites_are_left_out_but_said() -> None:
    labelled = ['{"purpose":"regression"}', '{"purpose":"work","note":"regression"}', "regression, not JSON", "[]"]
    report = summarise([turn(number, labels=labels) for number, labels in enumerate(labelled)])
    assert (report.total.turns, report.regression_turns) == (3, 1)


def test_no_turns_make_an_empty_report() -> None:
    report = summarise([])
    assert report.models == ()
    assert report.total.turns == 0
    assert report.saving is None


def test_baselines_that_changed_are_all_named() -> None:
    rows = [
        turn(0, baseline_model="a", baseline_cost_usd=Decimal(1)),
        turn(1, baseline_model="b", baseline_cost_usd=Decimal(1)),
    ]
    saving = summarise(rows).saving
    assert saving is not None
    assert saving.baseline_models == ("a", "b")


def test_a_turn_that_had_no_baseline_is_counted_and_not_held_against_that_of_others() -> None:
    named = {"baseline_model": "a", "cost_usd": Decimal("0.5")}
    rows = [
        turn(0, **named, baseline_cost_usd=Decimal(2)),
        turn(1, **named, outcome="cut"),
        turn(2, cost_usd=Decimal(7)),
        turn(3, cost_usd=Decimal(7), outcome="cut"),
        turn(4, cost_usd=None),
    ]
    saving = summarise(rows).saving
    assert saving is not None
    assert (saving.priced_turns, saving.unpriced_turns, saving.unknown_cost_turns) == (1, 2, 0)
    assert (saving.baseline_cost_usd, saving.cost_usd) == (Decimal(2), Decimal(1))


def test_a_tier_is_as_expensive_as_its_own_revision_says() -> None:
    rows = [turn(0, tier="reasoning"), turn(1, tier="reasoning", revision="coding-2"), turn(2, tier="routine")]
    share = summarise(rows, revisions=KNOWN).expensive
    assert share is not None
    assert (share.turns, share.unknown_turns) == (1, 1)


def test_expensive_tiers_may_be_named_where_no_revision_is_known() -> None:
    share = summarise([turn(0, tier="deep"), turn(1)], expensive_tiers={"deep"}).expensive
    assert share is not None
    assert share.turn_share == 0.5


def test_without_any_knowledge_of_tiers_the_expensive_share_is_unknown_and_not_zero() -> None:
    assert summarise([turn(0)]).expensive is None


def test_earlier_rows_warm_the_baselines_cache_and_count_for_nothing_else() -> None:
    rows = [turn(0, input_tokens=50_000), turn(60, input_tokens=50_000)]
    report = summarise(rows, baseline=GPT_BASELINE, count_from="2026-01-31T12:00:30.000Z")
    assert report.total.turns == 1
    assert report.saving is not None
    assert report.saving.baseline_cost_usd == Decimal("0.025")
    assert report.first_time == "2026-01-31T12:01:00.000Z"


def test_what_the_baseline_read_from_its_cache_is_known_for_recorded_costs_too() -> None:
    rows = [
        turn(number, input_tokens=50_000, baseline_model="gpt-5-5", baseline_cost_usd=Decimal("0.1"))
        for number in (0, 60)
    ]
    saving = summarise(rows, revisions=KNOWN).saving
    assert saving is not None
    assert saving.cached_share == 0.5
    assert saving.cache_ttls_ms == (300_000,)
    assert not saving.recomputed


counts = st.integers(0, 100_000)
costs = st.none() | st.decimals(0, 100, places=8)
rows_of_any_kind = st.lists(
    st.builds(
        turn,
        st.integers(0, 3599),
        model=st.sampled_from(["a", "b", ""]),
        tier=st.sampled_from(["routine", "reasoning", ""]),
        outcome=st.sampled_from(["answered", "cut", "refused"]),
        usage_source=st.sampled_from(["reported", "estimated", "none"]),
        input_tokens=counts,
        cache_read_tokens=counts,
        output_tokens=counts,
        cost_usd=costs,
        baseline_cost_usd=costs,
        baseline_model=st.just("gpt-5-5"),
    ),
    max_size=20,
)


@given(rows_of_any_kind, st.sampled_from([None, GPT_BASELINE, BaselineFacts(model="unpriced", price=None)]))
def test_the_lines_add_up_to_the_total(rows: Sequence[TurnRow], baseline: BaselineFacts | None) -> None:
    report = summarise(sorted(rows, key=lambda row: row.time), revisions=KNOWN, baseline=baseline)
    for figure in ("turns", "input_tokens", "cache_read_tokens", "output_tokens", "cost_usd", "unknown_cost_turns"):
        assert sum(getattr(line, figure) for line in report.models) == getattr(report.total, figure)
    assert sum(report.outcomes.values()) == report.total.turns == len(rows)
    assert report.total.cost_usd == sum(row.cost_usd for row in rows if row.cost_usd is not None)
    if report.saving is not None:
        assert report.saving.cost_usd <= report.total.cost_usd
        assert report.saving.unknown_cost_turns <= report.total.unknown_cost_turns
        if not report.saving.unpriced_turns:
            assert report.saving.cost_usd == report.total.cost_usd
        answered = sum(row.outcome == "answered" for row in rows)
        assert report.saving.priced_turns + report.saving.unpriced_turns == answered

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from spend_examples import GPT, GPT_BASELINE, OPUS_BASELINE

from tierrouter_core.document.model import Baseline
from tierrouter_core.names import UsageSource
from tierrouter_core.spend.baseline import BaselineFacts, BaselineModel, BaselineState
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.usage import NOTHING_USED, Usage

KEY = ("session", "main")


def context(tokens: int, output: int = 0) -> Usage:
    return Usage(input_uncached=tokens, output=output)


def test_a_conversation_of_three_turns_costs_what_it_does_by_hand() -> None:
    state = BaselineState()
    # Nothing is cached yet: 50,000 x $5/M + 1,000 x $30/M.
    assert state.price_turn(KEY, 0, context(50_000, 1_000), GPT_BASELINE) == Decimal("0.28")
    # A minute later 50,000 are read from the cache, 2,000 are new: 0.025 + 0.010 + 0.015.
    assert state.price_turn(KEY, 60, context(52_000, 500), GPT_BASELINE) == Decimal("0.05")
    # Six minutes later the cache is cold: 52,100 x $5/M + 100 x $30/M.
    assert state.price_turn(KEY, 420, context(52_100, 100), GPT_BASELINE) == Decimal("0.2635")


def test_new_input_is_charged_as_a_cache_write_where_the_model_has_a_rate_for_it() -> None:
    state = BaselineState()
    # 50,000 x $6.25/M written; then 50,000 x $0.50/M read and 2,000 x $6.25/M written.
    assert state.price_turn(KEY, 0, context(50_000), OPUS_BASELINE) == Decimal("0.3125")
    assert state.price_turn(KEY, 60, context(52_000), OPUS_BASELINE) == Decimal("0.0375")


def test_who_cached_the_input_in_reality_makes_no_difference() -> None:
    cached = Usage(input_uncached=1_000, cache_read=40_000, cache_write_5m=5_000, cache_write_1h=4_000, output=7)
    assert BaselineState().price_turn(KEY, 0, cached, GPT_BASELINE) == BaselineState().price_turn(
        KEY, 0, context(50_000, 7), GPT_BASELINE
    )


def test_the_cache_lives_for_its_time_to_live_and_no_longer() -> None:
    for later_s, read in ((300.0, 50_000), (300.001, 0)):
        state = BaselineState()
        state.simulate(KEY, 0, context(50_000), GPT_BASELINE)
        assert state.simulate(KEY, later_s, context(50_000), GPT_BASELINE).usage.cache_read == read


def test_each_use_keeps_the_cache_alive() -> None:
    state = BaselineState()
    for number in range(5):
        turn = state.simulate(KEY, number * 299.0, context(50_000), GPT_BASELINE)
        assert turn.usage.cache_read == (50_000 if number else 0)


def test_a_context_that_shrank_by_more_than_two_percent_was_rewritten_and_is_paid_in_full() -> None:
    for now, read in ((50_000, 50_000), (49_020, 49_020), (49_019, 0), (10_000, 0)):
        state = BaselineState()
        state.simulate(KEY, 0, context(50_000), GPT_BASELINE)
        assert state.simulate(KEY, 1, context(now), GPT_BASELINE).usage.cache_read == read


def test_a_prefix_shorter_than_the_model_caches_is_never_read() -> None:
    state = BaselineState()
    state.simulate(KEY, 0, context(1_023), OPUS_BASELINE)
    second = state.simulate(KEY, 1, context(1_024), OPUS_BASELINE)
    assert (second.usage.cache_read, second.usage.cache_write_5m) == (0, 1_024)
    assert state.simulate(KEY, 2, context(1_024), OPUS_BASELINE).usage.cache_read == 1_024


def test_a_prompt_too_short_to_cache_pays_no_cache_write() -> None:
    assert BaselineState().simulate(KEY, 0, context(1_000), OPUS_BASELINE).usage.input_uncached == 1_000


def test_agents_and_sessions_and_baselines_have_caches_of_their_own() -> None:
    state = BaselineState()
    state.simulate(KEY, 0, context(50_000), GPT_BASELINE)
    assert state.simulate(("session", "sub-1"), 1, context(50_000), GPT_BASELINE).usage.cache_read == 0
    assert state.simulate(("other", "main"), 1, context(50_000), GPT_BASELINE).usage.cache_read == 0
    assert state.simulate(KEY, 1, context(50_000), OPUS_BASELINE).usage.cache_read == 0


def test_a_turn_that_ends_out_of_order_does_not_age_the_cache() -> None:
    state = BaselineState()
    state.simulate(KEY, 200, context(50_000), GPT_BASELINE)
    state.simulate(KEY, 100, context(50_000), GPT_BASELINE)
    assert state.simulate(KEY, 450, context(50_000), GPT_BASELINE).usage.cache_read == 50_000


def test_a_long_context_costs_the_long_context_rates() -> None:
    long = Rates(input=Decimal("10"), output=Decimal("45"), cache_read=Decimal("1"))
    baseline = BaselineFacts(model="gpt-5-5", price=Price(rates=GPT.rates, above=((272_000, long),)))
    assert BaselineState().price_turn(KEY, 0, context(300_000, 1_000), baseline) == Decimal("3.045")


def test_without_a_price_or_without_a_count_the_cost_is_unknown_and_not_zero() -> None:
    unpriced = BaselineFacts(model="new", price=None)
    assert BaselineState().price_turn(KEY, 0, context(1), unpriced) is None
    assert BaselineState().price_turn(KEY, 0, NOTHING_USED, GPT_BASELINE) is None


def test_the_conversation_idle_for_longest_is_forgotten_first() -> None:
    state = BaselineState(max_conversations=2)
    for session in ("a", "b", "a", "c"):
        state.simulate((session, "main"), 0, context(50_000), GPT_BASELINE)
    assert len(state) == 2
    assert state.simulate(("a", "main"), 0, context(50_000), GPT_BASELINE).usage.cache_read == 50_000
    assert state.simulate(("b", "main"), 0, context(50_000), GPT_BASELINE).usage.cache_read == 0


def test_a_documents_baseline_will_do() -> None:
    baseline: BaselineModel = Baseline(model="gpt-5-5", price=GPT)
    assert BaselineState().price_turn(KEY, 0, context(1_000_000), baseline) == 5


turns = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 200_000), st.integers(0, 5_000)), max_size=30)


@given(turns)
def test_no_token_is_lost_and_caching_only_ever_saves_without_a_write_rate(steps: list[tuple[int, int, int]]) -> None:
    state, at_s = BaselineState(), 0
    for pause_s, tokens, output in steps:
        at_s += pause_s
        usage = context(tokens, output)
        turn = state.simulate(KEY, at_s, usage, GPT_BASELINE)
        assert turn.usage.total_input == tokens
        assert turn.usage.output == output
        assert turn.usage.source is UsageSource.REPORTED
        assert turn.cost_usd is not None
        assert 0 <= turn.cost_usd <= GPT.cost(usage)

"""What a simulated prompt cache reads, and what it can never read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_examples import GPT, KIMI, OPUS, call, seat

from tierrouter_core.replay.cache import PromptCaches
from tierrouter_core.replay.policy import Always, History
from tierrouter_core.replay.run import replay
from tierrouter_core.replay.tariff import UNITS_PER_USD, tariff_of, usd
from tierrouter_core.spend.baseline import BaselineFacts, BaselineState
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.usage import Usage

HOUR_MS = 3_600_000

tokens = st.integers(0, 400_000)
gaps = st.floats(0, 900, allow_nan=False)
steps = st.lists(st.tuples(tokens, gaps), min_size=1, max_size=30)


def test_a_first_call_reads_nothing() -> None:
    assert PromptCaches().read(seat(), 90_000, 0) == 0


def test_a_call_reads_what_was_there_the_last_time() -> None:
    caches = PromptCaches()
    caches.read(seat(), 90_000, 0)
    assert caches.read(seat(), 95_000, 10) == 90_000


def test_a_call_reads_to_the_last_moment_of_the_time_to_live_and_not_after() -> None:
    for idle_s, read in ((300, 90_000), (300.5, 0)):
        caches = PromptCaches()
        caches.read(seat(), 90_000, 0)
        assert caches.read(seat(), 95_000, idle_s) == read


def test_every_read_begins_the_time_to_live_anew() -> None:
    caches = PromptCaches()
    for at_s in (0, 200, 400):
        read = caches.read(seat(), 90_000, at_s)
    assert read == 90_000


def test_a_context_that_shrank_by_up_to_two_percent_is_still_read() -> None:
    for now, read in ((100_000, 100_000), (98_040, 98_040), (98_000, 0)):
        caches = PromptCaches()
        caches.read(seat(), 100_000, 0)
        assert caches.read(seat(), now, 1) == read


def test_what_is_shorter_than_the_models_least_is_never_cached() -> None:
    caches = PromptCaches()
    caches.read(seat(), 1_000, 0)
    assert caches.read(seat(), 50_000, 1) == 0


def test_each_model_has_a_cache_of_its_own() -> None:
    caches = PromptCaches()
    caches.read(seat("routine"), 90_000, 0)
    assert caches.readable(seat("reasoning"), 95_000, 1) == 0
    assert caches.readable(seat("routine"), 95_000, 1) == 90_000


def test_two_tiers_of_one_model_share_its_cache() -> None:
    caches = PromptCaches()
    caches.read(seat("routine", place="vendor/kimi"), 90_000, 0)
    assert caches.read(seat("cheap", place="vendor/kimi"), 95_000, 1) == 90_000


def test_a_cache_lives_from_its_latest_use_though_calls_end_out_of_order() -> None:
    caches = PromptCaches()
    caches.read(seat(), 90_000, 100)
    caches.read(seat(), 90_000, 50)
    assert caches.readable(seat(), 90_000, 399) == 90_000


@given(steps)
def test_a_call_never_reads_more_than_its_context_nor_more_than_was_there(steps: list[tuple[int, float]]) -> None:
    caches, at_s, last = PromptCaches(), 0.0, 0
    for context, gap_s in steps:
        at_s += gap_s
        read = caches.read(seat(), context, at_s)
        assert 0 <= read <= min(context, last)
        last = context


@given(steps)
def test_nothing_is_read_after_the_time_to_live(steps: list[tuple[int, float]]) -> None:
    caches, at_s = PromptCaches(), 0.0
    for context, gap_s in steps:
        at_s += 300.001 + gap_s
        assert caches.read(seat(), context, at_s) == 0


@given(steps)
def test_a_longer_time_to_live_never_costs_more_where_writing_costs_no_more(steps: list[tuple[int, float]]) -> None:
    at_s, calls = 0.0, []
    for turn, (context, gap_s) in enumerate(steps):
        at_s += gap_s
        calls.append(call(turn, context, t_rel_s=at_s))
    short, long = (
        replay(calls, Always("reasoning"), {"reasoning": seat(ttl_ms=ttl_ms)}) for ttl_ms in (300_000, HOUR_MS)
    )
    assert long.total.cost_units <= short.total.cost_units


@given(steps, st.sampled_from([GPT, KIMI, OPUS]))
def test_the_simulation_is_the_one_of_the_ledgers_baseline(steps: list[tuple[int, float]], price: Price) -> None:
    baseline, ledger, at_s, calls, cost = BaselineFacts(model="m", price=price), BaselineState(), 0.0, [], Decimal(0)
    for turn, (context, gap_s) in enumerate(steps):
        at_s += gap_s
        calls.append(call(turn, context, t_rel_s=at_s))
        usage = Usage(input_uncached=context, output=100)
        cost += ledger.price_turn(("s", "main"), at_s, usage, baseline) or Decimal(0)
    assert replay(calls, Always("t"), {"t": seat("t", price)}).total.cost_usd == cost


class _ByTurn:
    """Even turns here, odd turns there."""

    def serve(self, call: object, history: History) -> tuple[str, str]:
        return ("a", "even") if history.calls % 2 == 0 else ("b", "odd")


@given(steps)
def test_costs_are_additive(steps: list[tuple[int, float]]) -> None:
    at_s, first, second = 0.0, [], []
    for turn, (context, gap_s) in enumerate(steps):
        at_s += gap_s
        first.append(call(turn, context, t_rel_s=at_s))
        second.append(call(turn, context, t_rel_s=at_s, session="another"))
    seats = {"a": seat("a", KIMI, expensive=True), "b": seat("b", OPUS)}
    together = replay([*first, *second], _ByTurn(), seats)
    apart = [replay(calls, _ByTurn(), seats).total.cost_units for calls in (first, second)]
    assert together.total.cost_units == sum(apart)
    assert sum(sums.cost_units for sums in together.tiers.values()) == together.total.cost_units
    assert sum(sums.cost_units for sums in together.models.values()) == together.total.cost_units
    assert sum(sums.calls for sums in together.tiers.values()) == together.total.calls == 2 * len(steps)
    assert together.curve_usd[-1] == pytest.approx(float(together.total.cost_usd))


@given(st.decimals("0", "1000", places=9), tokens)
def test_a_price_of_nine_decimals_is_exact(rate: Decimal, count: int) -> None:
    tariff = tariff_of(Price(rates=Rates(input=rate, output=Decimal(0))), 300_000)
    assert usd(tariff.rates.input * count) == rate * count / 1_000_000


def test_a_cache_of_an_hour_is_written_at_the_rate_for_the_longer_time() -> None:
    assert tariff_of(OPUS, 300_000).rates.write == Decimal("6.25") * UNITS_PER_USD / 1_000_000
    assert tariff_of(OPUS, HOUR_MS).rates.write == Decimal("10") * UNITS_PER_USD / 1_000_000
    assert tariff_of(GPT, HOUR_MS).rates.write == tariff_of(GPT, HOUR_MS).rates.input


def test_a_long_input_costs_the_rates_for_long_inputs() -> None:
    price = Price(rates=GPT.rates, above=((200_000, OPUS.rates),))
    tariff = tariff_of(price, 300_000)
    assert tariff.rates_for(200_000) == tariff_of(GPT, 300_000).rates
    assert tariff.rates_for(200_001) == tariff_of(OPUS, 300_000).rates

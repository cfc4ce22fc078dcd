"""Intervals and exact tests, against the same sums in fractions, and evidence against its own promise."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.regression.evidence import (
    BET_WEIGHTS,
    ODDS_WEIGHTS,
    bet_strength,
    grown,
    needed,
    pair_gains,
    rise_gains,
    slip_gains,
    strength,
)
from tierrouter_core.regression.statistics import at_least, at_most, mcnemar, wilson, worse

CHANCES = st.floats(0.01, 0.99)


def binomial(count: int, total: int, chance: Fraction) -> Fraction:
    return math.comb(total, count) * chance**count * (1 - chance) ** (total - count)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 40))
def test_a_tail_is_the_sum_of_its_probabilities(count: int, total: int, fortieths: int) -> None:
    chance = Fraction(fortieths, 40)
    exact = sum(binomial(k, total, chance) for k in range(min(count, total) + 1))
    assert at_most(count, total, float(chance)) == pytest.approx(float(exact), abs=1e-12)
    assert at_least(total - count, total, float(1 - chance)) == pytest.approx(float(exact), abs=1e-12)


def test_the_plain_rule_fires_on_two_nights_in_five_at_exactly_95_percent() -> None:
    assert at_most(189, 200, 0.95) == pytest.approx(0.417, abs=0.001)


def test_a_tail_of_a_hundred_thousand_tasks_is_no_overflow() -> None:
    assert 0 < at_most(94_700, 100_000, 0.95) < 1e-4


@pytest.mark.parametrize(
    ("resolved", "tasks", "low", "high"),
    [(180, 200, 0.8506, 0.9343), (200, 200, 0.9812, 1.0), (0, 20, 0.0, 0.1611), (0, 0, 0.0, 1.0)],
)
def test_wilsons_interval_is_that_of_the_tables(resolved: int, tasks: int, low: float, high: float) -> None:
    assert wilson(resolved, tasks, 0.95) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_wilsons_interval_holds_what_was_measured(counts: tuple[int, int], confidence: float) -> None:
    resolved, tasks = counts
    low, high = wilson(resolved, tasks, confidence)
    assert 0 <= low <= resolved / tasks <= high <= 1


def test_mcnemars_test_is_that_of_a_fair_coin() -> None:
    assert mcnemar(1, 8) == pytest.approx(20 / 512)
    assert worse(1, 8) == pytest.approx(10 / 512)
    assert mcnemar(0, 0) == worse(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_both_directions_of_a_pair_are_the_same_two_sided(gained: int, lost: int) -> None:
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


@given(st.integers(1, 25), st.sampled_from([0.3, 0.8, 0.92, 0.95, 0.99]), st.floats(0, 1))
def test_evidence_of_a_slip_is_a_fair_bet_while_there_is_none(tasks: int, limit: float, above: float) -> None:
    chance = limit + above * (1 - limit)
    assert expected_bet(tasks, chance, lambda count: slip_gains(count, tasks, limit)) <= 1 + 1e-9


@given(st.integers(1, 25), st.sampled_from([0.3, 0.8, 0.92, 0.95, 0.99]), st.floats(0, 1))
def test_evidence_of_a_rise_is_a_fair_bet_while_there_is_none(tasks: int, limit: float, share: float) -> None:
    assert expected_bet(tasks, limit * share, lambda count: rise_gains(count, tasks, limit)) <= 1 + 1e-9


def expected_bet(tasks: int, chance: float, gains: object) -> float:
    """The expectation of one run's mixed evidence, summed over all that can come of it."""
    return math.fsum(
        math.comb(tasks, count)
        * chance**count
        * (1 - chance) ** (tasks - count)
        * math.exp(strength(tuple(gains(count))))  # type: ignore[operator]
        for count in range(tasks + 1)
    )


@given(st.lists(CHANCES, min_size=2, max_size=10))
def test_tasks_of_unlike_difficulty_are_no_evidence_of_a_slip(chances: list[float]) -> None:
    limit = sum(chances) / len(chances)
    for size in range(len(ODDS_WEIGHTS)):
        yes, no = (math.exp(slip_gains(solved, 1, limit)[size]) for solved in (1, 0))
        assert math.prod(chance * yes + (1 - chance) * no for chance in chances) <= 1 + 1e-9


@given(CHANCES, CHANCES, st.sampled_from([0.01, 0.03, 0.1, 0.5]), st.integers(1, 8))
def test_a_candidate_worse_by_the_margin_gains_nothing_on_average(
    together: float, share: float, margin: float, pairs: int
) -> None:
    apart = margin + together * (1 - margin)
    gained, lost = (apart - margin) / 2, (apart + margin) / 2
    total = 0.0
    for wins in range(pairs + 1):
        for losses in range(pairs - wins + 1):
            ways = math.comb(pairs, wins) * math.comb(pairs - wins, losses)
            chance = ways * gained**wins * lost**losses * (1 - apart) ** (pairs - wins - losses)
            total += chance * math.exp(bet_strength(pair_gains(wins, losses, pairs, margin)))
    assert total <= 1 + 1e-9
    assert 0 <= share <= 1


def test_evidence_is_added_up_over_when_the_slip_began() -> None:
    gains = (1.0, 2.0, 3.0, 4.0, 5.0)
    first = grown((), gains)
    assert first == gains
    assert grown(first, gains)[0] == pytest.approx(math.log((math.e + 1) * math.e), abs=1e-5)


def test_more_tiers_need_more_evidence_and_the_weights_are_shares() -> None:
    assert needed(0.95, 1) == pytest.approx(math.log(600))
    assert needed(0.95, 4) == pytest.approx(math.log(2400))
    assert sum(ODDS_WEIGHTS) == pytest.approx(1)
    assert sum(BET_WEIGHTS) == pytest.approx(1)
    assert strength(()) == bet_strength(()) == -math.inf


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), st.floats(0.01, 1))
def test_one_more_solved_task_never_speaks_for_a_slip(counts: tuple[int, int], limit: float) -> None:
    resolved, tasks = counts
    fewer, more = slip_gains(resolved, tasks, limit), slip_gains(resolved + 1, tasks, limit)
    assert all(one >= other for one, other in zip(fewer, more, strict=True))

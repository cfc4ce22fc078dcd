"""Boundaries are those of the literature, and looking five times misleads no more often than was said."""

import random
from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tierrouter_core.rollout.bounds import MOST_LOOKS, NEVER, Spending, boundary, spent
from tierrouter_core.rollout.chances import as_many, as_normal

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


# One-sided 0.025, five looks: Jennison and Turnbull (2000), and what R's gsDesign and ldbounds say.
@pytest.mark.parametrize(
    ("shape", "published"),
    [
        (Spending.OBRIEN_FLEMING, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (Spending.POCOCK, [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_boundaries_are_the_published_ones(shape: Spending, published: list[float]) -> None:
    alphas = [spent(0.025, each, shape) for each in FIFTHS]
    found = [boundary(alphas[:looks], FIFTHS[:looks]) for looks in range(1, MOST_LOOKS + 1)]
    assert found == pytest.approx(published, abs=1.5e-3)


@pytest.mark.parametrize("shape", Spending)
def test_five_looks_mislead_as_often_as_was_said(shape: Spending) -> None:
    alphas = [spent(0.05, each, shape) for each in FIFTHS]
    bounds = [boundary(alphas[:looks], FIFTHS[:looks]) for looks in range(1, 6)]
    rng = random.Random(1)
    misled = 0
    for _ in range(20_000):
        total = 0.0
        for look, bound in enumerate(bounds, 1):
            total += rng.gauss(0.0, 1.0)
            if total / sqrt(look) > bound:
                misled += 1
                break
    assert 0.045 < misled / 20_000 < 0.055


@given(st.sampled_from(Spending), st.floats(0.0001, 0.2), st.floats(-1, 2), st.floats(-1, 2))
def test_nothing_is_spent_twice_or_beyond_the_whole(shape: Spending, alpha: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= spent(alpha, low, shape) <= spent(alpha, high, shape) + 1e-15 <= alpha + 1e-15


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True), st.lists(st.floats(1, 9), min_size=5, max_size=5)
)
def test_every_sort_of_looks_has_a_boundary(parts: list[int], steps: list[float]) -> None:
    parts.sort()
    known = [sum(steps[: at + 1]) for at in range(len(parts))]
    found = boundary([spent(0.01, part / 5, Spending.POCOCK) for part in parts], known)
    assert 2.0 < found <= NEVER


def test_where_nothing_new_is_known_or_nothing_is_left_to_spend_there_is_no_crossing() -> None:
    assert boundary([0.01, 0.02], [5.0, 5.0]) == NEVER
    assert boundary([0.01, 0.01], [5.0, 9.0]) == NEVER
    assert boundary([0.01], [0.0]) == NEVER


# Quantiles of t from tables.
@pytest.mark.parametrize(
    ("t", "degrees", "z"), [(2.776, 4, 1.960), (4.604, 4, 2.576), (1.812, 10, 1.645), (1.984, 100, 1.960)]
)
def test_few_sessions_are_less_sure(t: float, degrees: int, z: float) -> None:
    assert as_normal(t, degrees) == pytest.approx(z, abs=2e-3)


@given(st.floats(-60, 60), st.floats(-60, 60), st.integers(1, 500))
def test_order_and_sign_are_kept(one: float, other: float, degrees: int) -> None:
    low, high = sorted((one, other))
    assert as_normal(low, degrees) <= as_normal(high, degrees)
    assert as_normal(-low, degrees) == -as_normal(low, degrees)
    assert abs(as_normal(high, degrees)) <= abs(high) + 1e-3 or abs(high) > 8


def test_few_failures_are_as_unlikely_as_the_binomial_distribution_has_it() -> None:
    # 1 - 0.98^20 - 20 x 0.02 x 0.98^19: two or more of twenty.
    assert NormalDist().cdf(-as_many(2, 20, 0.02)) == pytest.approx(0.0599, abs=1e-4)
    assert as_many(0, 20, 0.02) < -8
    assert as_many(20, 20, 0.02) > 8


@example(1e-16, 3e-41, 1.0, 0.1015625)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 5000), st.floats(0.001, 0.9))
def test_more_failures_are_never_more_likely(one: float, other: float, tries: float, chance: float) -> None:
    low, high = sorted((one, other))
    assert as_many(low * tries, tries, chance) <= as_many(high * tries, tries, chance) + 1e-9

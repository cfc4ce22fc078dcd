"""Sums over a time that moves on."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.caps.expected import Outputs, percentile_95
from tierrouter_core.caps.window import STEPS, Window

DAY = 86_400.0


@given(st.lists(st.tuples(st.floats(0, 3 * DAY), st.floats(0, 100)), max_size=40), st.floats(0, 2 * DAY))
def test_what_is_older_than_the_window_is_no_part_of_it(added: list[tuple[float, float]], after_s: float) -> None:
    window = Window(DAY)
    now = 0.0
    for at_s, amount in sorted(added):
        window.add(at_s, amount)
        now = at_s
    now += after_s
    sums = window.at(now)[0]
    step = DAY / STEPS
    surely = sum(amount for at_s, amount in added if at_s > now - DAY + step)
    at_most = sum(amount for at_s, amount in added if at_s >= now - DAY - step)
    assert surely - 1e-6 <= sums <= at_most + 1e-6


def test_it_says_when_a_sum_is_below_a_limit_again() -> None:
    window = Window(DAY)
    assert window.below(0, 1.0) == 0
    window.add(1000.0, 3.0)
    window.add(50_000.0, 2.0)
    assert window.below(50_000.0, 6.0) == 50_000.0
    first = window.below(50_000.0, 4.0)
    assert DAY + 1000 - DAY / STEPS <= first <= DAY + 1000 + DAY / STEPS
    assert first < window.below(50_000.0, 1.0) <= DAY + 50_000 + DAY / STEPS
    assert window.below(50_000.0, 0.0) == inf
    assert window.at(first + 1)[0] == pytest.approx(2.0)


def test_the_95th_percentile_is_known_after_twenty_answers() -> None:
    outputs = Outputs()
    for number in range(1, 20):
        outputs.add(number)
    assert outputs.expected(8192) == 8192
    outputs.add(20)
    assert outputs.expected(8192) == 19
    assert percentile_95([5]) == 5
    assert percentile_95(range(1, 101)) == 95

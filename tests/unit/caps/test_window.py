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


def test_there_is_room_at_the_very_second_that_it_names() -> None:
    # Steps of 37.5 s, of which every other one ends within a second.
    window = Window(3600.0)
    window.add(40.0, 3.0)
    named = window.below(100.0, 1.0)
    assert named == int(named)
    assert window.at(named - 1)[0] == 3.0
    assert window.at(named)[0] == 0.0


def test_what_was_added_while_the_clock_was_ahead_leaves_a_window_after_it_was_set_right() -> None:
    window = Window(DAY)
    window.add(1000.0, 1.0)
    window.add(1000.0 + 365 * DAY, 2.0)
    window.add(2000.0, 4.0)
    assert window.at(2000.0)[0] == 6.0, "what is older than a window by the wrong clock is gone, and nothing else"
    assert window.below(2000.0, 1.0) <= 2000.0 + DAY + DAY / STEPS
    window.add(3000.0, 8.0)
    assert window.at(2000.0 + DAY)[0] == 8.0
    assert window.at(3000.0 + DAY + DAY / STEPS)[0] == 0.0


@given(st.lists(st.tuples(st.floats(0, 9 * DAY), st.floats(0.01, 100)), min_size=1, max_size=30))
def test_however_the_clock_is_set_nothing_stays_for_ever_and_nothing_is_counted_twice(
    added: list[tuple[float, float]],
) -> None:
    window = Window(DAY)
    for at_s, amount in added:
        window.add(at_s, amount)
    now = added[-1][0]
    assert 0 <= window.at(now)[0] <= sum(amount for _, amount in added) + 1e-6
    assert window.below(now, 0.005) <= now + DAY + DAY / STEPS + 1
    assert window.at(now + DAY + DAY / STEPS) == [0.0]


def test_the_95th_percentile_is_known_after_twenty_answers() -> None:
    outputs = Outputs()
    for number in range(1, 20):
        outputs.add(number)
    assert outputs.expected(8192) == 8192
    outputs.add(20)
    assert outputs.expected(8192) == 19
    assert percentile_95([5]) == 5
    assert percentile_95(range(1, 101)) == 95

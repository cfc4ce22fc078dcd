"""When a first token is late."""

import pytest

from tierrouter_core.failover.hedge import FEWEST_KNOWN, late_after_s


def test_with_few_known_nothing_is_late() -> None:
    assert late_after_s([1.0] * (FEWEST_KNOWN - 1)) is None


def test_late_is_what_95_percent_were_not() -> None:
    assert late_after_s([number / 10 for number in range(1, 101)]) == pytest.approx(9.6)
    assert late_after_s([0.5] * 99 + [30.0]) == 0.5


def test_below_a_tenth_of_a_second_nothing_is_late() -> None:
    assert late_after_s([0.01] * 50) == 0.1

"""Figures as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.summary.words import FINE, hours, money, pace, places_for, seconds, span


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        (0, 2, "$0.00"),
        (0, FINE, "$0"),
        (1234.5, 2, "$1,234.50"),
        (-2.0, 2, "-$2.00"),
        (0.001, 2, "<$0.01"),
        (-0.001, 2, ">-$0.01"),
        (0.0213, FINE, "$0.0213"),
        (0.00001, FINE, "<$0.0001"),
    ],
)
def test_money(amount, places, text):
    assert money(amount, places) == text


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_what_is_more_than_nothing_never_reads_as_nothing(amount):
    text = money(amount, places_for(amount))
    assert text.startswith("<") or float(text.lstrip("$").replace(",", "")) > 0


def test_spans_of_time():
    assert [span(value) for value in (0, 59.9, 60, 3600, 8040, 86_400, 100_000)] == [
        *("0 s", "59 s", "1 min", "1 h", "2 h 14 min", "1 d", "1 d 3 h"),
    ]
    assert [hours(value) for value in (1800, 3600, 86_400, 604_800)] == ["30 min", "1 h", "24 h", "7 d"]


def test_waits_and_paces():
    assert [seconds(value) for value in (None, 0.034, 0.999, 9.96, 84)] == ["–", "0.03 s", "1.0 s", "10 s", "84 s"]
    assert [pace(value) for value in (0, 0.4, 12.3, 1200)] == [
        "none lately",
        "0.4 a minute",
        "12 a minute",
        "1,200 a minute",
    ]

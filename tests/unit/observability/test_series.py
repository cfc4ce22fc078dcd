"""What is counted is what Prometheus reads, whatever the labels say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tierrouter_core.observability.metric import Metric
from tierrouter_telemetry.series import MAX_GONE, Series

COUNTER = Metric("shop_sales_total", "counter", 'Sold, with "quotes", \\ and\na second line.', ("tier", "what"))
PLAIN = Metric("shop_visits_total", "counter", "Visits.")
GAUGE = Metric("shop_open", "gauge", "Open.", ("tier",))
TIMES = Metric("shop_wait_seconds", "histogram", "Waited.", ("tier",), "seconds", (0.5, 1.0, 2.5))
METRICS = (COUNTER, PLAIN, GAUGE, TIMES)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats(0, 1e12, allow_nan=False)


def read(series: Series) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """By the parser that the Prometheus client has."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(series.text())
        for sample in family.samples
    }


@given(st.lists(st.tuples(texts, texts, numbers)))
def test_every_count_is_read_back_under_its_labels(counts: list[tuple[str, str, float]]) -> None:
    series, expected = Series(METRICS), {("shop_visits_total", frozenset()): 0.0}
    for tier, what, by in counts:
        series.count(COUNTER, tier, what, by=by)
        key = ("shop_sales_total", frozenset({("tier", tier), ("what", what)}))
        expected[key] = expected.get(key, 0.0) + by
    assert read(series) == expected


@given(st.lists(st.one_of(numbers, st.sampled_from(TIMES.buckets))))
def test_a_bucket_holds_what_is_at_most_its_bound(values: list[float]) -> None:
    series = Series(METRICS)
    for value in values:
        series.observe(TIMES, value, "deep")
    found = read(series)
    if not values:
        assert not any(name.startswith("shop_wait") for name, _ in found)
        return
    for bound, text in [*((bound, f"{bound:g}") for bound in TIMES.buckets), (math.inf, "+Inf")]:
        labels = frozenset({("tier", "deep"), ("le", text)})
        assert found["shop_wait_seconds_bucket", labels] == sum(value <= bound for value in values)
    deep = frozenset({("tier", "deep")})
    assert found["shop_wait_seconds_count", deep] == len(values)
    assert found["shop_wait_seconds_sum", deep] == pytest.approx(sum(values))


def test_a_gauge_has_no_value_before_somebody_knows_one_and_can_lose_it() -> None:
    series = Series(METRICS)
    assert "shop_open" not in series.text()
    series.set(GAUGE, 2.5, "deep")
    assert 'shop_open{tier="deep"} 2.5\n' in series.text()
    series.forget(GAUGE)
    assert "shop_open" not in series.text()


def test_counters_of_what_is_gone_stay_and_its_gauges_go() -> None:
    series = Series(METRICS)
    for tier in ("deep", "routine"):
        series.count(COUNTER, tier, "bread")
        series.observe(TIMES, 1, tier)
        series.set(GAUGE, 1, tier)
    series.keep({"tier": frozenset({"routine"})})
    assert 'shop_sales_total{tier="deep",what="bread"} 1\n' in series.text()
    assert 'shop_wait_seconds_count{tier="deep"} 1\n' in series.text()
    assert 'shop_open{tier="deep"}' not in series.text()
    assert 'shop_open{tier="routine"} 1\n' in series.text()


def test_however_often_tiers_are_renamed_the_number_of_series_is_bounded_and_the_newest_stay() -> None:
    series = Series(METRICS)
    for number in range(3 * MAX_GONE):
        series.keep({"tier": frozenset({f"tier-{number}"})})
        series.count(COUNTER, f"tier-{number}", "bread")
    lines = [line for line in series.text().splitlines() if line.startswith("shop_sales_total")]
    assert len(lines) == MAX_GONE + 1
    assert f'shop_sales_total{{tier="tier-{2 * MAX_GONE}",what="bread"}} 1' in lines
    assert 'shop_sales_total{tier="tier-0",what="bread"} 1' not in lines


def test_a_tier_that_comes_back_goes_on_counting() -> None:
    series = Series(METRICS)
    series.count(COUNTER, "deep", "bread", by=3)
    series.keep({"tier": frozenset()})
    series.keep({"tier": frozenset({"deep"})})
    series.count(COUNTER, "deep", "bread")
    assert 'shop_sales_total{tier="deep",what="bread"} 4\n' in series.text()

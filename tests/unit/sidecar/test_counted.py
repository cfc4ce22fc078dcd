"""What is shown is what the metrics have counted."""

from tierrouter_core.observability import sidecar as m
from tierrouter_core.summary.model import FirstTokens
from tierrouter_sidecar.counted import counted
from tierrouter_sidecar.metrics import Metrics


def test_counters_are_read_by_their_labels_also_before_anybody_has_scraped_them():
    metrics = Metrics()
    metrics.count(m.TURNS, "deep", "opus", "answered", by=2)
    metrics.count(m.COST, "deep", "opus", by=0.25)
    metrics.count(m.DEEP_TURNS, by=2)
    metrics.count(m.DEEP_COST, by=0.25)
    found = counted(metrics)
    assert found.turns == {("deep", "opus", "answered"): 2.0}
    assert found.cost_usd == {("deep", "opus"): 0.25}
    assert (found.deep_turns, found.deep_cost_usd) == ({(): 2.0}, {(): 0.25})
    assert found.decisions == {}
    assert counted(metrics).turns == found.turns, "looking changes nothing"


def test_a_histogram_is_read_part_by_part():
    metrics = Metrics()
    for wait_s in (0.01, 0.3, 0.3, 1000.0):
        metrics.observe(m.TTFT, wait_s, "deep")
    waits = counted(metrics).first_tokens["deep"]
    assert waits == FirstTokens(m.TTFT.buckets, waits.counts)
    assert sum(waits.counts) == 4
    assert (waits.counts[0], waits.counts[m.TTFT.buckets.index(0.5)], waits.counts[-1]) == (1, 2, 1)

"""Metrics are declared once, and documented."""

import re
from pathlib import Path

from tierrouter_sidecar import metrics as m


def test_every_metric_is_documented_with_its_type_and_labels():
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    rows = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in re.findall(r"^\| `(tierrouter_\w+)` \| (\w+) \| ([^|]*)\|", text, re.MULTILINE)
    }
    assert rows == {metric.name: (metric.kind, metric.labels) for metric in m.METRICS}


def test_what_was_counted_is_exposed():
    metrics = m.Metrics()
    metrics.count(m.TURNS, "deep", "claude", "answered")
    metrics.count(m.COST, "deep", "claude", by=0.25)
    metrics.observe(m.TTFT, 0.3, "deep")
    metrics.set(m.IN_FLIGHT, 2)
    text = metrics.exposition().decode()
    assert 'tierrouter_turns_total{model="claude",outcome="answered",tier="deep"} 1.0' in text
    assert 'tierrouter_cost_usd_total{model="claude",tier="deep"} 0.25' in text
    assert 'tierrouter_time_to_first_token_seconds_bucket{le="0.5",tier="deep"} 1.0' in text
    assert "tierrouter_turns_in_flight 2.0" in text


def test_a_metric_can_forget_its_series():
    metrics = m.Metrics()
    metrics.set(m.CONFIG_INFO, 1, "coding", "coding-1")
    metrics.forget(m.CONFIG_INFO)
    metrics.set(m.CONFIG_INFO, 1, "coding", "coding-2")
    text = metrics.exposition().decode()
    assert "coding-2" in text
    assert "coding-1" not in text

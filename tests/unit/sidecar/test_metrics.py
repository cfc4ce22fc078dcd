"""What the sidecar counts is what Prometheus reads."""

from dataclasses import replace
from pathlib import Path

from tierrouter_core.observability import sidecar as m
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts
from tierrouter_sidecar.metrics import Metrics

EXAMPLE = Path(__file__).parents[3] / "examples" / "coding.yaml"


def test_what_was_counted_is_exposed():
    metrics = Metrics()
    metrics.count(m.TURNS, "deep", "claude", "answered")
    metrics.count(m.COST, "deep", "claude", by=0.25)
    metrics.observe(m.TTFT, 0.3, "deep")
    metrics.set(m.IN_FLIGHT, 2)
    text = metrics.exposition().decode()
    assert 'tierrouter_turns_total{model="claude",outcome="answered",tier="deep"} 1' in text
    assert 'tierrouter_cost_usd_total{model="claude",tier="deep"} 0.25' in text
    assert 'tierrouter_time_to_first_token_seconds_bucket{le="0.5",tier="deep"} 1' in text
    assert "tierrouter_turns_in_flight 2" in text


def test_a_metric_can_forget_its_series():
    metrics = Metrics()
    metrics.set(m.CONFIG_INFO, 1, "coding", "coding-1")
    metrics.forget(m.CONFIG_INFO)
    metrics.set(m.CONFIG_INFO, 1, "coding", "coding-2")
    text = metrics.exposition().decode()
    assert "coding-2" in text
    assert "coding-1" not in text


def test_what_others_count_is_a_counter_all_the_same():
    metrics = Metrics()
    for total in (3, 3, 5):
        metrics.counted_elsewhere(m.LEDGER_WRITTEN, total)
    assert "tierrouter_ledger_written_rows_total 5" in metrics.exposition().decode()


def test_a_handover_to_a_tiers_stand_in_is_counted_from_0_on():
    metrics = Metrics()
    metrics.adopt([compile_texts(read_texts([EXAMPLE]), None).document])
    text = metrics.exposition().decode()
    assert 'tierrouter_failovers_total{from_tier="deep",to_tier="fallback"} 0' in text
    assert 'from_tier="deep",to_tier="deep"' not in text


def test_however_often_a_configuration_changes_its_names_the_text_stays_small():
    metrics = Metrics()
    document = compile_texts(read_texts([EXAMPLE]), None).document
    sizes = []
    for number in range(40):
        renamed = replace(
            document,
            tiers={f"{name}-{number}": replace(tier, name=f"{name}-{number}") for name, tier in document.tiers.items()},
            baseline=replace(document.baseline, model=f"model-{number}"),
        )
        metrics.adopt([renamed])
        for tier in renamed.tiers:
            metrics.observe(m.TTFT, 0.2, tier)
        metrics.count(m.BASELINE_COST, f"model-{number}")
        sizes.append(len(metrics.exposition()))
    assert max(sizes[20:]) < 1.1 * max(sizes[:20])

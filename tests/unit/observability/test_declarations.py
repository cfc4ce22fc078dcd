"""Metrics are declared once: the code exposes them as declared, and docs/metrics.md lists them so."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from tierrouter_core.observability import ALL_METRICS, OPERATOR_METRICS, SIDECAR_METRICS, WEBHOOK_METRICS
from tierrouter_core.observability.metric import Metric
from tierrouter_core.observability.reference import with_tables
from tierrouter_operator.metrics import Metrics as OperatorMetrics
from tierrouter_operator.webhook.metrics import WebhookMetrics
from tierrouter_sidecar.metrics import Metrics as SidecarMetrics

DOCS = Path(__file__).parents[3] / "docs"
NAMES = {name for metric in ALL_METRICS for name in metric.series_names} | {metric.name for metric in ALL_METRICS}
LOOKS_LIKE_ONE = re.compile(
    r"\btierrouter_[a-z_]+_(?:total|seconds|ratio|info|percent|rows|open|ready|bucket|count|sum)\b"
)


def exposed(registry: CollectorRegistry) -> set[tuple[str, str, str, tuple[str, ...], str]]:
    """Name, kind, meaning, labels and unit of all that a registry has."""
    return {
        (metric._name, metric._type, metric._documentation, tuple(metric._labelnames), metric._unit)
        for metric in registry._collector_to_names
    }


@pytest.mark.parametrize(
    ("made", "declared"),
    [(OperatorMetrics, OPERATOR_METRICS), (WebhookMetrics, WEBHOOK_METRICS)],
    ids=["operator", "webhook"],
)
def test_a_process_exposes_what_is_declared_and_nothing_else(made, declared) -> None:
    assert exposed(made().registry) == {
        (each.name.removesuffix("_total"), each.kind, each.help, each.labels, each.unit) for each in declared
    }


def test_the_sidecar_exposes_what_is_declared() -> None:
    metrics = SidecarMetrics()
    for metric in SIDECAR_METRICS:
        if metric.kind == "histogram":
            metrics.observe(metric, 0.2, *metric.labels)
        elif metric.kind == "counter":
            metrics.count(metric, *metric.labels)
        else:
            metrics.set(metric, 1, *metric.labels)
    families = {each.name: each for each in text_string_to_metric_families(metrics.exposition().decode())}
    for metric in SIDECAR_METRICS:
        family = families.pop(metric.name.removesuffix("_total"))
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {tuple(sorted(sample.labels.keys() - {"le"})) for sample in family.samples} >= {
            tuple(sorted(metric.labels))
        }
        assert {sample.name for sample in family.samples} == set(metric.series_names)
    assert all(name.startswith(("process_", "python_")) for name in families)


def test_the_page_has_the_tables_that_make_metrics_docs_writes() -> None:
    page = (DOCS / "metrics.md").read_text()
    assert page == with_tables(page), "run: make metrics-docs"


def test_a_page_without_a_table_can_not_be_written() -> None:
    with pytest.raises(ValueError, match="## Sidecar"):
        with_tables("# Metrics\n\n## Sidecar\n\nNone.\n\n## Operator\n")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_page_speaks_of_a_metric_that_there_is_not(page: Path) -> None:
    assert set(LOOKS_LIKE_ONE.findall(page.read_text())) <= NAMES


@pytest.mark.parametrize("metric", ALL_METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_after_its_kind_and_unit(metric: Metric) -> None:
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.removesuffix("_total").endswith(metric.unit)
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert metric.help.endswith(".")


def test_every_name_is_declared_once() -> None:
    assert len({metric.name for metric in ALL_METRICS}) == len(ALL_METRICS)

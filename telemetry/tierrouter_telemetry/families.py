"""Declared metrics as those of the Prometheus client."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tierrouter_core.observability.metric import Metric

# A second series beside each counter, with the time of its first count: nothing of ours reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Families:
    """A registry of its own, so that several processes' worth of metrics fit into one."""

    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self.registry = CollectorRegistry()
        self._families = {metric.name: _family(metric, self.registry) for metric in metrics}

    def counter(self, metric: Metric) -> Counter:
        """One that was declared as a counter."""
        family = self._families[metric.name]
        assert isinstance(family, Counter)
        return family

    def gauge(self, metric: Metric) -> Gauge:
        """One that was declared as a gauge."""
        family = self._families[metric.name]
        assert isinstance(family, Gauge)
        return family

    def histogram(self, metric: Metric) -> Histogram:
        """One that was declared as a histogram."""
        family = self._families[metric.name]
        assert isinstance(family, Histogram)
        return family


def _family(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, metric.labels, unit=metric.unit, registry=registry)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.help, metric.labels, unit=metric.unit, registry=registry)
    return Histogram(
        metric.name, metric.help, metric.labels, unit=metric.unit, registry=registry, buckets=metric.buckets
    )

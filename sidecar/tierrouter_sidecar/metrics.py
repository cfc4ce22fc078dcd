"""The sidecar's metrics as they are counted and exposed; ``tierrouter_core.observability.sidecar`` declares them."""

from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from tierrouter_core import __version__
from tierrouter_core.observability import sidecar as m
from tierrouter_core.observability.metric import Metric
from tierrouter_telemetry.families import Families


class Metrics:
    """The process's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self._families = Families(m.SIDECAR_METRICS)
        self.registry = self._families.registry
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        # Finding a labelled child costs more than counting in it, so children are kept.
        self._children: dict[tuple[str, ...], Counter | Gauge | Histogram] = {}
        # A turn counts in a dozen series. Adding up in a dictionary takes a fraction of what the library's locks
        # do, and nobody looks before the next scrape.
        self._counted: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._elsewhere: dict[Metric, float] = {}
        self.set(m.BUILD_INFO, 1, __version__)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        key = (metric.name, *labels)
        child = self._children.get(key)
        if child is None:
            family = self._families.of(metric)
            child = self._children[key] = family.labels(*labels) if labels else family
        return child

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter; call it from the event loop's thread alone."""
        key = (metric, labels)
        self._counted[key] = self._counted.get(key, 0) + by

    def counted_elsewhere(self, metric: Metric, total: float) -> None:
        """Bring a counter without labels to what others have counted, which never gets less."""
        self.count(metric, by=total - self._elsewhere.get(metric, 0))
        self._elsewhere[metric] = total

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        child = self._child(metric, labels)
        assert isinstance(child, Histogram)
        child.observe(value)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        child = self._child(metric, labels)
        assert isinstance(child, Gauge)
        child.set(value)

    def forget(self, metric: Metric) -> None:
        """Drop all series of a labelled metric."""
        self._families.of(metric).clear()
        self._children = {key: child for key, child in self._children.items() if key[0] != metric.name}

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        counted, self._counted = self._counted, {}
        for (metric, labels), by in counted.items():
            child = self._child(metric, labels)
            assert isinstance(child, Counter)
            child.inc(by)
        return generate_latest(self.registry)

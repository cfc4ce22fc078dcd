"""Series counted by one thread, and the text that Prometheus reads.

The Prometheus client takes a lock for every count and builds each line anew: 8 tiers with all their series took it 8 to
13 ms, of which a sidecar's budget is 5. Here a count is one entry of a dictionary, and a line's beginning is kept.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from tierrouter_core.observability.metric import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_GONE: Final = 500
"""Series of what the configuration does not name any more that are kept."""

Labels = tuple[str, ...]


class Series:
    """All series of some metrics."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        # A gauge has no value before somebody knows one; a counter has counted nothing.
        self._values: dict[Metric, dict[Labels, float]] = {
            metric: {(): 0.0} if metric.kind == "counter" and not metric.labels else {}
            for metric in metrics
            if metric.kind != "histogram"
        }
        # By labels: how many observations fell into each bucket, the last one without bound; and their sum.
        self._observed: dict[Metric, dict[Labels, list[float]]] = {
            metric: {} for metric in metrics if metric.kind == "histogram"
        }
        self._metrics = tuple(metrics)
        self._beginnings: dict[tuple[Metric, Labels], tuple[str, ...]] = {}
        self._gone: dict[tuple[Metric, Labels], None] = {}

    def count(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Add to a counter; by 0 its series is there from now on."""
        values = self._values[metric]
        values[labels] = values.get(labels, 0.0) + by

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._values[metric][labels] = float(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        row = self._observed[metric].get(labels)
        if row is None:
            row = self._observed[metric][labels] = [0.0] * (len(metric.buckets) + 2)
        row[bisect_left(metric.buckets, value)] += 1
        row[-1] += value

    def forget(self, metric: Metric) -> None:
        """Drop all series of a metric."""
        for labels in list(self._of(metric)):
            self._drop(metric, labels)

    def keep(self, known: Mapping[str, frozenset[str]]) -> None:
        """Say which values of some labels there are now.

        Gauges of others go at once. A counter that vanished would be missing in every sum over time, so those stay,
        and only the longest gone ones go beyond :data:`MAX_GONE`.

        Args:
            known: values by label; labels that it does not have may have any.
        """
        gone = dict.fromkeys(
            (metric, labels)
            for metric in self._metrics
            for labels in self._of(metric)
            if any(value not in known.get(label, (value,)) for label, value in zip(metric.labels, labels, strict=True))
        )
        for metric, labels in [each for each in gone if each[0].kind == "gauge"]:
            self._drop(metric, labels)
            del gone[metric, labels]
        # Those that were gone before stay in front.
        self._gone = {each: None for each in self._gone if each in gone} | gone
        for metric, labels in list(self._gone)[: max(0, len(self._gone) - MAX_GONE)]:
            self._drop(metric, labels)

    def read(self, metric: Metric) -> dict[Labels, float]:
        """What a counter or a gauge has, by its labels' values in their order."""
        return dict(self._values[metric])

    def read_histogram(self, metric: Metric) -> dict[Labels, tuple[int, ...]]:
        """How many observations each part of a histogram has, the one without an upper end last, by labels."""
        return {labels: tuple(map(int, row[:-1])) for labels, row in self._observed[metric].items()}

    def _of(self, metric: Metric) -> Mapping[Labels, object]:
        return self._observed[metric] if metric.kind == "histogram" else self._values[metric]

    def _drop(self, metric: Metric, labels: Labels) -> None:
        (self._observed if metric.kind == "histogram" else self._values)[metric].pop(labels)
        self._gone.pop((metric, labels), None)
        self._beginnings.pop((metric, labels), None)

    def text(self) -> str:
        """What Prometheus reads, in its text format."""
        lines: list[str] = []
        for metric in self._metrics:
            series = self._of(metric)
            if not series:
                continue
            lines.append(f"# HELP {metric.name} {_escaped_help(metric.help)}\n# TYPE {metric.name} {metric.kind}")
            for labels in series:
                beginnings = self._beginnings.get((metric, labels))
                if beginnings is None:
                    beginnings = self._beginnings[metric, labels] = _beginnings(metric, labels)
                if metric.kind == "histogram":
                    lines += _histogram(beginnings, self._observed[metric][labels])
                else:
                    lines.append(beginnings[0] + _number(self._values[metric][labels]))
        lines.append("")
        return "\n".join(lines)


def _histogram(beginnings: tuple[str, ...], row: list[float]) -> list[str]:
    """Prometheus's buckets count what the smaller ones hold, too."""
    lines, total = [], 0.0
    for beginning, count in zip(beginnings, row[:-1], strict=False):
        total += count
        lines.append(beginning + _number(total))
    return [*lines, beginnings[-2] + _number(total), beginnings[-1] + _number(row[-1])]


def _beginnings(metric: Metric, labels: Labels) -> tuple[str, ...]:
    """Each line of a series up to its number."""
    pairs = list(zip(metric.labels, labels, strict=True))
    if metric.kind != "histogram":
        return (f"{metric.name}{_braced(pairs)} ",)
    bounds = [*map(_number, metric.buckets), "+Inf"]
    buckets = [f"{metric.name}_bucket{_braced([*pairs, ('le', bound)])} " for bound in bounds]
    return (*buckets, f"{metric.name}_count{_braced(pairs)} ", f"{metric.name}_sum{_braced(pairs)} ")


def _braced(pairs: list[tuple[str, str]]) -> str:
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(pairs))
    return f"{{{inside}}}" if pairs else ""


def _escaped(value: str) -> str:
    return _escaped_help(value).replace('"', r"\"")


def _escaped_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)

"""What a metric is, as data: code, documentation, rules and dashboards are made of it or held to it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric as it is exposed."""

    name: str
    """Of a counter with ``_total``."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """What its values count, where its name ends in that: ``seconds``, ``usd``; a counter's before ``_total``."""
    buckets: tuple[float, ...] = ()
    """Of a histogram: upper bounds; the one without bound is added."""

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names that queries use."""
        if self.kind != "histogram":
            return (self.name,)
        return (f"{self.name}_bucket", f"{self.name}_count", f"{self.name}_sum")


def declared_in(names: dict[str, object]) -> tuple[Metric, ...]:
    """Every metric among a module's names, in the order in which they stand there."""
    return tuple(value for value in names.values() if isinstance(value, Metric))

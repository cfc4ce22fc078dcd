"""Every metric of the sidecar, declared once as data; ``docs/metrics.md`` is checked against the table.

Labels are bounded: tiers, models and providers come from the configuration, reasons and outcomes from enumerations.
"""

from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from tierrouter_core.rollout.exposed import LABELS as TRIAL_LABELS
from tierrouter_core.rollout.exposed import METRIC as TRIAL_METRIC

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric as it is exposed."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)

TURNS: Final = Metric("tierrouter_turns_total", "counter", "Turns by how they ended.", ("tier", "model", "outcome"))
DECISIONS: Final = Metric("tierrouter_decisions_total", "counter", "Decisions by reason.", ("tier", "reason"))
HINTS: Final = Metric("tierrouter_hints_total", "counter", "Hints by what became of them.", ("outcome",))
RULE_ERRORS: Final = Metric(
    "tierrouter_rule_errors_total", "counter", "Rules that could not be evaluated and counted as false.", ("rule",)
)
TOKENS: Final = Metric(
    "tierrouter_tokens_total",
    "counter",
    "Tokens by kind: input (uncached), cache_read, cache_write, output, reasoning (part of output).",
    ("tier", "model", "kind"),
)
COST: Final = Metric("tierrouter_cost_usd_total", "counter", "What turns cost, in USD.", ("tier", "model"))
BASELINE_COST: Final = Metric(
    "tierrouter_baseline_cost_usd_total",
    "counter",
    "What answered turns would have cost on the baseline model with a prompt cache of its own, in USD.",
    ("baseline_model",),
)
UNPRICED: Final = Metric(
    "tierrouter_unpriced_turns_total", "counter", "Turns whose cost is unknown for want of a price.", ("tier", "model")
)
USAGE_MISSING: Final = Metric(
    "tierrouter_usage_missing_total", "counter", "Answers without usage, so that tokens were estimated.", ("tier",)
)
USAGE_INCONSISTENT: Final = Metric(
    "tierrouter_usage_inconsistent_total", "counter", "Answers whose usage contradicted itself.", ("tier",)
)
ATTEMPT_ERRORS: Final = Metric(
    "tierrouter_attempt_errors_total", "counter", "Calls to providers that failed, by kind.", ("provider", "kind")
)
FAILOVERS: Final = Metric(
    "tierrouter_failovers_total", "counter", "Turns handed to another tier.", ("from_tier", "to_tier")
)
HEDGES: Final = Metric(
    "tierrouter_hedges_total",
    "counter",
    "Turns for which a second tier was asked because the first token was late, by whether that one was faster.",
    ("tier", "hedge_tier", "outcome"),
)
CIRCUIT_OPEN: Final = Metric(
    "tierrouter_circuit_open",
    "gauge",
    "1 while a provider's model is left alone; an empty model means all of the provider's.",
    ("provider", "model"),
)
CIRCUIT_OPENED: Final = Metric(
    "tierrouter_circuit_opened_total",
    "counter",
    "How often a provider's model was left alone: open, throttled, out_of_quota, unauthorized or no_model.",
    ("provider", "model", "state"),
)
EDITS: Final = Metric(
    "tierrouter_request_edits_total", "counter", "Edits of requests that otherwise pass unchanged.", ("edit",)
)
TRANSLATION_LOSSY: Final = Metric(
    "tierrouter_translation_lossy_total",
    "counter",
    "Fields left behind where a request was translated to another dialect; all of them harmless.",
    ("field",),
)
MALFORMED_EVENTS: Final = Metric(
    "tierrouter_malformed_events_total",
    "counter",
    "Answers that were broken off because an event of theirs could not be parsed.",
    ("provider",),
)
REJECTED: Final = Metric(
    "tierrouter_rejected_requests_total", "counter", "Requests that were refused before they became turns.", ("reason",)
)
TTFT: Final = Metric(
    "tierrouter_time_to_first_token_seconds",
    "histogram",
    "From a request's arrival to the first byte of its answer.",
    ("tier",),
    _SECONDS,
)
DURATION: Final = Metric(
    "tierrouter_turn_duration_seconds", "histogram", "From a request's arrival to its end.", ("tier",), _SECONDS
)
OUTPUT_POLICY: Final = Metric(
    "tierrouter_output_policy_total",
    "counter",
    "Answers that the output policy was asked about: passed, flagged, or failed to be judged.",
    ("outcome",),
)
BUDGETS_EXHAUSTED: Final = Metric(
    "tierrouter_budgets_exhausted",
    "gauge",
    "How many sessions have used up a budget; of one for the router, 1 while it is used up.",
    ("budget",),
)
DEEP_SHARE: Final = Metric(
    "tierrouter_deep_share_percent",
    "gauge",
    "The share of expensive tiers within deepShare's window, by what it counts; none before minPrompts.",
)
IN_FLIGHT: Final = Metric("tierrouter_turns_in_flight", "gauge", "Turns being served now.")
SESSIONS: Final = Metric("tierrouter_sessions", "gauge", "Sessions remembered.")
LEDGER_PENDING: Final = Metric("tierrouter_ledger_pending_rows", "gauge", "Ledger rows not yet written.")
LEDGER_WRITTEN: Final = Metric("tierrouter_ledger_written_rows", "gauge", "Ledger rows written since the start.")
LEDGER_LOST: Final = Metric(
    "tierrouter_ledger_lost_rows", "gauge", "Ledger rows that could only be written to the log since the start."
)
RELOADS: Final = Metric(
    "tierrouter_config_reloads_total", "counter", "Changes of the configuration, applied or refused.", ("outcome",)
)
CONFIG_INFO: Final = Metric(
    "tierrouter_config_info", "gauge", "1 for the revision that is served.", ("router", "revision")
)
CONFIG_STALE: Final = Metric(
    "tierrouter_config_stale", "gauge", "1 while the configuration's files hold something that was refused."
)
TRIAL_COUNT: Final = Metric(
    TRIAL_METRIC,
    "gauge",
    "While a canary is tried: what came of its turns and of those beside it, by side, as sums over sessions.",
    TRIAL_LABELS,
)

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


class Metrics:
    """The process's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._families: dict[str, Counter | Gauge | Histogram] = {
            metric.name: self._family(metric) for metric in METRICS
        }
        # Finding a labelled child costs more than counting in it, so children are kept.
        self._children: dict[tuple[str, ...], Counter | Gauge | Histogram] = {}
        # A turn counts in a dozen series. Adding up in a dictionary takes a fraction of what the library's locks
        # do, and nobody looks before the next scrape.
        self._counted: dict[tuple[Metric, tuple[str, ...]], float] = {}

    def _family(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind == "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=self.registry)
        if metric.kind == "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=self.registry)
        return Histogram(metric.name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        key = (metric.name, *labels)
        child = self._children.get(key)
        if child is None:
            family = self._families[metric.name]
            child = self._children[key] = family.labels(*labels) if labels else family
        return child

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter; call it from the event loop's thread alone."""
        key = (metric, labels)
        self._counted[key] = self._counted.get(key, 0) + by

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
        self._families[metric.name].clear()
        self._children = {key: child for key, child in self._children.items() if key[0] != metric.name}

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        counted, self._counted = self._counted, {}
        for (metric, labels), by in counted.items():
            child = self._child(metric, labels)
            assert isinstance(child, Counter)
            child.inc(by)
        return generate_latest(self.registry)

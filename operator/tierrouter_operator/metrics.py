"""Every metric of the operator. ``docs/operator.md`` lists them; a test holds it to this."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "tierrouter_operator_"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """A registry of its own, so that several operators fit into one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.reconciles = Counter(
            f"{PREFIX}reconciles",
            "Reconciles by kind of object and result: unchanged, changed, gone, refused, error.",
            ("kind", "result"),
            registry=registry,
        )
        self.duration = Histogram(
            f"{PREFIX}reconcile_seconds",
            "How long one reconcile took.",
            ("kind",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.errors = Counter(
            f"{PREFIX}errors",
            "Reconciles that failed and are tried again: unavailable, api, refused, defect.",
            ("reason",),
            registry=registry,
        )
        self.writes = Counter(
            f"{PREFIX}writes", "Writes to the API server, by kind of write.", ("write",), registry=registry
        )
        self.pokes = Counter(f"{PREFIX}pokes", "Pods that were told of a change.", registry=registry)
        self.revisions_created = Counter(
            f"{PREFIX}revisions_created", "RouterRevisions that were made.", registry=registry
        )
        self.events_dropped = Counter(
            f"{PREFIX}events_dropped", "Kubernetes events that were not posted.", registry=registry
        )
        self.notifications = Counter(
            f"{PREFIX}notifications",
            "Notifications of decisions and rollouts, by result: told, lost.",
            ("result",),
            registry=registry,
        )
        self.prometheus = Counter(
            f"{PREFIX}prometheus_queries",
            "Questions to Prometheus about canaries, by result: answered, unusable.",
            ("result",),
            registry=registry,
        )
        self.objects = Gauge(f"{PREFIX}objects", "Objects that the operator knows.", ("kind",), registry=registry)
        self.queue_depth = Gauge(f"{PREFIX}queue_depth", "Keys that wait for a worker.", registry=registry)
        self.last_resync_attempt = Gauge(
            f"{PREFIX}last_resync_attempt_timestamp_seconds", "When the last resync began.", registry=registry
        )
        self.last_resync_success = Gauge(
            f"{PREFIX}last_resync_success_timestamp_seconds",
            "When the last resync that succeeded ended.",
            registry=registry,
        )
        self.missed = Counter(
            f"{PREFIX}missed_changes",
            "Changes that a resync found and no watch had told of.",
            registry=registry,
        )
        self.api_reachable = Gauge(
            f"{PREFIX}api_reachable", "1 while the API server answers, else 0.", registry=registry
        )

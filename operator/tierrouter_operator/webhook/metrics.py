"""Every metric of the webhook. ``docs/webhook.md`` lists them; a test holds it to this."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tierrouter_core.contract import InjectionReason

PREFIX = "tierrouter_webhook_"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class WebhookMetrics:
    """A registry of its own, so that several webhooks fit into one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.pods = Counter(
            f"{PREFIX}pods",
            "Pods that the webhook was asked about, by what became of them (not those of a dry run).",
            ("reason",),
            registry=registry,
        )
        for reason in InjectionReason:
            self.pods.labels(reason)
        self.validations = Counter(
            f"{PREFIX}validations",
            "TierRouters that were checked, by result: allowed, denied, failed.",
            ("result",),
            registry=registry,
        )
        for result in ("allowed", "denied", "failed"):
            self.validations.labels(result)
        self.duration = Histogram(
            f"{PREFIX}admission_seconds",
            "How long one answer took.",
            ("path",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.events_dropped = Counter(
            f"{PREFIX}events_dropped", "Kubernetes events that were not posted.", registry=registry
        )
        self.certificate_expiry = Gauge(
            f"{PREFIX}certificate_expiry_timestamp_seconds",
            "When the certificate that is served ends.",
            registry=registry,
        )
        self.certificate_loads = Counter(
            f"{PREFIX}certificate_loads", "Certificates that were taken into use.", registry=registry
        )

"""The webhook's metrics as they are counted; ``tierrouter_core.observability.webhook`` declares them."""

from tierrouter_core.contract import InjectionReason
from tierrouter_core.observability import webhook as m
from tierrouter_telemetry.families import Families


class WebhookMetrics:
    """A registry of its own, so that several webhooks fit into one process."""

    def __init__(self) -> None:
        families = Families(m.WEBHOOK_METRICS)
        self.registry = families.registry
        self.pods = families.counter(m.PODS)
        for reason in InjectionReason:
            self.pods.labels(reason)
        self.validations = families.counter(m.VALIDATIONS)
        for result in ("allowed", "denied", "failed"):
            self.validations.labels(result)
        self.duration = families.histogram(m.ADMISSION_DURATION)
        self.events_dropped = families.counter(m.EVENTS_DROPPED)
        self.certificate_expiry = families.gauge(m.CERTIFICATE_EXPIRY)
        self.certificate_loads = families.counter(m.CERTIFICATE_LOADS)

"""The webhook's metrics."""

from typing import Final

from tierrouter_core.observability.metric import Metric, declared_in

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

PODS: Final = Metric(
    "tierrouter_webhook_pods_total",
    "counter",
    "Pods that the webhook was asked about, by what became of them (not those of a dry run).",
    ("reason",),
)
VALIDATIONS: Final = Metric(
    "tierrouter_webhook_validations_total",
    "counter",
    "TierRouters that were checked, by result: allowed, denied, failed.",
    ("result",),
)
ADMISSION_DURATION: Final = Metric(
    "tierrouter_webhook_admission_seconds", "histogram", "How long one answer took.", ("path",), "seconds", _SECONDS
)
EVENTS_DROPPED: Final = Metric(
    "tierrouter_webhook_events_dropped_total", "counter", "Kubernetes events that were not posted."
)
CERTIFICATE_EXPIRY: Final = Metric(
    "tierrouter_webhook_certificate_expiry_timestamp_seconds",
    "gauge",
    "When the certificate that is served ends.",
    unit="seconds",
)
CERTIFICATE_LOADS: Final = Metric(
    "tierrouter_webhook_certificate_loads_total", "counter", "Certificates that were taken into use."
)

WEBHOOK_METRICS: Final = declared_in(dict(globals()))

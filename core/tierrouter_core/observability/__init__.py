"""Every metric of every process, declared once; ``docs/metrics.md`` has the same tables."""

from typing import Final

from tierrouter_core.observability.metric import Metric
from tierrouter_core.observability.operator import OPERATOR_METRICS
from tierrouter_core.observability.sidecar import SIDECAR_METRICS
from tierrouter_core.observability.webhook import WEBHOOK_METRICS

ALL_METRICS: Final[tuple[Metric, ...]] = (*SIDECAR_METRICS, *OPERATOR_METRICS, *WEBHOOK_METRICS)

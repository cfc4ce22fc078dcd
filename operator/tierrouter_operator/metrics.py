"""The operator's metrics as they are counted; ``tierrouter_core.observability.operator`` declares them."""

from collections.abc import Iterable

from tierrouter_core.observability import operator as m
from tierrouter_core.observability.metric import Metric
from tierrouter_operator.planning.measured import DECISIONS, OUTCOMES, Sample
from tierrouter_telemetry.families import Families

_SEEN = (
    *(m.ROUTER_READY, m.SIDECARS, m.PODS_NOT_INJECTED, m.SUITE_LAST_RUN, m.SUITE_OVERDUE),
    *(m.TIER_ACCURACY, m.ROLLOUT_ACTIVE, m.MODEL_SERVER_READY),
)
_HAPPENED: dict[Metric, tuple[str, ...]] = {
    m.REGRESSION_DECISIONS: DECISIONS,
    m.ROLLOUTS: tuple(OUTCOMES.values()),
}
"""By counter: its last label's values."""


class Metrics:
    """A registry of its own, so that several operators fit into one process."""

    def __init__(self) -> None:
        families = Families(m.OPERATOR_METRICS)
        self.registry = families.registry
        self.reconciles = families.counter(m.RECONCILES)
        self.duration = families.histogram(m.RECONCILE_DURATION)
        self.errors = families.counter(m.ERRORS)
        self.writes = families.counter(m.WRITES)
        self.pokes = families.counter(m.POKES)
        self.revisions_created = families.counter(m.REVISIONS_CREATED)
        self.events_dropped = families.counter(m.EVENTS_DROPPED)
        self.notifications = families.counter(m.NOTIFICATIONS)
        self.prometheus = families.counter(m.PROMETHEUS_QUERIES)
        self.objects = families.gauge(m.OBJECTS)
        self.queue_depth = families.gauge(m.QUEUE_DEPTH)
        self.last_resync_attempt = families.gauge(m.LAST_RESYNC_ATTEMPT)
        self.last_resync_success = families.gauge(m.LAST_RESYNC_SUCCESS)
        self.missed = families.counter(m.MISSED_CHANGES)
        self.api_reachable = families.gauge(m.API_REACHABLE)
        self._seen = {metric: families.gauge(metric) for metric in _SEEN}
        self._happened = {metric: families.counter(metric) for metric in _HAPPENED}
        self._routers: set[tuple[str, str]] = set()

    def show(self, samples: Iterable[Sample]) -> None:
        """What is seen of routers and suites, in place of what was seen before."""
        for gauge in self._seen.values():
            gauge.clear()
        for sample in samples:
            self._seen[sample.metric].labels(*sample.labels).set(sample.value)

    def happened(self, metric: Metric, namespace: str, router: str, label: str) -> None:
        """Count a decision, or the end of a rollout."""
        if (namespace, router) not in self._routers:
            self.keep_routers({*self._routers, (namespace, router)})
        self._happened[metric].labels(namespace, router, label).inc()

    def keep_routers(self, routers: set[tuple[str, str]]) -> None:
        """Have a counter for each of these, from 0 on, and none for any other."""
        for metric, labels in _HAPPENED.items():
            for label in labels:
                for gone in self._routers - routers:
                    self._happened[metric].remove(*gone, label)
                for new in routers - self._routers:
                    self._happened[metric].labels(*new, label)
        self._routers = routers

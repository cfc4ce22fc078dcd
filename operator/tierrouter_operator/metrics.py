"""The operator's metrics as they are counted; ``tierrouter_core.observability.operator`` declares them."""

from tierrouter_core.observability import operator as m
from tierrouter_telemetry.families import Families


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
        self.objects = families.gauge(m.OBJECTS)
        self.queue_depth = families.gauge(m.QUEUE_DEPTH)
        self.last_resync_attempt = families.gauge(m.LAST_RESYNC_ATTEMPT)
        self.last_resync_success = families.gauge(m.LAST_RESYNC_SUCCESS)
        self.missed = families.counter(m.MISSED_CHANGES)
        self.api_reachable = families.gauge(m.API_REACHABLE)

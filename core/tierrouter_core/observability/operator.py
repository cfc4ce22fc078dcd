"""The operator's metrics. ``namespace`` with ``router`` or ``suite`` name the object that a series speaks of."""

from typing import Final

from tierrouter_core.observability.metric import Metric, declared_in

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROUTER: Final = ("namespace", "router")
_SUITE: Final = ("namespace", "suite", "router")

# How it works.
RECONCILES: Final = Metric(
    "tierrouter_operator_reconciles_total",
    "counter",
    "Reconciles by kind of object and result: unchanged, changed, gone, refused, error.",
    ("kind", "result"),
)
RECONCILE_DURATION: Final = Metric(
    "tierrouter_operator_reconcile_seconds",
    "histogram",
    "How long one reconcile took.",
    ("kind",),
    "seconds",
    _SECONDS,
)
ERRORS: Final = Metric(
    "tierrouter_operator_errors_total",
    "counter",
    "Reconciles that failed and are tried again: unavailable, api, refused, defect.",
    ("reason",),
)
WRITES: Final = Metric(
    "tierrouter_operator_writes_total", "counter", "Writes to the API server, by kind of write.", ("write",)
)
POKES: Final = Metric("tierrouter_operator_pokes_total", "counter", "Pods that were told of a change.")
REVISIONS_CREATED: Final = Metric(
    "tierrouter_operator_revisions_created_total", "counter", "RouterRevisions that were made."
)
EVENTS_DROPPED: Final = Metric(
    "tierrouter_operator_events_dropped_total", "counter", "Kubernetes events that were not posted."
)
NOTIFICATIONS: Final = Metric(
    "tierrouter_operator_notifications_total",
    "counter",
    "Notifications of decisions and rollouts, by result: told, lost.",
    ("result",),
)
PROMETHEUS_QUERIES: Final = Metric(
    "tierrouter_operator_prometheus_queries_total",
    "counter",
    "Questions to Prometheus about canaries, by result: answered, unusable.",
    ("result",),
)
OBJECTS: Final = Metric("tierrouter_operator_objects", "gauge", "Objects that the operator knows.", ("kind",))
QUEUE_DEPTH: Final = Metric("tierrouter_operator_queue_depth", "gauge", "Keys that wait for a worker.")
LAST_RESYNC_ATTEMPT: Final = Metric(
    "tierrouter_operator_last_resync_attempt_timestamp_seconds", "gauge", "When the last resync began.", unit="seconds"
)
LAST_RESYNC_SUCCESS: Final = Metric(
    "tierrouter_operator_last_resync_success_timestamp_seconds",
    "gauge",
    "When the last resync that succeeded ended.",
    unit="seconds",
)
MISSED_CHANGES: Final = Metric(
    "tierrouter_operator_missed_changes_total", "counter", "Changes that a resync found and no watch had told of."
)
API_REACHABLE: Final = Metric("tierrouter_operator_api_reachable", "gauge", "1 while the API server answers, else 0.")

# What it sees: series of objects that are gone are dropped.
ROUTER_READY: Final = Metric(
    "tierrouter_operator_router_ready", "gauge", "1 where the router's condition Ready is True, else 0.", _ROUTER
)
SIDECARS: Final = Metric(
    "tierrouter_operator_sidecars",
    "gauge",
    "Pods with a sidecar, by what it serves: current, lagging, refusing (what was published), silent.",
    (*_ROUTER, "state"),
)
PODS_NOT_INJECTED: Final = Metric(
    "tierrouter_operator_pods_not_injected", "gauge", "Pods that ask for the router and have no sidecar.", _ROUTER
)
SUITE_LAST_RUN: Final = Metric(
    "tierrouter_operator_suite_last_run_timestamp_seconds",
    "gauge",
    "When the suite's newest finished run ended; none before the first.",
    _SUITE,
    "seconds",
)
SUITE_OVERDUE: Final = Metric(
    "tierrouter_operator_suite_overdue_seconds",
    "gauge",
    "How long a scheduled run of the suite is late; 0 where none is.",
    _SUITE,
    "seconds",
)
TIER_ACCURACY: Final = Metric(
    "tierrouter_operator_tier_accuracy_ratio",
    "gauge",
    "Accuracy of a tier in the suite's newest run with results, 0 to 1.",
    (*_SUITE, "tier"),
    "ratio",
)
REGRESSION_DECISIONS: Final = Metric(
    "tierrouter_operator_regression_decisions_total",
    "counter",
    "Decisions of regression runs: Nothing, Promote, Regress, Reject, Recover.",
    (*_ROUTER, "decision"),
)
ROLLOUTS: Final = Metric(
    "tierrouter_operator_rollouts_total",
    "counter",
    "Trials of revisions that have ended, by how: promoted, rolled_back, given_up, rejected, superseded.",
    (*_ROUTER, "outcome"),
)
ROLLOUT_ACTIVE: Final = Metric(
    "tierrouter_operator_rollout_active", "gauge", "1 while some sessions try a revision, else 0.", _ROUTER
)
MODEL_SERVER_READY: Final = Metric(
    "tierrouter_operator_model_server_ready",
    "gauge",
    "1 while the local model is loaded and ready, else 0; none without `localModel`.",
    (*_ROUTER, "model"),
)

OPERATOR_METRICS: Final = declared_in(dict(globals()))

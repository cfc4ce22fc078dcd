"""What an operator is started with."""

from dataclasses import dataclass
from typing import Final

from tierrouter_telemetry.logs import LogFormat

DEFAULT_METRICS_PORT: Final = 9465
DEFAULT_HEALTH_PORT: Final = 9466
DEFAULT_RESULTS_ROLE: Final = "tierrouter-results"
DEFAULT_NAMESPACE_LABEL: Final = "namespace"
"""As Prometheus Operator sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it; every one is a flag and an environment variable."""

    namespaces: tuple[str, ...] = ()
    """Empty for all."""
    kubeconfig: str | None = None
    """None: the pod's own account, and outside of a pod what kubectl would use."""
    context: str | None = None
    log_format: LogFormat = LogFormat.AUTO
    host: str = "0.0.0.0"  # noqa: S104 (probes and Prometheus come from outside of the pod)
    metrics_port: int = DEFAULT_METRICS_PORT
    health_port: int = DEFAULT_HEALTH_PORT
    resync_s: float = 30.0
    census_s: float = 20.0
    """How often all pods are looked at: which lack a sidecar, and what the others serve."""
    results_image: str = ""
    """What collects the results of regression runs; empty: none can begin."""
    results_role: str = DEFAULT_RESULTS_ROLE
    """The ClusterRole of the account that does so."""
    count_s: float = 10.0
    """While a canary lasts: how often sidecars are asked what they have counted."""
    prometheus_url: str = ""
    """What counts sidecars' turns for the analysis of canaries; empty: the sidecars themselves are asked alone."""
    prometheus_namespace_label: str = DEFAULT_NAMESPACE_LABEL
    """The label by which it knows a pod's namespace; empty: any pod's series count that name the trial."""
    prometheus_token_file: str = ""
    """Holds the bearer token that it is shown; read at each question; empty for none."""
    prometheus_ca_file: str = ""
    """Holds the authorities (PEM) that it is believed by; read at each question; empty for the system's."""

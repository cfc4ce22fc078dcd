"""What a webhook is started with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tierrouter_operator.injection.container import SidecarImage
from tierrouter_telemetry.logs import LogFormat

DEFAULT_PORT: Final = 9443
DEFAULT_ADMIN_PORT: Final = 9467


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfManaged:
    """Certificates that the webhook makes and renews itself, and tells the API server of."""

    namespace: str
    secret: str
    """Where they are kept, for all replicas."""
    service: str
    """The name that the API server calls."""
    configuration: str
    """The name of the Mutating- and of the ValidatingWebhookConfiguration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """All of it; every one is a flag and an environment variable."""

    sidecar: SidecarImage
    certificates: SelfManaged | Path
    """A folder holds ``tls.crt`` and ``tls.key``, which somebody else renews."""
    kubeconfig: str | None = None
    context: str | None = None
    log_format: LogFormat = LogFormat.AUTO
    host: str = "0.0.0.0"  # noqa: S104 (the API server comes from outside of the pod)
    port: int = DEFAULT_PORT
    admin_port: int = DEFAULT_ADMIN_PORT
    certificate_check_s: float = 30.0
    """How often certificates are looked at."""

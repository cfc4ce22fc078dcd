"""The sidecar's container and its volumes, as every pod gets them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tierrouter_core.contract import (
    ADMIN_PORT,
    CONFIG_MOUNT,
    CONFIG_VOLUME,
    CONTAINER,
    CREDENTIALS_MOUNT,
    CREDENTIALS_VOLUME,
    DATA_PORT,
    NO_TOKEN_VOLUME,
    STATE_MOUNT,
    STATE_VOLUME,
    active_name,
    credentials_name,
)
from tierrouter_operator.injection.resources import Resources
from tierrouter_operator.injection.token import TokenSecret

_TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
_ANY_USER: Final = 65532
"""The image's own user."""
_READ_BY_ANY_USER: Final = 0o444
"""Whoever the pod runs as: only this container mounts these volumes."""
_STATE_SIZE: Final = "512Mi"

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarImage:
    """What runs in a sidecar's container."""

    image: str
    pull_policy: str = ""
    """Kubernetes' own default where empty."""
    version: str
    resources: Resources = field(default_factory=Resources)


def sidecar_container(
    router: str,
    image: SidecarImage,
    resources: Obj,
    *,
    keeps_ledger: bool,
    is_root: bool,
    token: TokenSecret | None = None,
    forced: Sequence[Obj] = (),
) -> Obj:
    """The container.

    Args:
        router: whose configuration it serves.
        image: what runs in it.
        resources: requests and limits.
        keeps_ledger: whether the state is on a claim that several pods share.
        is_root: whether the pod says that all of its containers run as root.
        token: what agents have to show; None where any key is taken.
        forced: variables that name the one tier that serves every turn; none where turns are routed.
    """
    state: dict[str, Any] = {"name": STATE_VOLUME, "mountPath": STATE_MOUNT}
    if keeps_ledger:
        state["subPathExpr"] = "$(POD_NAME)"
    security: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if is_root:
        # Else none is set: the image has a user, and OpenShift chooses one of its own.
        security["runAsUser"] = _ANY_USER
    probe = {"port": ADMIN_PORT, "scheme": "HTTP"}
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": image.image,
        "args": ["sidecar", "--port", str(DATA_PORT), "--admin-port", str(ADMIN_PORT)],
        "restartPolicy": "Always",
        "env": [
            _from_pod("POD_NAME", "metadata.name"),
            _from_pod("POD_IPS", "status.podIPs"),
            {"name": "TIERROUTER_ROUTER", "value": router},
            {"name": "TIERROUTER_CREDENTIALS_DIR", "value": CREDENTIALS_MOUNT},
            {"name": "TIERROUTER_STATE_DIR", "value": STATE_MOUNT},
        ],
        "ports": [{"name": "tierrouter-adm", "containerPort": ADMIN_PORT, "protocol": "TCP"}],
        "resources": dict(resources),
        "securityContext": security,
        # One second is the shortest that there is; it gives up long after the sidecar starts without a configuration.
        "startupProbe": {
            "httpGet": {"path": "/startedz", **probe},
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": 90,
        },
        "livenessProbe": {
            "httpGet": {"path": "/healthz", **probe},
            "periodSeconds": 10,
            "timeoutSeconds": 3,
            "failureThreshold": 6,
        },
        "volumeMounts": [
            {"name": CONFIG_VOLUME, "mountPath": CONFIG_MOUNT, "readOnly": True},
            {"name": CREDENTIALS_VOLUME, "mountPath": CREDENTIALS_MOUNT, "readOnly": True},
            state,
            # The pod's token is put into every container that has nothing in this place.
            {"name": NO_TOKEN_VOLUME, "mountPath": _TOKEN_MOUNT, "readOnly": True},
        ],
    }
    container["env"] += forced
    if token is not None:
        container["env"].append(token.variable())
    if image.pull_policy:
        container["imagePullPolicy"] = image.pull_policy
    return container


def sidecar_volumes(router: str, claim: str) -> tuple[Obj, ...]:
    """The volumes; ``claim`` names the PersistentVolumeClaim for the ledger, empty for the pod's own disk."""
    config = {"name": active_name(router), "optional": True, "defaultMode": _READ_BY_ANY_USER}
    keys = {"secretName": credentials_name(router), "optional": True, "defaultMode": _READ_BY_ANY_USER}
    kept = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {"sizeLimit": _STATE_SIZE}}
    return (
        {"name": CONFIG_VOLUME, "configMap": config},
        {"name": CREDENTIALS_VOLUME, "secret": keys},
        {"name": STATE_VOLUME, **kept},
        {"name": NO_TOKEN_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
    )


def _from_pod(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}

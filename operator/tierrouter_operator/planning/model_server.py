"""The objects that a router's model server consists of, as they should be."""

from collections.abc import Mapping
from typing import Any, Final

from tierrouter_core.contract import (
    INJECT_LABEL,
    MANAGED_BY_LABEL,
    MODEL_SERVER_LABEL,
    OLLAMA_IMAGE,
    OLLAMA_PORT,
    OPERATOR,
    model_server_name,
)
from tierrouter_core.resources.guards import LocalModel
from tierrouter_operator.planning.children import child
from tierrouter_operator.planning.kinds import (
    CLAIM,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    MODEL_SERVER,
    NETWORK_POLICY,
    SERVICE,
    Kind,
    Obj,
)
from tierrouter_operator.planning.local_model import CONTEXT_VARIABLE, shown_name

_HOME: Final = "/var/lib/ollama"
_USER: Final = 1000
# The model's row of `ollama ps` says a context window of at least so many tokens. While it loads, it says 0.
_IS_LOADED: Final = (
    'ollama ps | awk -v model="$TIERROUTER_MODEL" -v tokens="$OLLAMA_CONTEXT_LENGTH" '
    '\'NR == 1 { at = index($0, "CONTEXT") } '
    "NR > 1 && $1 == model && at && substr($0, at) + 0 >= tokens + 0 { ready = 1 } END { exit !ready }'"
)


def wanted_model_server(router: Obj, local: LocalModel) -> Mapping[Kind, Obj]:
    """All of it, in the order in which it is made; the claim only where the user brings none."""
    specs = {
        CLAIM: _claim(local),
        SERVICE: _service(router),
        NETWORK_POLICY: _network_policy(router),
        DISRUPTION_BUDGET: {"maxUnavailable": 1, "selector": {"matchLabels": _selector(router)}},
        DEPLOYMENT: _deployment(router, local),
    }
    if local.existing_claim:
        del specs[CLAIM]
    name = model_server_name(router["metadata"]["name"])
    return {kind: {**child(kind, router, name, {}), "spec": specs[kind]} for kind in MODEL_SERVER if kind in specs}


def _selector(router: Obj) -> dict[str, str]:
    return {MODEL_SERVER_LABEL: router["metadata"]["name"]}


def _claim(local: LocalModel) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": local.storage}},
    }
    return spec | ({"storageClassName": local.storage_class_name} if local.storage_class_name else {})


def _service(router: Obj) -> dict[str, Any]:
    # By number: a name would have to be found in a pod that is not ready yet.
    port = {"name": "http", "port": OLLAMA_PORT, "targetPort": OLLAMA_PORT, "protocol": "TCP"}
    return {"selector": _selector(router), "ports": [port], "ipFamilyPolicy": "PreferDualStack"}


def _network_policy(router: Obj) -> dict[str, Any]:
    """Whoever reaches Ollama may also pull and delete models: pods with this router's sidecar, and the operator."""
    operator = {"app.kubernetes.io/component": "operator", "app.kubernetes.io/part-of": "tierrouter"}
    return {
        "podSelector": {"matchLabels": _selector(router)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": {"matchLabels": {"tierrouter.dev/router": router["metadata"]["name"]}}},
                    {"namespaceSelector": {}, "podSelector": {"matchLabels": operator}},
                ],
                "ports": [{"port": OLLAMA_PORT, "protocol": "TCP"}],
            }
        ],
    }


def _deployment(router: Obj, local: LocalModel) -> dict[str, Any]:
    labels = {
        **_selector(router),
        "app.kubernetes.io/name": "ollama",
        MANAGED_BY_LABEL: OPERATOR,
        # In a namespace whose pods all get a sidecar, this one is none of them.
        INJECT_LABEL: "false",
    }
    return {
        "replicas": 1,
        # A rolling update would wait for a GPU and a volume that the old pod keeps until the new one is ready.
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": _selector(router)},
        "template": {"metadata": {"labels": labels}, "spec": _pod(router, local)},
    }


def _pod(router: Obj, local: LocalModel) -> dict[str, Any]:
    tolerations = [_toleration(each) for each in local.tolerations]
    if local.gpus:
        tolerations.insert(0, {"key": local.gpu_resource, "operator": "Exists"})
    claim = local.existing_claim or model_server_name(router["metadata"]["name"])
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(local)],
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "tmp", "emptyDir": {}},
        ],
        **({"nodeSelector": dict(local.node_selector)} if local.node_selector else {}),
        **({"tolerations": tolerations} if tolerations else {}),
        **({"runtimeClassName": local.runtime_class_name} if local.runtime_class_name else {}),
    }


def _container(local: LocalModel) -> dict[str, Any]:
    gpus = {local.gpu_resource: str(local.gpus)} if local.gpus else {}
    environment = {
        "HOME": _HOME,
        "OLLAMA_HOST": f":{OLLAMA_PORT}",
        "OLLAMA_MODELS": f"{_HOME}/models",
        CONTEXT_VARIABLE: str(local.context_length),
        "OLLAMA_KEEP_ALIVE": "-1",
        # What serves others must not be pushed out of memory by what somebody else loads.
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "TIERROUTER_MODEL": shown_name(local.model),
    }
    answers = {"httpGet": {"path": "/", "port": OLLAMA_PORT}}
    return {
        "name": "ollama",
        "image": local.image or OLLAMA_IMAGE,
        "args": ["serve"],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"name": "http", "containerPort": OLLAMA_PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, **({"limits": gpus} if gpus else {})},
        "startupProbe": {**answers, "periodSeconds": 1, "failureThreshold": 120},
        "livenessProbe": {**answers, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        # Not ready means no address behind the Service: sidecars are refused at once and spill.
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", _IS_LOADED]},
            "periodSeconds": 3,
            "timeoutSeconds": 3,
            "failureThreshold": 2,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "models", "mountPath": _HOME}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def _toleration(each: Any) -> dict[str, str]:
    values = {"key": each.key, "operator": each.operator, "value": each.value, "effect": each.effect}
    return {name: value for name, value in values.items() if value}

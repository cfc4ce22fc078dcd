"""A pod with its sidecar: everything that the webhook changes, or the reason why it changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from tierrouter_core.contract import (
    ADMIN_PORT,
    AGENT,
    AGENT_CONTAINERS,
    CODEX_CONFIG,
    CODEX_MOUNT,
    CODEX_VOLUME,
    CONFIG_VOLUME,
    CONTAINER,
    CREDENTIALS_VOLUME,
    DATA_PORT,
    INJECTED,
    NO_TOKEN_VOLUME,
    OVERRIDE_ENV_FROM,
    ROUTER_LABEL,
    SIDECAR_VERSION,
    STATE_VOLUME,
    Agent,
    InjectionReason,
)
from tierrouter_operator.injection.agents import Windows, codex_settings, environment
from tierrouter_operator.injection.asked import Skip, chosen_router, labels_of
from tierrouter_operator.injection.container import SidecarImage, sidecar_container, sidecar_volumes
from tierrouter_operator.injection.forced import forced_variables
from tierrouter_operator.injection.resources import resources_for
from tierrouter_operator.injection.token import TokenSecret, token_secret

_SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_MIRROR: Final = "kubernetes.io/config.mirror"
_VOLUMES: Final = (CONFIG_VOLUME, CREDENTIALS_VOLUME, STATE_VOLUME, NO_TOKEN_VOLUME, CODEX_VOLUME)
_LOCAL_VOLUMES: Final = (STATE_VOLUME, NO_TOKEN_VOLUME)

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """What a pod's sidecar takes from its router."""

    ledger_claim: str = ""
    """``spec.ledger.persistentVolumeClaim``."""
    windows: Windows | None = None
    """None where no tier says how large its window is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """What decides, beside the pod itself. Selected, never judged."""

    labels: Mapping[str, str] = field(default_factory=dict)
    routers: Mapping[str, RouterFacts] | None = field(default_factory=dict)
    """By name; None where they could not be read."""
    limit_ranges: Sequence[Obj] = ()
    quotas: Sequence[Obj] = ()


@dataclass(frozen=True, slots=True)
class Injection:
    """What becomes of a pod."""

    pod: Obj
    """The very object that was given where nothing changes."""
    reason: InjectionReason
    message: str = ""
    """Why the pod stays as it is, for people; empty where nobody need know."""
    warnings: tuple[str, ...] = ()
    """What keeps an injected pod's agent from using its sidecar."""
    lacks_router: bool = False
    """It depends on a router that is not known."""


def inject(pod: Obj, namespace: Namespace, image: SidecarImage) -> Injection:
    """Give a pod its sidecar, if it wants one and may have one.

    Only adds: whatever the pod says itself stays. Injecting twice is injecting once.
    """
    chosen = chosen_router(labels_of(pod), namespace.labels, namespace.routers)
    if isinstance(chosen, Skip):
        return Injection(pod, chosen.reason, chosen.message, (), chosen.reason is InjectionReason.NO_ROUTER)
    obstacle = _obstacle(pod)
    if obstacle is not None:
        return Injection(pod, obstacle.reason, obstacle.message)
    token = token_secret(_annotations_of(pod))
    if isinstance(token, Skip):
        # Without the token that was asked for it would be open to whatever runs in the pod.
        return Injection(pod, token.reason, token.message)
    agent, warnings = _agent(pod)
    known = (namespace.routers or {}).get(chosen.router)
    facts = known or RouterFacts()
    if known is None and namespace.routers is not None:
        warnings += (f"there is no TierRouter {chosen.router} yet; the sidecar waits for it",)
    new: dict[str, Any] = deepcopy(dict(pod))
    spec = new["spec"]
    for each in spec["containers"]:
        warnings += _prepare(each, pod, agent, facts.windows, token)
    for each in spec.get("initContainers") or ():
        # Those that have to end before the agent starts need it only in special cases; they get no warnings.
        _prepare(each, pod, agent, facts.windows, token)
    forced, complaints = forced_variables(_annotations_of(pod))
    warnings += complaints
    sidecar = sidecar_container(
        chosen.router,
        image,
        resources_for(pod, image.resources, namespace.limit_ranges, namespace.quotas),
        keeps_ledger=bool(facts.ledger_claim),
        is_root=(pod["spec"].get("securityContext") or {}).get("runAsUser") == 0,
        token=token,
        forced=forced,
    )
    # First, so that what else starts before the agent may use it too.
    spec["initContainers"] = [sidecar, *(spec.get("initContainers") or ())]
    spec["volumes"] = [*(spec.get("volumes") or ()), *_volumes(chosen.router, facts, agent)]
    metadata = new.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), ROUTER_LABEL: chosen.router}
    metadata["annotations"] = _annotations(metadata.get("annotations") or {}, facts, agent, image)
    return Injection(new, InjectionReason.INJECTED, "", warnings, known is None)


def _annotations_of(pod: Obj) -> Mapping[str, str]:
    return pod.get("metadata", {}).get("annotations") or {}


def _volumes(router: str, facts: RouterFacts, agent: Agent | None) -> tuple[Obj, ...]:
    """What the sidecar mounts, and the file of Codex's settings."""
    volumes = sidecar_volumes(router, facts.ledger_claim)
    if agent is not Agent.CODEX:
        return volumes
    field_ref = {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{CODEX_CONFIG}']"}
    file = {"path": "config.toml", "fieldRef": field_ref}
    return (*volumes, {"name": CODEX_VOLUME, "downwardAPI": {"items": [file]}})


def _annotations(
    found: Mapping[str, str], facts: RouterFacts, agent: Agent | None, image: SidecarImage
) -> dict[str, str]:
    """The pod's own annotations, and ours."""
    ours = {INJECTED: "true", SIDECAR_VERSION: image.version, _SAFE_TO_EVICT: _safe_to_evict(found, facts)}
    if agent is Agent.CODEX:
        ours[CODEX_CONFIG] = codex_settings()
    return {**found, **ours}


def _safe_to_evict(found: Mapping[str, str], facts: RouterFacts) -> str:
    """The autoscaler would not move a pod with volumes of its own node that nobody has called dispensable."""
    local = [name for name in _LOCAL_VOLUMES if name != STATE_VOLUME or not facts.ledger_claim]
    said = [name.strip() for name in found.get(_SAFE_TO_EVICT, "").split(",") if name.strip()]
    return ",".join([*said, *(name for name in local if name not in said)])


def is_injected(pod: Obj) -> bool:
    """Whether the pod has our sidecar."""
    return _annotations_of(pod).get(INJECTED) == "true" and any(
        container.get("name") == CONTAINER for container in pod["spec"].get("initContainers") or ()
    )


def _obstacle(pod: Obj) -> Skip | None:
    """Why a pod that wants a sidecar can't have one."""
    spec = pod["spec"]
    if is_injected(pod):
        return Skip(InjectionReason.ALREADY_INJECTED, "")
    if _MIRROR in _annotations_of(pod):
        return Skip(InjectionReason.MIRROR_POD, "a static pod is not made by the API server")
    if (spec.get("os") or {}).get("name") == "windows":
        return Skip(InjectionReason.WINDOWS, "the sidecar runs on Linux only")
    if spec.get("hostNetwork"):
        message = "hostNetwork: whatever runs on the node could use the sidecar's port, and the keys with it"
        return Skip(InjectionReason.HOST_NETWORK, message)
    for name in ("shareProcessNamespace", "hostPID"):
        if spec.get(name):
            message = f"{name}: other processes could read the keys from the sidecar's files"
            return Skip(InjectionReason.SHARED_PROCESSES, message)
    return next(_taken(spec), None)


def _taken(spec: Obj) -> Iterator[Skip]:
    """What the pod has already that the sidecar would need."""
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    for container in containers:
        if container["name"] == CONTAINER:
            yield Skip(InjectionReason.NAME_TAKEN, f"a container is named {CONTAINER}, as the sidecar's is; rename it")
        for port in container.get("ports") or ():
            number = port.get("containerPort")
            if number in (DATA_PORT, ADMIN_PORT):
                message = f"container {container['name']} has port {number}, which the sidecar needs; choose another"
                yield Skip(InjectionReason.PORT_TAKEN, message)
    for volume in spec.get("volumes") or ():
        if volume["name"] in _VOLUMES:
            yield Skip(
                InjectionReason.NAME_TAKEN, f"a volume is named {volume['name']}, as the sidecar's is; rename it"
            )


def _agent(pod: Obj) -> tuple[Agent | None, tuple[str, ...]]:
    """Whose settings are wanted; an unknown one is told of, and is none."""
    name = _annotations_of(pod).get(AGENT, "")
    if not name:
        return None, ()
    try:
        return Agent(name), ()
    except ValueError:
        known = ", ".join(Agent)
        return None, (f'{AGENT}: "{name}" is none of {known}; the agent gets no settings of its own',)


def _prepare(
    container: dict[str, Any], pod: Obj, agent: Agent | None, windows: Windows | None, token: TokenSecret | None
) -> tuple[str, ...]:
    """Tell one container where the sidecar is."""
    annotations = _annotations_of(pod)
    wanted = [name.strip() for name in annotations.get(AGENT_CONTAINERS, "").split(",") if name.strip()]
    if wanted and container["name"] not in wanted:
        return ()
    warnings: tuple[str, ...] = ()
    if agent is Agent.CODEX:
        warnings += _mount_codex_settings(container)
    if container.get("envFrom") and annotations.get(OVERRIDE_ENV_FROM) != "true":
        # A variable in env silently beats the same one from envFrom.
        message = (
            f"container {container['name']} has envFrom and gets no variables from us; set what it lacks itself "
            f'(OPENAI_BASE_URL, ANTHROPIC_BASE_URL), or the annotation {OVERRIDE_ENV_FROM}: "true"'
        )
        return (*warnings, message)
    added = environment(container, agent, windows, token)
    if added.variables:
        container["env"] = [*(container.get("env") or ()), *added.variables]
    return warnings + added.warnings


def _mount_codex_settings(container: dict[str, Any]) -> tuple[str, ...]:
    mounts = container.get("volumeMounts") or ()
    if any(str(mount.get("mountPath", "")).rstrip("/") == CODEX_MOUNT for mount in mounts):
        return (
            f"container {container['name']} has something of its own at {CODEX_MOUNT}, so gets no settings of ours",
        )
    container["volumeMounts"] = [*mounts, {"name": CODEX_VOLUME, "mountPath": CODEX_MOUNT, "readOnly": True}]
    return ()

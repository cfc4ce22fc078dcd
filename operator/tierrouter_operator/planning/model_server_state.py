"""How far a model server is: from its pods and from its own lists to what is said, or to what is to be done next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from tierrouter_core.contract import ConditionReason
from tierrouter_core.resources.guards import LocalModel
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.local_model import CONTEXT_VARIABLE, shown_name

_NO_SPACE: Final = "no space left on device"
_TAKES_A_WHILE: Final = {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a router's model server."""

    local: LocalModel
    """What was asked for then."""
    reason: ConditionReason
    message: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server that runs is asked."""

    ip: str
    pod: str
    """The pod's uid."""


class Step(Enum):
    """What has to be done before the model can serve."""

    PULL = auto()
    LOAD = auto()


def from_pods(local: LocalModel, deployment: Obj | None, pods: Sequence[Obj]) -> Said | Address:
    """The server's address, or why there is none."""
    # A pod of an earlier wish runs on for a moment; what it has loaded says nothing of what is asked for now.
    living = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp") and _has_context(pod, local)]
    if not living:
        return _without_pod(local, deployment, bool(pods))
    pod = max(living, key=lambda each: str(each["metadata"].get("creationTimestamp")))
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    refusal = _condition(status, "PodScheduled")
    if refusal.get("status") == "False":
        said = str(refusal.get("message", ""))
        if local.gpus and f"Insufficient {local.gpu_resource}" in said:
            message = (
                f"no node has {local.gpus} free {local.gpu_resource}; add one, or set spec.localModel.gpus: {said}"
            )
            return Said(local, ConditionReason.NO_GPU, message)
        return Said(local, ConditionReason.UNSCHEDULABLE, f"no node takes Pod {name}: {said}")
    container: Mapping[str, Any] = next(iter(status.get("containerStatuses") or ()), {})
    waits = (container.get("state") or {}).get("waiting") or {}
    if waits and waits.get("reason") not in _TAKES_A_WHILE:
        last = ((container.get("lastState") or {}).get("terminated") or {}).get("reason", "")
        said = " ".join(part for part in (str(waits.get("reason")), last and f"after {last}") if part)
        message = f"Pod {name}: {said}: {waits.get('message', '')}; see kubectl logs {name}"
        return Said(local, ConditionReason.POD_FAILING, message)
    if status.get("phase") == "Failed":
        message = f"Pod {name} has failed: {status.get('reason', '')} {status.get('message', '')}".rstrip()
        return Said(local, ConditionReason.POD_FAILING, message)
    if container.get("started") and status.get("podIP"):
        return Address(str(status["podIP"]), str(pod["metadata"].get("uid")))
    return Said(local, ConditionReason.STARTING, f"Pod {name} starts")


def _has_context(pod: Obj, local: LocalModel) -> bool:
    container: Mapping[str, Any] = next(iter((pod.get("spec") or {}).get("containers") or ()), {})
    given = {each.get("name"): each.get("value") for each in container.get("env") or ()}
    return given.get(CONTEXT_VARIABLE) == str(local.context_length)


def _without_pod(local: LocalModel, deployment: Obj | None, is_ending: bool) -> Said:
    refusal = _condition((deployment or {}).get("status") or {}, "ReplicaFailure")
    if refusal.get("status") == "True":
        return Said(local, ConditionReason.POD_FAILING, f"its pod can't be made: {refusal.get('message', '')}")
    what = "the pod before it ends" if is_ending else "it has no pod yet"
    return Said(local, ConditionReason.STARTING, what)


def _condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or () if each.get("type") == type_), {})


def next_step(local: LocalModel, running: Any, there: Any, *, was_loaded_anew: bool) -> Said | Step:
    """What Ollama's lists mean.

    Args:
        local: what is asked for.
        running: the answer of ``/api/ps``.
        there: the answer of ``/api/tags``.
        was_loaded_anew: whether this pod was already told to load the model with the wanted context.
    """
    name = shown_name(local.model)
    for model in _models(running):
        if model.get("name") != name:
            continue
        tokens = model.get("context_length") or 0
        if tokens >= local.context_length:
            message = f"{name} is loaded with a context window of {tokens} tokens"
            size, of_it = model.get("size") or 0, model.get("size_vram") or 0
            if local.gpus and size and of_it < size:
                message += f"; only {100 * of_it // size} % of it is in the memory of GPUs, so that it is slow"
            return Said(local, ConditionReason.LOADED, message)
        if not tokens:
            return Said(local, ConditionReason.LOADING, f"{name} is being loaded")
        if was_loaded_anew:
            message = (
                f"{name} is loaded with a context window of {tokens} tokens and {local.context_length} are asked for: "
                "longer prompts would be cut off unseen, so it serves nothing. The model may have no larger one; lower "
                "spec.localModel.contextLength, or take another model"
            )
            return Said(local, ConditionReason.CONTEXT_TOO_SMALL, message)
        return Step.LOAD
    return Step.LOAD if any(model.get("name") == name for model in _models(there)) else Step.PULL


def _models(listed: Any) -> Iterable[Mapping[str, Any]]:
    models = listed.get("models") if isinstance(listed, Mapping) else None
    return (model for model in models or () if isinstance(model, Mapping))


class PullProgress:
    """Adds up what the lines of a pull say."""

    def __init__(self, local: LocalModel) -> None:
        self._local = local
        self._parts: dict[str, tuple[int, int]] = {}
        self.error = ""
        self.is_done = False

    def take(self, line: Any) -> None:
        """One line of ``/api/pull``, as JSON."""
        if not isinstance(line, Mapping):
            return
        self.error = str(line.get("error") or self.error)
        self.is_done = self.is_done or line.get("status") == "success"
        part = line.get("digest")
        if isinstance(part, str):
            self._parts[part] = int(line.get("completed") or 0), int(line.get("total") or 0)

    @property
    def said(self) -> Said:
        """How far it is."""
        done, total = (sum(each) for each in zip(*self._parts.values(), strict=True)) if self._parts else (0, 0)
        name = shown_name(self._local.model)
        if not total:
            return Said(self._local, ConditionReason.PULLING, f"{name} is being pulled")
        # Parts are told of one after the other: the total grows.
        message = f"{name} is being pulled: {100 * done // total} % of {_size(total)}"
        return Said(self._local, ConditionReason.PULLING, message)


def pull_failed(local: LocalModel, error: str) -> Said:
    """Why the model could not be pulled."""
    name = shown_name(local.model)
    if _NO_SPACE in error:
        message = f"there is no room for {name}; its claim needs more than it has: {error}"
        return Said(local, ConditionReason.DISK_FULL, message)
    return Said(local, ConditionReason.PULL_FAILED, f"{name} can't be pulled, it is tried again: {error}")


def load_failed(local: LocalModel, error: str) -> Said:
    """Why the model could not be loaded."""
    return Said(local, ConditionReason.LOAD_FAILED, f"{shown_name(local.model)} can't be loaded: {error}")


def unreachable(local: LocalModel, where: str, error: str) -> Said:
    """Nothing is known of the model."""
    return Said(local, ConditionReason.UNREACHABLE, f"{where} does not answer: {error}")


def _size(octets: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if octets >= factor:
            return f"{octets / factor:.1f} {unit}"
    return f"{octets} bytes"

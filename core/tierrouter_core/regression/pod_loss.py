"""What a pod was lost to whose work may be done again: read from its status, which kubelets and controllers write."""

from collections.abc import Mapping
from typing import Any, Final

KILLED: Final = 137
"""128 + SIGKILL: what a container ends with that ran out of memory."""
_BY: Final = {
    "EvictionByEvictionAPI": "evicted",
    "PreemptionByScheduler": "preempted",
    "TerminationByKubelet": "evicted by its node",
    "DeletionByTaintManager": "evicted, for its node is tainted",
    "DeletionByPodGC": "lost with its node",
}
"""Reasons of the condition ``DisruptionTarget``."""
_LONGEST: Final = 300


def pod_loss(pod: Mapping[str, Any]) -> str:
    """Why the pod's work was cut short: ``evicted by its node: ...``, ``container harness ran out of memory``.

    Empty where its containers have ended by themselves, whatever they exited with, or have not ended.
    """
    status: Mapping[str, Any] = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return _with(_BY.get(str(condition.get("reason")), "disrupted"), condition.get("message"))
    if status.get("reason") == "Evicted":
        return _with("evicted by its node", status.get("message"))
    ended = {
        each["name"]: (each.get("state") or {}).get("terminated") for each in status.get("containerStatuses") or ()
    }
    for name, state in ended.items():
        if state and state.get("reason") == "OOMKilled":
            return f"container {name} ran out of memory"
        if state and state.get("exitCode") == KILLED:
            return f"container {name} was killed"
    return ""


def initial_failure(pod: Mapping[str, Any]) -> str:
    """An init container that has failed, which counts as infrastructure: ``init container fetch exited with 2``."""
    for each in (pod.get("status") or {}).get("initContainerStatuses") or ():
        state = (each.get("state") or {}).get("terminated") or {}
        if state.get("exitCode"):
            return f"init container {each['name']} exited with {state['exitCode']}"
    return ""


def _with(what: str, message: Any) -> str:
    said = " ".join(str(message or "").split())[:_LONGEST]
    return f"{what}: {said}" if said else what

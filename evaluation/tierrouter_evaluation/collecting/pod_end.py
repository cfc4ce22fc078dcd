"""How the harness ended, by its pod's status: whether what it left may be taken as its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_KILLED: Final = 137


@dataclass(frozen=True, slots=True)
class PodEnd:
    """What is to be said of a pod whose sidecars are being stopped."""

    is_over: bool
    """All containers of the pod have ended, or the pod is being taken away: its status says no more later."""
    taken_away: str = ""
    """Why the harness was cut short, so that a new pod may do the work again; empty where it ended by itself."""
    exits: str = ""
    """What its containers exited with, where that is not 0: ``harness: 2``."""


def pod_end(pod: Mapping[str, Any]) -> PodEnd:
    """Of a pod as the API server has it."""
    status: Mapping[str, Any] = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return PodEnd(is_over=True, taken_away=f"the pod is disrupted: {condition.get('message') or 'no reason'}")
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return PodEnd(is_over=True, taken_away="the pod was deleted while the harness ran")
    states = {each["name"]: each.get("state") or {} for each in status.get("containerStatuses") or ()}
    ended = {name: state["terminated"] for name, state in states.items() if state.get("terminated")}
    for name, state in ended.items():
        if state.get("reason") == "OOMKilled":
            return PodEnd(is_over=True, taken_away=f"container {name} ran out of memory")
        # The Job counts it as a pod that was lost, and makes another.
        if state.get("exitCode") == _KILLED:
            return PodEnd(is_over=True, taken_away=f"container {name} was killed")
    exits = ", ".join(f"{name}: {state.get('exitCode')}" for name, state in ended.items() if state.get("exitCode"))
    return PodEnd(is_over=bool(states) and len(ended) == len(states), exits=exits)

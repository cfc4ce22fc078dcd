"""How the harness ended, by its pod's status: whether what it left may be taken as its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierrouter_core.regression.pod_loss import pod_loss


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
    # The Job counts it as a pod that was lost, and makes another.
    loss = pod_loss(pod)
    if loss:
        return PodEnd(is_over=True, taken_away=loss)
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return PodEnd(is_over=True, taken_away="the pod was deleted while the harness ran")
    states = {each["name"]: each.get("state") or {} for each in status.get("containerStatuses") or ()}
    ended = {name: state["terminated"] for name, state in states.items() if state.get("terminated")}
    exits = ", ".join(f"{name}: {state.get('exitCode')}" for name, state in ended.items() if state.get("exitCode"))
    return PodEnd(is_over=bool(states) and len(ended) == len(states), exits=exits)

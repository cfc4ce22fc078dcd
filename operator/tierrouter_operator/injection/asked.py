"""Whether a pod is to get a sidecar, and whose: the labels of the pod and of its namespace, the pod's own first.

The value of `tierrouter.dev/inject` is `true`, `false` or a router's name; the label `tierrouter.dev/router` names a
router too. Two different names are a contradiction, and nothing is guessed.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_core.contract import INJECT_LABEL, ROUTER_LABEL, InjectionReason

_TRUE: Final = "true"
_FALSE: Final = "false"
# As the resource has it: a DNS label that leaves room for a revision's digest.
_ROUTER_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pod gets a sidecar of this router."""

    router: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The pod stays as it is."""

    reason: InjectionReason
    message: str
    """For people; empty where nobody asked for anything."""


def chosen_router(
    pod_labels: Mapping[str, str], namespace_labels: Mapping[str, str], routers: Collection[str] | None
) -> Chosen | Skip:
    """The router that the labels choose.

    Args:
        pod_labels: of the pod.
        namespace_labels: of its namespace.
        routers: the names of the namespace's routers; None where they could not be read.
    """
    wish = pod_labels.get(INJECT_LABEL) or namespace_labels.get(INJECT_LABEL) or ""
    if pod_labels.get(INJECT_LABEL) == _FALSE:
        return Skip(InjectionReason.OPTED_OUT, "")
    if wish in ("", _FALSE):
        return Skip(InjectionReason.NOT_ASKED_FOR, "")
    names = _names(pod_labels) or _names(namespace_labels)
    if len(names) > 1:
        return Skip(
            InjectionReason.AMBIGUOUS_ROUTER,
            f"the labels {INJECT_LABEL} and {ROUTER_LABEL} name two routers, {' and '.join(sorted(names))}; name one",
        )
    if names:
        name = names.pop()
        if not _ROUTER_NAME.fullmatch(name):
            return Skip(
                InjectionReason.INVALID_NAME,
                f'"{name}" can\'t be the name of a router (lower-case letters, digits and dashes, at most 40); '
                f"set the label {INJECT_LABEL} to true, false or a router's name",
            )
        return Chosen(name)
    if routers is None:
        return Skip(
            InjectionReason.FAILED,
            f"the API server did not say which routers there are; set the label {INJECT_LABEL} to the router's name",
        )
    if not routers:
        return Skip(
            InjectionReason.NO_ROUTER,
            f"there is no TierRouter in the namespace; make one first, or set the label {INJECT_LABEL} to the name "
            "that it will have",
        )
    if len(routers) > 1:
        return Skip(
            InjectionReason.AMBIGUOUS_ROUTER,
            f"there are several routers, {_listed(routers)}; set the label {INJECT_LABEL} to the name of one",
        )
    return Chosen(next(iter(routers)))


def _names(labels: Mapping[str, str]) -> set[str]:
    """The routers that one object names."""
    return {labels.get(ROUTER_LABEL, ""), labels.get(INJECT_LABEL, "")} - {"", _TRUE, _FALSE}


def _listed(routers: Collection[str]) -> str:
    names = sorted(routers)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def labels_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """An object's labels; empty where it has none."""
    return obj.get("metadata", {}).get("labels") or {}

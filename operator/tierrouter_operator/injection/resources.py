"""What the sidecar asks of its node: enough, allowed in its namespace, and without taking the pod's QoS class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tierrouter_operator.injection.quantities import amount, larger, smaller

_NAMES: Final = ("cpu", "memory")
_GENEROUS: Final = {"cpu": "1", "memory": "512Mi"}
"""A limit where one is wanted and nobody says which: it costs nothing."""
_OWN: Final = {"cpu": "250m", "memory": "256Mi"}
"""The same in a Guaranteed pod, where a limit is kept free for it."""
Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits by resource, as quantities."""

    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "50m", "memory": "96Mi"})
    """Of ``cpu`` and ``memory``; always both."""
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "256Mi"})
    """No limit where one is missing."""


def resources_for(pod: Obj, wanted: Resources, limit_ranges: Sequence[Obj], quotas: Sequence[Obj]) -> dict[str, Any]:
    """The container's ``resources``.

    A Guaranteed pod stays so: its sidecar's requests equal its limits. Where a LimitRange has bounds they are kept to,
    and where one or a ResourceQuota wants a limit there is one. A BestEffort pod becomes Burstable, since requests are
    always set.

    Args:
        pod: the pod without the sidecar.
        wanted: what the sidecar asks for where nothing speaks against it.
        limit_ranges: those of the namespace.
        quotas: the ResourceQuotas of the namespace.
    """
    requests, limits = dict(wanted.requests), dict(wanted.limits)
    is_guaranteed = _is_guaranteed(pod)
    wants_limit = _limits_that_quotas_want(quotas)
    for name in _NAMES:
        lowest, highest, default = _bounds(limit_ranges, name)
        if name not in limits and (is_guaranteed or highest or default or name in wants_limit):
            limits[name] = _OWN[name] if is_guaranteed else default or highest or _GENEROUS[name]
        if lowest:
            requests[name] = larger(requests[name], lowest)
        if highest:
            requests[name] = smaller(requests[name], highest)
            limits[name] = smaller(limits[name], highest)
        if name in limits:
            limits[name] = larger(limits[name], requests[name])
            ratio = _lowest_ratio(limit_ranges, name)
            if is_guaranteed or (ratio and _exceeds(limits[name], requests[name], ratio)):
                requests[name] = limits[name]
    return {"requests": requests, "limits": limits} if limits else {"requests": requests}


def _is_guaranteed(pod: Obj) -> bool:
    """As Kubernetes judges it: every container has limits of CPU and memory, and requests that equal them."""
    containers = [*pod["spec"].get("containers", ()), *(pod["spec"].get("initContainers") or ())]
    for container in containers:
        found = container.get("resources") or {}
        limits = found.get("limits") or {}
        requests = {**limits, **(found.get("requests") or {})}
        for name in _NAMES:
            limit = amount(limits.get(name, ""))
            if not limit or limit != amount(requests.get(name, "")):
                return False
    return True


def _limits_that_quotas_want(quotas: Iterable[Obj]) -> set[str]:
    hard = {key for quota in quotas for key in (quota.get("spec", {}).get("hard") or {})}
    return {name for name in _NAMES if f"limits.{name}" in hard}


def _bounds(limit_ranges: Iterable[Obj], name: str) -> tuple[str, str, str]:
    """Least, most and default limit of one container; empty where there is none."""
    lowest = highest = default = ""
    for item in _container_items(limit_ranges):
        if least := (item.get("min") or {}).get(name):
            lowest = larger(lowest, str(least)) if lowest else str(least)
        if most := (item.get("max") or {}).get(name):
            highest = smaller(highest, str(most)) if highest else str(most)
        if usual := (item.get("default") or {}).get(name):
            default = larger(default, str(usual)) if default else str(usual)
    return lowest, highest, default


def _lowest_ratio(limit_ranges: Iterable[Obj], name: str) -> str:
    lowest = ""
    for item in _container_items(limit_ranges):
        if ratio := (item.get("maxLimitRequestRatio") or {}).get(name):
            lowest = smaller(lowest, str(ratio)) if lowest else str(ratio)
    return lowest


def _container_items(limit_ranges: Iterable[Obj]) -> Iterable[Obj]:
    for limit_range in limit_ranges:
        for item in limit_range.get("spec", {}).get("limits") or ():
            if item.get("type") == "Container":
                yield item


def _exceeds(limit: str, request: str, ratio: str) -> bool:
    limit_amount, request_amount, ratio_amount = amount(limit), amount(request), amount(ratio)
    if limit_amount is None or not request_amount or ratio_amount is None:
        return False
    return limit_amount / request_amount > ratio_amount

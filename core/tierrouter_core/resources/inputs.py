"""What a revision is made of: a digest that stays when nothing that matters changed, and values that runs may move.

Equal digests mean that the same was asked for, however it was written down and whoever compiled it: defaults that are
spelled out count as if they were left out, lists whose order has no meaning are sorted, and prices that are looked up
play no part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.resources.fields import declared
from tierrouter_core.resources.kinds import ListOf
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import RouterSpec, TierRouter

_HOLDS_OR_KEEPS_REVISIONS = frozenset({"pinnedRevision", "revisionHistoryLimit", "rollout"})
"""Fields that say what is done with revisions, not what one is."""


NOTHING_MOVED = TunedValues(thresholds={}, tiers={})


def spec_digest(router: TierRouter) -> str:
    """Digest of what the router's own spec asks for."""
    return digest(canonical_json(_of_router(router)))


def inputs_digest(router: TierRouter, providers: Iterable[ModelProvider], overlay: TunedValues) -> str:
    """Digest of everything that decides what a revision does: 64 hex characters.

    Args:
        router: as the user wrote it, without the overlay.
        providers: those that the router uses; their order has no meaning.
        overlay: what regression runs decided instead.
    """
    inputs = {
        "router": _of_router(router),
        "providers": {provider.name: canonical(provider.spec) for provider in providers},
        "overlay": canonical(overlay),
    }
    return digest(canonical_json(inputs))


def canonical(value: Any) -> Any:
    """A resource, or a part of one, as JSON in which equal meanings look equal."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            entry.key: _sorted(entry.kind, canonical(getattr(value, entry.name)))
            for entry in declared(type(value)).values()
            if entry.is_required or getattr(value, entry.name) != entry.default
        }
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple | list):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    return value


def base_values(spec: RouterSpec) -> TunedValues:
    """What the spec says of everything that a run may move."""
    return TunedValues(
        thresholds={threshold.name: threshold.value for threshold in spec.thresholds},
        tiers={tier.name: tier.model for tier in spec.tiers},
    )


def rebased(overlay: TunedValues, base: TunedValues, router: TierRouter) -> TunedValues:
    """What is left of an overlay when the spec has changed since.

    A field that the spec now sets to something else than ``base`` has been decided by its user, and one that is gone
    or whose bounds exclude the value can't be moved any more; the other fields stay as the runs left them.
    """
    now = base_values(router.spec)
    bounds = {threshold.name: (threshold.min, threshold.max) for threshold in router.spec.thresholds}
    return TunedValues(
        thresholds={
            name: value
            for name, value in overlay.thresholds.items()
            if name in bounds
            and now.thresholds[name] == base.thresholds.get(name)
            and bounds[name][0] <= value <= bounds[name][1]
        },
        tiers={
            name: model
            for name, model in overlay.tiers.items()
            if name in now.tiers and now.tiers[name] == base.tiers.get(name)
        },
    )


def with_overlay(router: TierRouter, overlay: TunedValues) -> TierRouter:
    """The router as it is to be compiled."""
    spec = router.spec
    thresholds = tuple(
        replace(threshold, value=overlay.thresholds.get(threshold.name, threshold.value))
        for threshold in spec.thresholds
    )
    tiers = tuple(replace(tier, model=overlay.tiers.get(tier.name, tier.model)) for tier in spec.tiers)
    return replace(router, spec=replace(spec, thresholds=thresholds, tiers=tiers))


def _of_router(router: TierRouter) -> dict[str, Any]:
    spec: dict[str, Any] = canonical(router.spec)
    return {key: value for key, value in spec.items() if key not in _HOLDS_OR_KEEPS_REVISIONS}


def _sorted(kind: Any, value: Any) -> Any:
    if isinstance(kind, ListOf) and not kind.ordered and isinstance(value, list):
        return sorted(value, key=canonical_json)
    return value

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

HOLDS_OR_KEEPS_REVISIONS = frozenset({"pinnedRevision", "revisionHistoryLimit", "rollout"})
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
    can't be moved any more; the other fields stay as the runs left them, within the bounds that now hold.
    """
    now = base_values(router.spec)
    bounds = {threshold.name: (threshold.min, threshold.max) for threshold in router.spec.thresholds}
    return _less_what_is_written(
        TunedValues(
            thresholds={
                name: min(max(value, bounds[name][0]), bounds[name][1])
                for name, value in overlay.thresholds.items()
                if name in bounds and now.thresholds[name] == base.thresholds.get(name)
            },
            tiers={
                name: model
                for name, model in overlay.tiers.items()
                if name in now.tiers and now.tiers[name] == base.tiers.get(name)
            },
        ),
        now,
    )


def carried(
    current: TunedValues, before: TunedValues, after: TunedValues, base: TunedValues, router: TierRouter
) -> TunedValues:
    """``current`` with what a decision has moved: the step from ``before`` to ``after``, and no more than that.

    What others have moved since stays. A field that the user has set to something else than ``base`` is the user's.

    Args:
        current: the overlay in force, rebased on the router.
        before: the overlay that the decision was made from.
        after: the overlay that it wants to hold.
        base: what the spec said when it was made.
        router: as its user wrote it, without an overlay.
    """
    now = base_values(router.spec)
    left = rebased(after, base, router)
    moved = TunedValues(
        thresholds=_moved(
            current.thresholds,
            (before.thresholds, after.thresholds),
            left.thresholds,
            (base.thresholds, now.thresholds),
        ),
        tiers=_moved(current.tiers, (before.tiers, after.tiers), left.tiers, (base.tiers, now.tiers)),
    )
    return _less_what_is_written(moved, now)


def _moved(
    current: Mapping[str, Any],
    step: tuple[Mapping[str, Any], Mapping[str, Any]],
    left: Mapping[str, Any],
    written: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> dict[str, Any]:
    (before, after), (base, now) = step, written
    moved = dict(current)
    for name in sorted(before.keys() | after.keys()):
        is_decided_by_user = now.get(name) != base.get(name)
        if before.get(name) == after.get(name) or is_decided_by_user:
            continue
        moved.pop(name, None)
        if name in left:
            moved[name] = left[name]
    return moved


def _less_what_is_written(overlay: TunedValues, now: TunedValues) -> TunedValues:
    """A value that the spec has anyway is not moved."""
    return TunedValues(
        thresholds={name: value for name, value in overlay.thresholds.items() if value != now.thresholds.get(name)},
        tiers={name: model for name, model in overlay.tiers.items() if model != now.tiers.get(name)},
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
    return {key: value for key, value in spec.items() if key not in HOLDS_OR_KEEPS_REVISIONS}


def _sorted(kind: Any, value: Any) -> Any:
    if isinstance(kind, ListOf) and not kind.ordered and isinstance(value, list):
        return sorted(value, key=canonical_json)
    return value

"""What the user asks for: the router and its providers, read, with what regression runs have moved."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tierrouter_core.contract import ConditionReason
from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.inputs import (
    NOTHING_MOVED,
    base_values,
    carried,
    inputs_digest,
    rebased,
    spec_digest,
    with_overlay,
)
from tierrouter_core.resources.load import ProviderKey, Resources, load_documents
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import TierRouter
from tierrouter_operator.planning.history import Moved
from tierrouter_operator.planning.kinds import PROVIDER, ROUTER, Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.providers import Specs, as_raw, read_provider
from tierrouter_operator.planning.trouble import Trouble, problems_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What the newest revision should stand for."""

    router: TierRouter
    """With the overlay in it: as it is to be compiled."""
    written: TierRouter
    """As its user wrote it."""
    providers: Mapping[ProviderKey, ModelProvider]
    """Those that it uses, for its tiers or as the baseline."""
    base: TunedValues
    overlay: TunedValues
    inputs_digest: str
    spec_digest: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision moves: see :func:`~tierrouter_core.resources.inputs.carried`."""

    base: TunedValues
    before: TunedValues
    after: TunedValues


def providers_named(router: Obj) -> frozenset[str]:
    """The ModelProviders that the router's tiers name."""
    tiers = (router.get("spec") or {}).get("tiers") or ()
    return frozenset(tier["provider"] for tier in tiers if isinstance(tier.get("provider"), str))


def read_asked(observed: Observed, moved: Moved | None) -> Asked | Trouble:
    """Read the router with the providers that it uses.

    Args:
        observed: what there is.
        moved: what regression runs have moved, by spec changes since or not; None where there is no revision yet.
    """
    named = providers_named(observed.router)
    missing = sorted(named - observed.providers.keys())
    used = [observed.providers[name] for name in sorted(named & observed.providers.keys())]
    used += _with_the_baseline(observed, named)
    resources = _read(Specs(observed.router, *used))
    if isinstance(resources, ConfigurationError):
        return Trouble(_reason(resources, missing), problems_of(resources))
    router = resources.one_router()
    overlay = NOTHING_MOVED if moved is None else rebased(moved.overlay, moved.base, router)
    return _asked(router, resources.providers, overlay)


def asked_with(asked: Asked, step: Step) -> Asked:
    """The same with what a decision moves: with nothing else in it than before where nothing of it is left."""
    overlay = carried(asked.overlay, step.before, step.after, step.base, asked.written)
    return _asked(asked.written, asked.providers, overlay)


def _asked(router: TierRouter, providers: Mapping[ProviderKey, ModelProvider], overlay: TunedValues) -> Asked:
    offered = _offered(overlay, router, providers)
    return Asked(
        router=with_overlay(router, offered),
        written=router,
        providers=providers,
        base=base_values(router.spec),
        overlay=offered,
        inputs_digest=inputs_digest(router, providers.values(), offered),
        spec_digest=spec_digest(router),
    )


@lru_cache(maxsize=32)
def _read(written: Specs) -> Resources | ConfigurationError:
    """One change is planned several times over: after each round of writes, and at each event of these."""
    router, *providers = written.objects
    documents = [as_raw(ROUTER, router), *(as_raw(PROVIDER, provider) for provider in providers)]
    try:
        return load_documents(documents)
    except ConfigurationError as error:
        return error


def _reason(error: ConfigurationError, missing: list[str]) -> ConditionReason:
    if missing:
        return ConditionReason.PROVIDER_MISSING
    is_of_a_provider = all(problem.document.startswith(f"{PROVIDER.kind}/") for problem in error.problems)
    return ConditionReason.PROVIDER_INVALID if is_of_a_provider else ConditionReason.INVALID


def _with_the_baseline(observed: Observed, named: frozenset[str]) -> list[Obj]:
    """Providers that no tier names, but that have the model that savings are measured against."""
    baseline = observed.router["spec"].get("baselineModel")
    return [
        obj
        for name, obj in sorted(observed.providers.items())
        if baseline
        and name not in named
        and any(baseline in (model.get("name"), model.get("id")) for model in obj["spec"].get("models") or ())
        # One that is wrong would be no fault of this router's.
        and isinstance(read_provider(obj), ModelProvider)
    ]


def _offered(overlay: TunedValues, router: TierRouter, providers: Mapping[ProviderKey, ModelProvider]) -> TunedValues:
    """The overlay less models that the tier's provider has no more."""
    provider_of = {tier.name: providers.get((router.namespace, tier.provider)) for tier in router.spec.tiers}
    tiers = {
        tier: model
        for tier, model in overlay.tiers.items()
        if (provider := provider_of.get(tier)) is not None and provider.model(model) is not None
    }
    return replace(overlay, tiers=tiers)

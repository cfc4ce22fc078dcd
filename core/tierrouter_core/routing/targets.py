"""Where a turn may go: a tier's model at its provider, and the dialect in which it gets a client's turn."""

from dataclasses import dataclass
from typing import Final

from tierrouter_core.document.model import Document, Model, Provider, Tier
from tierrouter_core.names import Dialect
from tierrouter_core.wire.quirks import Profile, profile_of

NO_TIER: Final = "none"
OTHER_MODEL: Final = "other"
"""Names for what no document describes: clients name models as they like, and each name would be a series."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place that a turn can be sent to."""

    provider: Provider
    model_id: str
    """The provider's name of the model, which goes into the request."""
    model: Model | None = None
    """None for a model that no document describes (Observe and Off only)."""
    tier: Tier | None = None
    """None where no tier has the model (Observe and Off only)."""

    @property
    def tier_name(self) -> str:
        """The tier's name, or ``none``."""
        return NO_TIER if self.tier is None else self.tier.name

    @property
    def model_name(self) -> str:
        """The user's name for the model, or the provider's where the user has none."""
        return self.model_id if self.model is None else self.model.name

    @property
    def model_label(self) -> str:
        """As :attr:`model_name`, for metrics: one of those that the document names, or ``other``."""
        return OTHER_MODEL if self.model is None else self.model.name

    @property
    def key(self) -> tuple[str, str]:
        """What makes two targets the same: provider and model."""
        return (self.provider.name, self.model_id)


def target_of_tier(document: Document, tier: Tier) -> Target:
    """The tier's target."""
    model = document.model_of(tier)
    return Target(document.provider_of(tier), model.id, model, tier)


def profile_of_target(target: Target) -> Profile:
    """How to speak to the target's model."""
    capabilities = {} if target.model is None else target.model.capabilities
    return profile_of(target.provider.base_url, target.model_id, capabilities)


def vendor_of(target: Target) -> str:
    """Whose model it is, wherever it is served."""
    return profile_of_target(target).vendor


def speaks(model: Model, dialect: Dialect, *, has_tools: bool) -> bool:
    """Whether the model takes a turn of this dialect as it is."""
    if dialect not in model.dialects:
        return False
    return not (has_tools and (dialect, "tools") in model.reject)


def spoken(model: Model, dialect: Dialect, *, has_tools: bool) -> Dialect | None:
    """The dialect in which the model gets a client's turn: the client's own where it can, else its best.

    None where it takes no turn with tools at all.
    """
    if speaks(model, dialect, has_tools=has_tools):
        return dialect
    return next((other for other in model.dialects if speaks(model, other, has_tools=has_tools)), None)


def requested_target(document: Document, requested_model: str, dialect: Dialect) -> Target | None:
    """What was asked for: a tier's model by either name, else a known one of the dialect, else the dialect's vendor.

    The last is for Observe and Off: an agent's side calls name models that no tier has, and must not break.
    """
    named = [
        (tier, model)
        for tier in document.tiers.values()
        if requested_model in ((model := document.model_of(tier)).name, model.id)
    ]
    for tier, _ in sorted(named, key=lambda one: dialect not in one[1].dialects):
        return target_of_tier(document, tier)
    for provider in document.providers.values():
        for model in provider.models.values():
            if requested_model in (model.name, model.id) and dialect in model.dialects:
                return Target(provider, model.id, model)
    for provider in document.providers.values():
        if any(model.dialects[:1] == (dialect,) for model in provider.models.values()):
            return Target(provider, requested_model)
    return None


def stand_ins(document: Document, tier: Tier) -> tuple[str, ...]:
    """The tiers that are to take over where this one fails, in their order."""
    # For the fallback tier, which may serve a prompt to its end, the default tiers stand in.
    is_fallback = document.fallback_tier == tier.name
    usual = tuple(name for name, _ in document.default_tier) if is_fallback else (document.fallback_tier,)
    named = dict.fromkeys((tier.spill_to, *(tier.fallback_to or usual)))
    return tuple(name for name in named if name in document.tiers and name != tier.name)

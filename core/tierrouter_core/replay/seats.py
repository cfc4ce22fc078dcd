"""From a document to who serves: each tier's model with its price and its cache, and the baseline."""

from tierrouter_core.document.model import Document
from tierrouter_core.replay.cache import Seat
from tierrouter_core.replay.tariff import tariff_of
from tierrouter_core.spend.baseline import BaselineModel
from tierrouter_core.spend.price import Price

BASELINE = "baseline"
"""The name under which the baseline is served; it is no tier."""


def seats_of(document: Document, ttl_ms: int | None = None) -> dict[str, Seat]:
    """Who serves under each tier's name.

    Args:
        ttl_ms: how long every cache lives, instead of what each model's ``cache.ttl`` says.
    """
    seats = {}
    for tier in document.tiers.values():
        model = document.model_of(tier)
        lives_ms = model.cache_ttl_ms if ttl_ms is None else ttl_ms
        seats[tier.name] = _seat(
            tier.name,
            model.name,
            f"{tier.provider}/{model.name}",
            model.price,
            lives_ms,
            model.cache_min_tokens,
            expensive=tier.expensive,
        )
    return seats


def seat_of_baseline(baseline: BaselineModel, ttl_ms: int | None = None) -> Seat:
    """The baseline, which serves everything under the name :data:`BASELINE`."""
    lives_ms = baseline.cache_ttl_ms if ttl_ms is None else ttl_ms
    return _seat(BASELINE, baseline.model, BASELINE, baseline.price, lives_ms, baseline.cache_min_tokens)


def tiers_of_a_mix(document: Document) -> tuple[str, str] | None:
    """The two tiers that a naive policy mixes: the (first) default tier, and the one that the baseline's model serves.

    Where the baseline is no tier's, the expensive tier of lowest rank stands in; None where there is none either.
    """
    cheap = document.default_tier[0][0]
    others = [tier for tier in document.tiers.values() if tier.name != cheap]
    name = "" if document.baseline is None else document.baseline.model
    for tier in others:
        model = document.model_of(tier)
        if name and name in (model.name, model.id):
            return cheap, tier.name
    expensive = [tier for tier in others if tier.expensive]
    return (cheap, min(expensive, key=lambda tier: tier.rank).name) if expensive else None


def _seat(
    tier: str, model: str, place: str, price: Price | None, ttl_ms: int, min_tokens: int, *, expensive: bool = False
) -> Seat:
    tariff = None if price is None else tariff_of(price, ttl_ms)
    return Seat(tier, model, place, tariff, ttl_ms, min_tokens, expensive)

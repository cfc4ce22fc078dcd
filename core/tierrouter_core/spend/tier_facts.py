"""What a report must know of a revision's tiers: which are expensive, what they cost, what the baseline was.

Rows name a tier and a revision only. These facts are kept beside them when a document is loaded, so that a report
needs no router file and still judges old turns by the tiers of their own time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.price import Price, price_from_json, price_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFacts:
    """One tier of one revision."""

    tier: str
    rank: int
    expensive: bool
    provider: str
    model: str
    """The user's name for the model."""
    model_id: str = ""
    """The provider's name for it."""
    price: Price | None = None
    cache_ttl_ms: int = 300_000
    cache_min_tokens: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFacts:
    """The tiers of one revision, and its baseline."""

    revision: str
    tiers: tuple[TierFacts, ...] = ()
    baseline: BaselineFacts | None = None


def revision_to_json(facts: RevisionFacts) -> dict[str, Any]:
    """``facts`` as JSON values."""
    baseline = facts.baseline
    return {
        "revision": facts.revision,
        "tiers": [
            {
                "tier": tier.tier,
                "rank": tier.rank,
                "expensive": tier.expensive,
                "provider": tier.provider,
                "model": tier.model,
                "modelId": tier.model_id,
                "price": None if tier.price is None else price_to_json(tier.price),
                "cacheTtlMs": tier.cache_ttl_ms,
                "cacheMinTokens": tier.cache_min_tokens,
            }
            for tier in facts.tiers
        ],
        "baseline": None
        if baseline is None
        else {
            "model": baseline.model,
            "price": None if baseline.price is None else price_to_json(baseline.price),
            "cacheTtlMs": baseline.cache_ttl_ms,
            "cacheMinTokens": baseline.cache_min_tokens,
        },
    }


def revision_from_json(data: Mapping[str, Any]) -> RevisionFacts:
    """The inverse of :func:`revision_to_json`; raises KeyError, TypeError or ValueError for anything else."""
    baseline = data.get("baseline")
    return RevisionFacts(
        revision=str(data["revision"]),
        tiers=tuple(
            TierFacts(
                tier=str(tier["tier"]),
                rank=int(tier["rank"]),
                expensive=bool(tier["expensive"]),
                provider=str(tier["provider"]),
                model=str(tier["model"]),
                model_id=str(tier.get("modelId", "")),
                price=_price(tier.get("price")),
                cache_ttl_ms=int(tier["cacheTtlMs"]),
                cache_min_tokens=int(tier["cacheMinTokens"]),
            )
            for tier in data["tiers"]
        ),
        baseline=None
        if baseline is None
        else BaselineFacts(
            model=str(baseline["model"]),
            price=_price(baseline.get("price")),
            cache_ttl_ms=int(baseline["cacheTtlMs"]),
            cache_min_tokens=int(baseline["cacheMinTokens"]),
        ),
    )


def _price(data: Mapping[str, Any] | None) -> Price | None:
    return None if data is None else price_from_json(data)

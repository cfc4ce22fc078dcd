"""From a configuration document to what a report must know of it."""

from tierrouter_core.document.model import Document
from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.tier_facts import RevisionFacts, TierFacts


def facts_of(document: Document, revision: str) -> RevisionFacts:
    """The document's tiers and baseline, under the name that rows give the revision."""
    tiers = []
    for tier in document.tiers.values():
        model = document.model_of(tier)
        tiers.append(
            TierFacts(
                tier=tier.name,
                rank=tier.rank,
                expensive=tier.expensive,
                provider=tier.provider,
                model=model.name,
                model_id=model.id,
                price=model.price,
                cache_ttl_ms=model.cache_ttl_ms,
                cache_min_tokens=model.cache_min_tokens,
            )
        )
    baseline = document.baseline
    known = None
    if baseline is not None:
        known = BaselineFacts(
            model=baseline.model,
            price=baseline.price,
            cache_ttl_ms=baseline.cache_ttl_ms,
            cache_min_tokens=baseline.cache_min_tokens,
        )
    return RevisionFacts(revision=revision, tiers=tuple(tiers), baseline=known)

"""Prices and rows that the tests of spending share."""

from decimal import Decimal
from typing import Any

from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.tier_facts import RevisionFacts, TierFacts

GPT = Price(rates=Rates(input=Decimal("5"), output=Decimal("30"), cache_read=Decimal("0.5")))
KIMI = Price(rates=Rates(input=Decimal("0.95"), output=Decimal("4.00"), cache_read=Decimal("0.16")))
OPUS = Price(
    rates=Rates(
        input=Decimal("5"),
        output=Decimal("25"),
        cache_read=Decimal("0.5"),
        cache_write=Decimal("6.25"),
        cache_write_1h=Decimal("10"),
    )
)
FREE = Price(rates=Rates(input=Decimal(0), output=Decimal(0)))

GPT_BASELINE = BaselineFacts(model="gpt-5-5", price=GPT)
OPUS_BASELINE = BaselineFacts(model="claude-opus-4-7", price=OPUS)

REVISION = RevisionFacts(
    revision="coding-1",
    tiers=(
        TierFacts(tier="local", rank=0, expensive=False, provider="ollama", model="qwen-local", price=FREE),
        TierFacts(tier="routine", rank=1, expensive=False, provider="openrouter", model="kimi-k2-6", price=KIMI),
        TierFacts(tier="reasoning", rank=2, expensive=True, provider="openai", model="gpt-5-5", price=GPT),
    ),
    baseline=GPT_BASELINE,
)


def turn(number: int, **columns: Any) -> TurnRow:
    """An answered turn on the routine tier, ``number`` seconds after noon."""
    defaults: dict[str, Any] = {
        "turn_id": f"{number:08x}",
        "time": f"2026-01-31T12:{number // 60:02d}:{number % 60:02d}.000Z",
        "session": "s",
        "agent": "main",
        "tier": "routine",
        "provider": "openrouter",
        "model": "kimi-k2-6",
        "revision": "coding-1",
        "outcome": "answered",
        "attempts": 1,
        "usage_source": "reported",
        "cost_usd": Decimal("0.01"),
    }
    return TurnRow(**{**defaults, **columns})

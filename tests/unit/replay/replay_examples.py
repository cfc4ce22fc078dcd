"""Documents and calls that the tests of replay share."""

from decimal import Decimal
from typing import Any

from tierrouter_core.document.model import Baseline, Document, Failover, Hints, Model, Provider, Rule, Session, Tier
from tierrouter_core.names import Dialect, Mode, TurnKind
from tierrouter_core.replay.cache import Seat
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.tariff import tariff_of
from tierrouter_core.spend.price import Price, Rates

GPT = Price(rates=Rates(input=Decimal("5"), output=Decimal("30"), cache_read=Decimal("0.5")))
KIMI = Price(rates=Rates(input=Decimal("0.95"), output=Decimal("4"), cache_read=Decimal("0.16")))
OPUS = Price(
    rates=Rates(
        input=Decimal("5"),
        output=Decimal("25"),
        cache_read=Decimal("0.5"),
        cache_write=Decimal("6.25"),
        cache_write_1h=Decimal("10"),
    )
)
FIVE_MINUTES_MS = 300_000


def seat(tier: str = "reasoning", price: Price | None = GPT, **more: Any) -> Seat:
    ttl_ms = more.pop("ttl_ms", FIVE_MINUTES_MS)
    tariff = None if price is None else tariff_of(price, ttl_ms)
    return Seat(tier, more.pop("model", tier), more.pop("place", tier), tariff, ttl_ms, **more)


def call(turn: int, context: int = 50_000, **fields: Any) -> ReplayCall:
    """The ``turn``-th call of one agent, ten seconds after the one before, all of its context read from a cache."""
    defaults: dict[str, Any] = {
        "session": "s",
        "agent": "main",
        "turn": turn,
        "prompt_idx": 0,
        "t_rel_s": 10.0 * turn,
        "model": "claude-opus-4-7",
        "input_tokens": 0,
        "cache_creation_tokens": 0,
        "cache_read_tokens": context,
        "output_tokens": 100,
        "kind": TurnKind.USER if turn == 0 else TurnKind.TOOL_LOOP,
    }
    return ReplayCall(**{**defaults, **fields})


def document(**changes: Any) -> Document:
    """Kimi K2.6 as ``routine``, GPT-5.5 as ``reasoning``, which is expensive and the baseline."""
    dialects = (Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES)
    models = [
        Model(name="kimi-k2-6", id="moonshotai/kimi-k2.6", dialects=dialects, price=KIMI),
        Model(name="gpt-5-5", id="gpt-5.5", dialects=dialects, price=GPT),
        *changes.pop("models", ()),
    ]
    provider = Provider(
        name="vendor", base_url="https://api.example.com/v1", models={model.name: model for model in models}
    )
    tiers = [
        Tier(name="routine", rank=1, provider="vendor", model="kimi-k2-6", max_tokens=8192),
        Tier(name="reasoning", rank=2, provider="vendor", model="gpt-5-5", max_tokens=4096, expensive=True),
        *changes.pop("tiers", ()),
    ]
    fields: dict[str, Any] = {
        "namespace": "",
        "router": "coding",
        "mode": Mode.ROUTE,
        "tiers": {tier.name: tier for tier in tiers},
        "default_tier": (("routine", 1),),
        "fallback_tier": "routine",
        "baseline": Baseline(model="gpt-5-5", price=GPT),
        "thresholds": {"calls": 3},
        "rules": (),
        "model_hints": (),
        "hints": Hints(allow=("routine", "reasoning")),
        "session": Session(),
        "failover": Failover(),
        "response_model": "Upstream",
        "providers": {"vendor": provider},
    }
    return Document(**{**fields, **changes})


STALLED = Rule(name="stalled", when="session.calls_in_task > thresholds.calls", tier="reasoning", escalate=True)

"""The article's five tiers, word for word, and what follows from them."""

from collections.abc import Mapping
from typing import TypedDict, cast

from tierrouter_core.article.frozen import ReadOnlyDict
from tierrouter_core.names import MODEL_ALIAS_PREFIX


class TierConfig(TypedDict):
    """One tier of :data:`TIER_ROUTER`."""

    model: str
    provider: str
    max_tokens: int
    """Cap on output tokens to ask for."""


def _tier(model: str, provider: str, max_tokens: int) -> TierConfig:
    return cast(TierConfig, ReadOnlyDict({"model": model, "provider": provider, "max_tokens": max_tokens}))


DEFAULT_TIER = "routine"
REASONING_TIER = "reasoning"
DEEP_TIER = "deep"
FALLBACK_TIER = "fallback"

TIER_ROUTER: Mapping[str, TierConfig] = ReadOnlyDict(
    {
        DEFAULT_TIER: _tier("kimi-k2-6", "openrouter", 8192),
        REASONING_TIER: _tier("gpt-5-5", "openai", 4096),
        DEEP_TIER: _tier("claude-opus-4-7", "anthropic", 8192),
        "local": _tier("qwen-3-6-27b-local", "ollama", 4096),
        FALLBACK_TIER: _tier("deepseek-v4-flash", "openrouter", 8192),
    }
)
"""Tier name to tier; read-only at both levels."""

NEXT_TIER_UP: Mapping[str, str] = ReadOnlyDict(
    {
        "local": DEFAULT_TIER,
        DEFAULT_TIER: REASONING_TIER,
        FALLBACK_TIER: REASONING_TIER,
        REASONING_TIER: DEEP_TIER,
        DEEP_TIER: DEEP_TIER,
    }
)
"""The ladder, by the ranks of the TierRouter resource: fallback stands beside routine; deep has nothing above it."""

EXPENSIVE_MODELS: frozenset[str] = frozenset({TIER_ROUTER[REASONING_TIER]["model"], TIER_ROUTER[DEEP_TIER]["model"]})
"""The models whose share :func:`~tierrouter_core.article.shares.deep_tier_ratio` watches."""

_TIER_OF_MODEL: Mapping[str, str] = ReadOnlyDict({tier["model"]: name for name, tier in TIER_ROUTER.items()})


def tier_config(name: str) -> TierConfig:
    """A new dict with the tier called ``name``, which must exist."""
    tier = TIER_ROUTER[name]
    return {"model": tier["model"], "provider": tier["provider"], "max_tokens": tier["max_tokens"]}


def tier_alias(model: str) -> str:
    """The model name that asks a running TierRouter for the tier of ``model``: ``gpt-5-5`` gives ``tier/reasoning``.

    ``ValueError`` for a model that no tier has.
    """
    if model not in _TIER_OF_MODEL:
        raise ValueError(f"model: no tier has the model {model!r}; the tiers' models are {', '.join(_TIER_OF_MODEL)}")
    return MODEL_ALIAS_PREFIX + _TIER_OF_MODEL[model]

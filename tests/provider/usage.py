"""Token counts, once as numbers, and how each vendor writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class UsageStyle(StrEnum):
    """How an OpenAI-compatible vendor writes usage; Messages and Responses have one way each."""

    OPENAI = "openai"
    OPENROUTER = "openrouter"
    """OpenAI's, with the price in ``cost``."""
    DEEPSEEK = "deepseek"
    """``prompt_cache_hit_tokens`` and ``prompt_cache_miss_tokens`` beside the details."""
    MOONSHOT = "moonshot"
    """``cached_tokens`` at the top as well as in the details."""
    MOONSHOT_OLD = "moonshot-old"
    """``cached_tokens`` at the top alone."""
    XAI = "xai"
    """``completion_tokens`` leaves reasoning out."""
    PLAIN = "plain"
    """The three totals alone, as Ollama writes them."""


class UsagePlacement(StrEnum):
    """Where a Chat stream carries its usage."""

    IF_ASKED = "if-asked"
    """An extra ``choices: []`` chunk if the request set ``include_usage``, as OpenAI does."""
    ALWAYS = "always"
    """That chunk whether asked or not, as OpenRouter does."""
    FINISH_CHUNK = "finish-chunk"
    """On the chunk with the ``finish_reason``."""
    EVERY_CHUNK = "every-chunk"
    """Growing, on every chunk (vLLM's continuous usage)."""
    IN_CHOICE = "in-choice"
    """In ``choices[0].usage`` of the finish chunk (older Moonshot)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an answer used. ``input`` is the whole input, cached parts included; ``output`` includes reasoning."""

    input: int = 100
    cached: int = 0
    written: int = 0
    """Written to the cache with the standard time to live."""
    written_1h: int = 0
    """Written with the extended time to live."""
    output: int = 20
    reasoning: int = 0
    cost_usd: float | None = None
    """What the vendor says it cost; only ``UsageStyle.OPENROUTER`` says it."""


Usage = Tokens | Mapping[str, Any] | None
"""Counts to be rendered, or an object to be sent as it is, or none at all."""


def chat_usage(usage: Usage, style: UsageStyle) -> dict[str, Any] | None:
    """The ``usage`` object of a Chat answer."""
    if not isinstance(usage, Tokens):
        return None if usage is None else dict(usage)
    completion = usage.output - usage.reasoning if style is UsageStyle.XAI else usage.output
    totals = {
        "prompt_tokens": usage.input,
        "completion_tokens": completion,
        "total_tokens": usage.input + usage.output,
    }
    if style is UsageStyle.PLAIN:
        return totals
    if style is UsageStyle.MOONSHOT_OLD:
        return {**totals, "cached_tokens": usage.cached}
    detailed: dict[str, Any] = {
        **totals,
        "prompt_tokens_details": _input_details(usage),
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if style is UsageStyle.OPENROUTER:
        detailed |= {"cost": usage.cost_usd, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
    elif style is UsageStyle.DEEPSEEK:
        detailed |= {
            "prompt_cache_hit_tokens": usage.cached,
            "prompt_cache_miss_tokens": usage.input - usage.cached,
        }
    elif style is UsageStyle.MOONSHOT:
        detailed |= {"cached_tokens": usage.cached}
    return detailed


def responses_usage(usage: Usage) -> dict[str, Any] | None:
    """The ``usage`` object of a Responses answer."""
    if not isinstance(usage, Tokens):
        return None if usage is None else dict(usage)
    return {
        "input_tokens": usage.input,
        "input_tokens_details": _input_details(usage),
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def messages_usage(usage: Usage) -> dict[str, Any] | None:
    """The ``usage`` object of a Messages answer; its input counts exclude one another."""
    if not isinstance(usage, Tokens):
        return None if usage is None else dict(usage)
    written = usage.written + usage.written_1h
    rendered: dict[str, Any] = {
        "input_tokens": usage.input - usage.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.written,
            "ephemeral_1h_input_tokens": usage.written_1h,
        },
        "output_tokens": usage.output,
        "service_tier": "standard",
    }
    if usage.reasoning:
        rendered["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return rendered


def _input_details(usage: Tokens) -> dict[str, Any]:
    written = usage.written + usage.written_1h
    details: dict[str, Any] = {"cached_tokens": usage.cached, "cache_write_tokens": written}
    if usage.written_1h:
        details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.written,
            "ttl_12h_tokens": usage.written_1h,
        }
    return details

"""What a Chat Completions answer used: OpenAI's shape and what its imitators made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details, first_count, inclusive_usage, items, stated_cost_usd


def chat_usage(usage: object) -> Usage | None:
    """Usage from a ``usage`` object; None where it says nothing.

    ``prompt_tokens`` includes cache reads and writes. DeepSeek splits it into hit and miss, which is what it bills;
    older Moonshot names ``cached_tokens`` at the top.
    """
    report = details(usage)
    prompt = details(report.get("prompt_tokens_details"))
    completion = details(report.get("completion_tokens_details"))
    total = count(report.get("prompt_tokens"))
    cached = (
        first_count(
            report.get("prompt_cache_hit_tokens"),
            prompt.get("cached_tokens"),
            report.get("cached_tokens"),
        )
        or 0
    )
    missed = count(report.get("prompt_cache_miss_tokens"))
    contradiction = missed is not None and bool(total) and total != missed + cached
    if missed is not None:
        total = missed + cached
    split = details(prompt.get("cache_write_tokens_details"))
    extended = count(split.get("ttl_12h_tokens")) or 0
    written = first_count(prompt.get("cache_write_tokens"), split.get("ttl_30m_tokens")) or 0
    derived = inclusive_usage(
        total=total,
        output=count(report.get("completion_tokens")),
        cached=cached,
        written_5m=max(0, written - extended),
        written_1h=extended,
        reasoning=count(completion.get("reasoning_tokens")) or 0,
        cost_usd=stated_cost_usd(report),
    )
    return replace(derived, inconsistent=True) if derived is not None and contradiction else derived


def usage_object(payload: Mapping[str, Any]) -> object:
    """Where a chunk or an answer carries its usage: at the top, with older Moonshot in the first choice."""
    found = payload.get("usage")
    if found is None:
        for choice in items(payload.get("choices")):
            found = details(choice).get("usage")
            if found is not None:
                break
    return found


def generated_texts(payload: Mapping[str, Any]) -> Iterator[object]:
    """Everything that a whole answer's model wrote: text, reasoning, refusals, tool calls."""
    for choice in items(payload.get("choices")):
        message = details(details(choice).get("message"))
        yield message.get("content")
        yield message.get("refusal")
        yield message.get("reasoning_content") or message.get("reasoning")
        for call in items(message.get("tool_calls")):
            function = details(details(call).get("function"))
            yield function.get("name")
            yield function.get("arguments")

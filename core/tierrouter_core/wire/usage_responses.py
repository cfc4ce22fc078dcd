"""What a Responses answer used."""

from collections.abc import Iterator, Mapping
from typing import Any

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details, inclusive_usage, items, stated_cost_usd


def responses_usage(usage: object) -> Usage | None:
    """Usage from a ``usage`` object; None where it says nothing. ``input_tokens`` includes cache reads and writes."""
    report = details(usage)
    given = details(report.get("input_tokens_details"))
    made = details(report.get("output_tokens_details"))
    split = details(given.get("cache_write_tokens_details"))
    extended = count(split.get("ttl_12h_tokens")) or 0
    standard = count(split.get("ttl_30m_tokens")) or 0
    written = count(given.get("cache_write_tokens"))
    return inclusive_usage(
        total=count(report.get("input_tokens")),
        output=count(report.get("output_tokens")),
        cached=count(given.get("cached_tokens")) or 0,
        written_5m=standard if written is None else max(0, written - extended),
        written_1h=extended,
        reasoning=count(made.get("reasoning_tokens")) or 0,
        cost_usd=stated_cost_usd(report),
    )


def generated_texts(payload: Mapping[str, Any]) -> Iterator[object]:
    """Everything readable that a whole response's model wrote."""
    for item in items(payload.get("output")):
        yield from item_texts(details(item))


def item_texts(item: Mapping[str, Any]) -> Iterator[object]:
    """Everything readable in one output item: text, refusal, reasoning, arguments, a custom tool's input."""
    yield item.get("name")
    yield item.get("arguments")
    yield item.get("input")
    for part in (*items(item.get("content")), *items(item.get("summary"))):
        yield details(part).get("text")
        yield details(part).get("refusal")


def refuses(item: Mapping[str, Any]) -> bool:
    """Whether an output item is a refusal."""
    return any(details(part).get("refusal") for part in items(item.get("content")))


def is_filtered(response: Mapping[str, Any]) -> bool:
    """Whether a response ended because of what was in it."""
    return details(response.get("incomplete_details")).get("reason") == "content_filter"

"""What a Messages answer used."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details, inclusive_usage, items, stated_cost_usd


def messages_usage(usage: object) -> Usage | None:
    """Usage from a ``usage`` object; None where it says nothing.

    ``input_tokens`` excludes what was cached. The total of cache writes may be newer than its breakdown: what the
    breakdown does not explain has the standard time to live, unless all that it explains has the extended one.
    """
    report = details(usage)
    split = details(report.get("cache_creation"))
    standard = count(split.get("ephemeral_5m_input_tokens")) or 0
    extended = count(split.get("ephemeral_1h_input_tokens")) or 0
    written = count(report.get("cache_creation_input_tokens"))
    contradiction = False
    if written is not None and written != standard + extended:
        contradiction = written < standard + extended
        if extended and not standard:
            extended = written
        else:
            extended = min(extended, written)
            standard = written - extended
    uncached = count(report.get("input_tokens"))
    read = count(report.get("cache_read_input_tokens")) or 0
    derived = inclusive_usage(
        total=(uncached or 0) + read + standard + extended,
        output=count(report.get("output_tokens")),
        cached=read,
        written_5m=standard,
        written_1h=extended,
        reasoning=count(details(report.get("output_tokens_details")).get("thinking_tokens")) or 0,
        cost_usd=stated_cost_usd(report),
    )
    return replace(derived, inconsistent=True) if derived is not None and contradiction else derived


def merged_report(start: Mapping[str, Any], delta: object) -> dict[str, Any]:
    """A stream's report so far: every count of ``delta`` that is not null takes the place of the one before.

    The counts are cumulative, so they are never added up.
    """
    return {**start, **{name: value for name, value in details(delta).items() if value is not None}}


def generated_texts(payload: Mapping[str, Any]) -> Iterator[object]:
    """Everything readable that a whole message's model wrote: text, thinking, tool inputs."""
    for block in map(details, items(payload.get("content"))):
        yield block.get("text")
        yield block.get("thinking")
        if block.get("type") == "tool_use":
            yield block.get("name")
            yield orjson.dumps(block.get("input")).decode()

"""Numbers as providers write them, made into counts that can be trusted, and estimates where there are none.

Nothing here raises on what a provider sent: a count that is no number is unknown, a negative one is zero.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tierrouter_core.names import UsageSource
from tierrouter_core.spend.usage import NOTHING_USED, Usage

BYTES_PER_TOKEN = 3.6
"""UTF-8 bytes of prose in one token, on average; code has fewer."""

_LARGEST_COUNT = 10**12
_NO_DETAILS: Mapping[str, Any] = {}


def count(value: object) -> int | None:
    """``value`` as a count of tokens, or None where it is none. Numeric strings and floats are understood."""
    if type(value) is int:  # nearly all are, and a bool is none
        return max(0, value) if value <= _LARGEST_COUNT else None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = round(value)
    if not isinstance(value, int) or value > _LARGEST_COUNT:
        return None
    return max(0, value)


def details(value: object) -> Mapping[str, Any]:
    """``value`` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else _NO_DETAILS


def items(value: object) -> list[Any]:
    """``value`` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def first_count(*values: object) -> int | None:
    """The first of ``values`` that is a count."""
    return next((number for number in map(count, values) if number is not None), None)


def stated_cost_usd(usage: Mapping[str, Any]) -> Decimal | None:
    """What the provider says that the attempt cost: OpenRouter's ``cost``, in USD.

    With a key of one's own ``cost`` is only OpenRouter's fee; the bill of the provider behind it is added.
    """
    cost = _money(usage.get("cost"))
    if cost is None or usage.get("is_byok") is not True:
        return cost
    return cost + (_money(details(usage.get("cost_details")).get("upstream_inference_cost")) or Decimal(0))


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def inclusive_usage(
    *,
    total: int | None,
    output: int | None,
    cached: int,
    written_5m: int = 0,
    written_1h: int = 0,
    reasoning: int = 0,
    cost_usd: Decimal | None = None,
) -> Usage | None:
    """Usage from counts where the total input includes what was cached; None without any count.

    Where the parts exceed their total, writes are cut first, then reads.
    """
    if not total and not output:
        return None
    total, output = total or 0, output or 0
    read = min(cached, total)
    standard = min(written_5m, total - read)
    extended = min(written_1h, total - read - standard)
    return Usage(
        input_uncached=total - read - standard - extended,
        cache_read=read,
        cache_write_5m=standard,
        cache_write_1h=extended,
        output=output,
        reasoning_output=min(reasoning, output),
        stated_cost_usd=cost_usd,
        inconsistent=cached + written_5m + written_1h > total or reasoning > output,
    )


def estimated_tokens(utf8_bytes: int) -> int:
    """Tokens of a text of ``utf8_bytes`` bytes, rounded up."""
    return math.ceil(utf8_bytes / BYTES_PER_TOKEN)


def utf8_length(texts: Iterable[object]) -> int:
    """Bytes of those of ``texts`` that are strings. Lone surrogates count three, as any other of their range."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if isinstance(text, str))


def usage_or_estimate(
    reported: Usage | None, *, final: bool, complete: bool, input_estimate: int, output_estimate: Callable[[], int]
) -> Usage:
    """The best knowledge of an attempt from what was reported and what was seen.

    ``final`` says that the report covers the whole answer. Otherwise the answer's length is whichever is more of report
    and estimate, and a stated cost is left out, because it is not the whole cost. An input of zero does not exist: it
    is unknown, and so is an output of zero where text was seen. Estimates are in tokens; that of the output is asked
    for only where it matters.
    """
    if reported is not None and final and reported.output and reported.total_input:
        return reported.with_source(UsageSource.REPORTED, complete=complete)
    estimate = output_estimate()
    if reported is None:
        if not complete and not estimate:
            return NOTHING_USED
        return Usage(input_uncached=input_estimate, output=estimate, source=UsageSource.ESTIMATED, complete=complete)
    knows_output = final and (reported.output > 0 or not estimate)
    if knows_output and reported.total_input:
        return reported.with_source(UsageSource.REPORTED, complete=complete)
    return Usage(
        input_uncached=reported.input_uncached if reported.total_input else input_estimate,
        cache_read=reported.cache_read,
        cache_write_5m=reported.cache_write_5m,
        cache_write_1h=reported.cache_write_1h,
        output=reported.output if knows_output else max(reported.output, estimate),
        reasoning_output=reported.reasoning_output,
        source=UsageSource.MIXED,
        complete=complete,
        stated_cost_usd=reported.stated_cost_usd if final else None,
        inconsistent=reported.inconsistent,
    )

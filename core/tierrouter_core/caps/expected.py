"""What a turn is expected to cost, and what it may cost at most."""

from collections import deque
from collections.abc import Sequence

from tierrouter_core.document.model import Model, Tier
from tierrouter_core.routing.switching import Warm, readable
from tierrouter_core.value_class import value_class

FEWEST_OUTPUTS = 20
"""Answers of a tier from which on its own are known."""
_MOST_OUTPUTS = 200
_MTOK = 1_000_000


class Outputs:
    """The output tokens of a tier's latest answers."""

    def __init__(self) -> None:
        self._tokens: deque[int] = deque(maxlen=_MOST_OUTPUTS)

    def add(self, tokens: int) -> None:
        """One more answer."""
        self._tokens.append(tokens)

    def expected(self, unknown: int) -> int:
        """What 95 % of them have at most; ``unknown`` where there are too few."""
        return percentile_95(self._tokens) if len(self._tokens) >= FEWEST_OUTPUTS else unknown


def percentile_95(values: Sequence[int]) -> int:
    """The least value that 95 % of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


@value_class
class Expected:
    """One turn on one tier, in US dollars."""

    usd: float
    most_usd: float
    """Without a cache, and with all the output that it may ask for."""


def expected_cost(
    tier: Tier, model: Model, context: int, output: int, most_output: int | None, now_s: float, warm: Warm | None
) -> Expected | None:
    """What a turn is expected to cost; None without a price.

    Args:
        context: its input tokens.
        output: the output tokens that are expected.
        most_output: the client's own cap; None where it names none.
        warm: what the model's cache holds of the conversation.
    """
    if model.price is None:
        return None
    rates = model.price.rates_for(context)
    read = readable(warm, context, now_s, model)
    full = float(rates.input if rates.cache_write is None else rates.cache_write)
    cached = float(rates.input if rates.cache_read is None else rates.cache_read)
    most = _most_output(tier, model, context, most_output)
    an_hour = full if rates.cache_write_1h is None else float(rates.cache_write_1h)
    most_input = context * max(full, an_hour, cached, float(rates.input))
    return Expected(
        (read * cached + (context - read) * full + min(output, most) * float(rates.output)) / _MTOK,
        (most_input + most * float(rates.output)) / _MTOK,
    )


def _most_output(tier: Tier, model: Model, context: int, asked_for: int | None) -> int:
    """How much a model may write. Where the client names no cap, most providers are sent none either."""
    if asked_for is not None:
        caps = (asked_for, model.max_output_tokens, tier.max_tokens if tier.clamp else None)
        return min(cap for cap in caps if cap is not None)
    if model.max_output_tokens is not None:
        return model.max_output_tokens
    window = model.context_window
    return tier.max_tokens if window is None else max(tier.max_tokens, window - context)

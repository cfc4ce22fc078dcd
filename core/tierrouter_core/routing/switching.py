"""What it costs to serve a conversation on another tier: prompt caches are lost, and others are to be filled.

Agents read some 95 % of their input from a provider's prompt cache. Another model reads the whole context at its full
price first, so a cheaper model pays only after some calls.
"""

from typing import Final

from tierrouter_core.document.model import Model
from tierrouter_core.spend.baseline import readable_tokens
from tierrouter_core.spend.price import Rates
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import value_class

EXPECTED_CALLS: Final = 10
"""Model calls that a prompt takes, on average, in real sessions of coding agents."""
EXPECTED_OUTPUT: Final = 300
"""Tokens that a call of them generates, on average."""

_MTOK = 1_000_000


@value_class
class Warm:
    """What a tier's model may still have in its prompt cache of a conversation."""

    tokens: int
    at_s: float
    """When it was read or written last, by any clock that all turns share."""


@value_class
class Switch:
    """Two ways to go on, in US dollars over the calls that are expected."""

    stay_usd: float
    go_usd: float
    price_usd: float
    """What the next call costs more for it: the context that the other model has to read anew."""

    @property
    def pays(self) -> bool:
        """Whether going is cheaper in the end."""
        return self.go_usd < self.stay_usd


def readable(warm: Warm | None, context: int, now_s: float, model: Model) -> int:
    """Tokens of a context that ``model`` still reads from its cache."""
    if warm is None:
        return 0
    return readable_tokens(warm.tokens, now_s - warm.at_s, context, model.cache_ttl_ms, model.cache_min_tokens)


def switch(
    stay: Model, go: Model, context: int, now_s: float, warm_stay: Warm | None, warm_go: Warm | None
) -> Switch | None:
    """Compare serving the next prompt on ``stay``, which has served until now, and on ``go``.

    None where a price is not known: then nothing speaks against going.

    Args:
        context: tokens of the conversation.
    """
    if stay.price is None or go.price is None:
        return None
    on = _Prompt.of(stay.price.rates_for(context), context, readable(warm_stay, context, now_s, stay))
    off = _Prompt.of(go.price.rates_for(context), context, readable(warm_go, context, now_s, go))
    return Switch(on.usd, off.usd, max(0.0, off.first_input_usd - on.first_input_usd))


def call_usd(model: Model, context: int, output: int, now_s: float, warm: Warm | None) -> float:
    """What a call costs on ``model`` in US dollars, by what its cache holds; 0 without a price."""
    if model.price is None:
        return 0.0
    rates, read = model.price.rates_for(context), readable(warm, context, now_s, model)
    full = float(rates.input if rates.cache_write is None else rates.cache_write)
    cached = float(rates.input if rates.cache_read is None else rates.cache_read)
    return (read * cached + (context - read) * full + output * float(rates.output)) / _MTOK


def anew_usd(served: Model, usage: Usage, warm: int) -> float:
    """What a turn cost more because ``served`` read anew what the model before it had in its cache; 0 without a price.

    Args:
        warm: tokens of the turn's input that the model before could still have read from its cache.
    """
    if served.price is None:
        return 0.0
    rates = served.price.rates_for(usage.total_input)
    full = float(rates.input if rates.cache_write is None else rates.cache_write)
    cached = float(rates.input if rates.cache_read is None else rates.cache_read)
    read_anew = max(0, min(warm, usage.total_input) - usage.cache_read)
    return read_anew * max(0.0, full - cached) / _MTOK


@value_class
class _Prompt:
    """What the calls of one prompt cost on one model, in US dollars."""

    first_input_usd: float
    """The first call's context."""
    usd: float
    """All calls: those after the first read the context from the cache."""

    @classmethod
    def of(cls, rates: Rates, context: int, read: int) -> "_Prompt":
        full = float(rates.input if rates.cache_write is None else rates.cache_write)
        cached = float(rates.input if rates.cache_read is None else rates.cache_read)
        first = (read * cached + (context - read) * full) / _MTOK
        rest = (EXPECTED_CALLS - 1) * context * cached / _MTOK
        return cls(first, first + rest + EXPECTED_CALLS * EXPECTED_OUTPUT * float(rates.output) / _MTOK)

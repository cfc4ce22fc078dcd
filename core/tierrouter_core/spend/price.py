"""Prices as values, and what tokens cost at them.

Money is ``Decimal`` throughout: a price of $0.95 per million tokens is exact, and a sum of a million turns is too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tierrouter_core.names import CostSource
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import value_class

_MTOK = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per million tokens. A rate that is None falls back as its docstring says."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    """None: cached input costs as much as any other."""
    cache_write: Decimal | None = None
    """None: writing to the cache costs no more than reading the input did."""
    cache_write_1h: Decimal | None = None
    """None: as ``cache_write``."""

    def cost(self, usage: Usage) -> Decimal:
        """What ``usage`` costs at these rates, in USD, exact."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        write_1h = write if self.cache_write_1h is None else self.cache_write_1h
        return (
            usage.input_uncached * self.input
            + usage.cache_read * read
            + usage.cache_write_5m * write
            + usage.cache_write_1h * write_1h
            + usage.output * self.output
        ) / _MTOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A model's price: its rates, and other rates for turns with a long input."""

    rates: Rates
    above: tuple[tuple[int, Rates], ...] = ()
    """``(input tokens, rates)`` in rising order: a turn whose whole input exceeds the number costs these rates."""
    source: CostSource = CostSource.CONFIGURED

    def rates_for(self, total_input: int) -> Rates:
        """The rates of a turn with ``total_input`` input tokens."""
        chosen = self.rates
        for threshold, rates in self.above:
            if total_input > threshold:
                chosen = rates
        return chosen

    def cost(self, usage: Usage) -> Decimal:
        """What ``usage`` costs, in USD, exact."""
        return self.rates_for(usage.total_input).cost(usage)


@value_class
class Cost:
    """What an attempt cost, and who says so."""

    usd: Decimal | None
    """None: no price is known. Never zero for want of knowledge."""
    source: CostSource
    own_usd: Decimal | None = field(default=None)
    """Our own figure, kept beside a provider's."""


def cost_of(usage: Usage, price: Price | None) -> Cost:
    """Provider-stated cost first, then the price at hand, else unknown."""
    own = None if price is None else price.cost(usage)
    if usage.stated_cost_usd is not None:
        return Cost(usage.stated_cost_usd, CostSource.PROVIDER, own)
    if price is None:
        return Cost(None, CostSource.NONE)
    return Cost(own, price.source, own)


_RATE_KEYS = {
    "input": "input",
    "output": "output",
    "cacheRead": "cache_read",
    "cacheWrite": "cache_write",
    "cacheWrite1h": "cache_write_1h",
}


def rates_to_json(rates: Rates) -> dict[str, Any]:
    """Rates as they stand in documents: decimal strings, unknown ones left out."""
    values = {key: getattr(rates, name) for key, name in _RATE_KEYS.items()}
    return {key: format(value, "f") for key, value in values.items() if value is not None}


def rates_from_json(data: Mapping[str, Any]) -> Rates:
    """The inverse of :func:`rates_to_json`."""
    return Rates(**{name: Decimal(data[key]) for key, name in _RATE_KEYS.items() if key in data})


def price_to_json(price: Price) -> dict[str, Any]:
    """A price as it stands in the compiled document."""
    above = [{"inputTokens": tokens, **rates_to_json(rates)} for tokens, rates in price.above]
    return {**rates_to_json(price.rates), "above": above, "source": str(price.source)}


def price_from_json(data: Mapping[str, Any]) -> Price:
    """The inverse of :func:`price_to_json`."""
    above = tuple((int(entry["inputTokens"]), rates_from_json(entry)) for entry in data.get("above", ()))
    return Price(rates=rates_from_json(data), above=above, source=CostSource(data["source"]))

"""Prices in whole numbers, so that a million calls add up exactly and fast.

A price has at most nine decimals of a dollar per million tokens; so a token costs a whole number of units of 1e-15 USD,
and sums of them are as exact as sums of ``Decimal`` at a tenth of the time.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from tierrouter_core.spend.price import Price, Rates

UNITS_PER_USD = 10**15
_UNITS_PER_TOKEN = Decimal(10**9)
"""Of a price of one dollar per million tokens."""
LONG_TTL_MS = 3_600_000
"""From here on a cache is paid at the rate for the longer time, where a model has one."""


class TokenRates(NamedTuple):
    """Units per token."""

    input: int
    """What is neither read from the cache nor written to it."""
    read: int
    write: int
    output: int


class Tariff(NamedTuple):
    """A model's price, ready to multiply."""

    rates: TokenRates
    above: tuple[tuple[int, TokenRates], ...] = ()
    """``(input tokens, rates)`` in rising order: a call whose input exceeds the number costs these rates."""

    def rates_for(self, context_tokens: int) -> TokenRates:
        """The rates of a call with so many input tokens."""
        chosen = self.rates
        for threshold, rates in self.above:
            if context_tokens > threshold:
                chosen = rates
        return chosen


def tariff_of(price: Price, ttl_ms: int) -> Tariff:
    """``price`` for a cache that lives ``ttl_ms``: an hour or longer is written at the rate for the longer time."""
    long = ttl_ms >= LONG_TTL_MS
    return Tariff(
        _per_token(price.rates, long), tuple((tokens, _per_token(rates, long)) for tokens, rates in price.above)
    )


def usd(units: int) -> Decimal:
    """Units in dollars, exact."""
    return Decimal(units) / UNITS_PER_USD


def _per_token(rates: Rates, long: bool) -> TokenRates:
    write = rates.cache_write
    if long and rates.cache_write_1h is not None:
        write = rates.cache_write_1h
    return TokenRates(
        _units(rates.input),
        _units(rates.input if rates.cache_read is None else rates.cache_read),
        _units(rates.input if write is None else write),
        _units(rates.output),
    )


def _units(usd_per_mtok: Decimal) -> int:
    return int((usd_per_mtok * _UNITS_PER_TOKEN).to_integral_value(ROUND_HALF_UP))

"""Which price each model gets: the configured one, else the one that was looked up, else none."""

from collections.abc import Callable
from dataclasses import replace

from tierrouter_core.names import CostSource
from tierrouter_core.resources.provider import ConfiguredPrice, LongRates, ModelProvider, ModelSpec
from tierrouter_core.spend.price import Price, Rates

PriceOf = Callable[[str, str, str], Price | None]
"""``(provider's name, base URL, model id)`` to what a price list knows; the first two may be empty."""


def base_url_of(provider: ModelProvider) -> str:
    """The provider's address as documents have it: without a slash at the end."""
    return provider.spec.base_url.rstrip("/")


def model_id_of(model: ModelSpec) -> str:
    """The provider's name of the model."""
    return model.id or model.name


def price_of_model(provider: ModelProvider, model: ModelSpec, price_of: PriceOf) -> Price | None:
    """The model's price, frozen."""
    configured = model.price_usd_per_mtok
    if configured is not None:
        above = tuple((rates.input_tokens, _rates(rates)) for rates in configured.above)
        return Price(rates=_rates(configured), above=above, source=CostSource.CONFIGURED)
    return looked_up(price_of, provider.name, base_url_of(provider), model_id_of(model))


def looked_up(price_of: PriceOf, provider_name: str, base_url: str, model_id: str) -> Price | None:
    """What ``price_of`` knows, said to be from genai-prices whatever it says itself."""
    price = price_of(provider_name, base_url, model_id)
    return None if price is None else replace(price, source=CostSource.GENAI_PRICES)


def _rates(given: ConfiguredPrice | LongRates) -> Rates:
    return Rates(
        input=given.input,
        output=given.output,
        cache_read=given.cache_read,
        cache_write=given.cache_write,
        cache_write_1h=given.cache_write_1h,
    )

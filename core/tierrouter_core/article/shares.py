"""What a spend map tells: the saving against one model for everything, and how much the expensive tiers take."""

from collections.abc import Collection, Mapping
from decimal import Decimal, localcontext
from typing import Any, Literal, NamedTuple

from tierrouter_core.article.frozen import must_be_mapping
from tierrouter_core.article.spend import EXACT, Spend, decimal_of, model_spend, spend_totals
from tierrouter_core.article.suite import rate
from tierrouter_core.article.tiers import EXPENSIVE_MODELS
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.usage import Usage

DEEP_SHARE_LIMIT = 0.05
"""The article's limit on the expensive models' share."""

ModelPrice = Price | Rates | Mapping[str, Any]
"""A price, or ``{"input": "5.00", "output": "30.00"}`` in USD per million tokens."""


class BaselineComparison(NamedTuple):
    """What was paid, and what one model for everything would have cost."""

    actual_usd: Decimal
    baseline_usd: Decimal
    saving_usd: Decimal
    """Negative where routing cost more than it saved."""

    @property
    def saving_share(self) -> float:
        """The saving as a share of the baseline; 0.0 where the baseline is nothing."""
        return float(self.saving_usd / self.baseline_usd) if self.baseline_usd else 0.0


class DeepShare(NamedTuple):
    """The expensive models' part of everything, 0.0 to 1.0; 0.0 where there is nothing yet."""

    by_turns: float
    by_cost: float


def baseline_comparison(spend: Spend, prices: Mapping[str, ModelPrice], baseline_model: str) -> BaselineComparison:
    """``(actual_usd, baseline_usd, saving_usd)``: the spend as it is, and its tokens all at the baseline's price.

    Caution: a spend map knows nothing of prompt caches, so the baseline pays full price for input that a single model
    would mostly have read from its cache, and the saving comes out far too high. On real agent sessions an uncached
    baseline is several times the cached one; the article's 94 % is such a figure, with caches it is some 62 to 76 %.
    The ledger compares with a baseline that has a simulated cache of its own (``tierrouter report``).

    Only ``prices[baseline_model]`` is read; ``ValueError`` where it is missing. A :class:`Price` counts with its
    ordinary rates, for sums do not tell which turns had a long input.
    """
    total = spend_totals(spend)
    rates = _baseline_rates(prices, baseline_model)
    with localcontext(EXACT):
        baseline = rates.cost(Usage(input_uncached=total["input_tokens"], output=total["output_tokens"]))
        return BaselineComparison(total["cost_usd"], baseline, baseline - total["cost_usd"])


def deep_tier_ratio(spend: Spend, expensive_models: Collection[str] = EXPENSIVE_MODELS) -> DeepShare:
    """The share of ``expensive_models`` in all turns, and in all cost."""
    models = {expensive_models} if isinstance(expensive_models, str) else set(expensive_models)
    total = spend_totals(spend)
    deep = spend_totals({model: model_spend(spend, model) for model in spend if model in models})
    by_turns = deep["turns"] / total["turns"] if total["turns"] else 0.0
    by_cost = float(EXACT.divide(deep["cost_usd"], total["cost_usd"])) if total["cost_usd"] else 0.0
    return DeepShare(by_turns, by_cost)


def deep_share_alert(
    spend: Spend,
    *,
    expensive_models: Collection[str] = EXPENSIVE_MODELS,
    limit: float = DEEP_SHARE_LIMIT,
    by: Literal["turns", "cost"] = "turns",
) -> bool:
    """Whether the expensive models' share is above ``limit``; at the limit is still within it.

    By turns unless told otherwise, as the TierRouter resource's ``deepShare``. Unlike that, this has no least number
    of prompts: the first expensive turn of a day raises it.
    """
    if by not in ("turns", "cost"):
        raise ValueError(f"by: {by!r} is unknown; 'turns' and 'cost' are known")
    share = deep_tier_ratio(spend, expensive_models)
    return (share.by_turns if by == "turns" else share.by_cost) > rate(limit, "limit")


def _baseline_rates(prices: Mapping[str, ModelPrice], model: str) -> Rates:
    must_be_mapping(prices, "prices")
    if model not in prices:
        raise ValueError(f"prices: no price for the baseline model {model!r}; there are prices for {', '.join(prices)}")
    price = prices[model]
    if isinstance(price, Price):
        return price.rates
    if isinstance(price, Rates):
        return price
    must_be_mapping(price, f"prices[{model!r}]")
    return Rates(input=_rate_usd(price, "input", model), output=_rate_usd(price, "output", model))


def _rate_usd(price: Mapping[str, Any], key: str, model: str) -> Decimal:
    where = f"prices[{model!r}][{key!r}]"
    if key not in price:
        raise ValueError(f"{where} is missing; give USD per million tokens")
    value = decimal_of(price[key], where)
    if not value.is_finite() or value < 0:
        raise ValueError(f"{where}: {value} is not a price; a number of USD per million tokens, 0 or more, is needed")
    return value

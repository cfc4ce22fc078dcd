"""The article's spend map: per model the turns, tokens and dollars so far, as a value that grows by copying.

Costs are ``Decimal``. They are kept to :data:`FINEST_USD` and below :data:`TURN_LIMIT_USD`, so that sums are exact and
come out the same in whatever order turns end. The real ledger, with caches, retries and unknown prices, is
``tierrouter_core.spend``.
"""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, TypedDict

from tierrouter_core.article.frozen import must_be_mapping, own_copy

FINEST_USD = Decimal("1e-12")
"""Finer costs are rounded to this: a millionth of a token's usual price."""
TURN_LIMIT_USD = Decimal(10) ** 12
"""One entry costs less than this; more is a unit mixed up."""
# Holds the sum of more turns than there can be without rounding, whatever context the caller has set.
EXACT = Context(prec=60)


class ModelSpend(TypedDict):
    """What one model has used so far."""

    turns: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


Spend = Mapping[str, ModelSpend]
"""Spend by model."""


def new_spend() -> dict[str, ModelSpend]:
    """A spend map before the first turn."""
    return {}


def log_spend(
    spend: Spend, model: str, input_tokens: int, output_tokens: int, cost_usd: Decimal | int | float | str
) -> dict[str, ModelSpend]:
    """A new spend map with one more turn of ``model``, which is added if it is not there yet.

    A float cost counts as the decimal that it prints as. ``ValueError`` for negative or unreadable numbers.
    """
    must_be_mapping(spend, "spend")
    before = model_spend(spend, model)
    result: dict[str, ModelSpend] = own_copy(spend)
    result[model] = {
        **(result.get(model) or {}),  # type: ignore[typeddict-item]  # a caller's own further fields stay
        "turns": before["turns"] + 1,
        "input_tokens": before["input_tokens"] + _count(input_tokens, "input_tokens"),
        "output_tokens": before["output_tokens"] + _count(output_tokens, "output_tokens"),
        "cost_usd": EXACT.add(before["cost_usd"], _usd(cost_usd, "cost_usd", below=TURN_LIMIT_USD)),
    }
    return result


def spend_totals(spend: Spend) -> ModelSpend:
    """All models together."""
    must_be_mapping(spend, "spend")
    total: ModelSpend = {"turns": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": Decimal(0)}
    for model in spend:
        entry = model_spend(spend, model)
        total = {
            "turns": total["turns"] + entry["turns"],
            "input_tokens": total["input_tokens"] + entry["input_tokens"],
            "output_tokens": total["output_tokens"] + entry["output_tokens"],
            "cost_usd": EXACT.add(total["cost_usd"], entry["cost_usd"]),
        }
    return total


def model_spend(spend: Spend, model: str) -> ModelSpend:
    """One model's numbers, checked; zero for a model, or a number, that is not there."""
    entry: Mapping[str, Any] = spend.get(model, {})
    must_be_mapping(entry, f"spend[{model!r}]")
    return {
        "turns": _count(entry.get("turns", 0), f"spend[{model!r}]['turns']"),
        "input_tokens": _count(entry.get("input_tokens", 0), f"spend[{model!r}]['input_tokens']"),
        "output_tokens": _count(entry.get("output_tokens", 0), f"spend[{model!r}]['output_tokens']"),
        "cost_usd": _usd(entry.get("cost_usd", 0), f"spend[{model!r}]['cost_usd']"),
    }


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: a {type(value).__name__} was given, an integer is needed")
    if value < 0:
        raise ValueError(f"{name}: {value} is negative; counts start at 0")
    return value


def _usd(value: Any, name: str, below: Decimal | None = None) -> Decimal:
    cost = decimal_of(value, name)
    if not cost.is_finite() or cost < 0 or (below is not None and cost >= below):
        raise ValueError(f"{name}: {value} is not a cost in USD; a number of dollars, 0 or more, is needed")
    exponent = cost.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -12:
        return cost.quantize(FINEST_USD, context=EXACT)
    return cost


def decimal_of(value: Any, name: str) -> Decimal:
    """``value`` as a Decimal; a float as it prints. ``TypeError`` or ``ValueError`` for what is no number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise TypeError(f"{name}: a {type(value).__name__} was given, a number is needed")
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError(f"{name}: {value!r} is not a number; write it like 0.95") from None

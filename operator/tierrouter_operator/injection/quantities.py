"""Kubernetes' quantities, as far as CPU and memory need them (1, 100m, 64Mi, 1e3)."""

import re
from decimal import Decimal
from typing import Any, Final

_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_SUFFIXES: Final = {
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def amount(quantity: Any) -> Decimal | None:
    """The number that a quantity stands for; None for one that is none."""
    found = _QUANTITY.fullmatch(str(quantity).strip())
    if found is None:
        return None
    digits, exponent, suffix = found.groups()
    try:
        return Decimal(digits + (exponent or "")) * _SUFFIXES[suffix or ""]
    except ArithmeticError:
        return None


def smaller(left: str, right: str) -> str:
    """The smaller of two, as it was written; one that can't be read loses."""
    left_amount, right_amount = amount(left), amount(right)
    if left_amount is None:
        return right
    return left if right_amount is None or left_amount <= right_amount else right


def larger(left: str, right: str) -> str:
    """The larger of two, as it was written; one that can't be read loses."""
    left_amount, right_amount = amount(left), amount(right)
    if left_amount is None:
        return right
    return left if right_amount is None or left_amount >= right_amount else right

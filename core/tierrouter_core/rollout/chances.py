"""How unlikely something is, as a normal deviate: Student's t where few sessions tell a spread, and counts of failures.

All keep order: what is further out is never said to be less so.
"""

from functools import lru_cache
from math import exp, inf, lgamma, log, log1p
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_MOST_TERMS = 300
_TINY: Final = 1e-300
_LEAST: Final = 1e-16
_FARTHEST: Final = 8.3


def as_normal(t: float, degrees: int) -> float:
    """The normal deviate that is as unlikely as ``t`` is with so many degrees of freedom; keeps order and sign."""
    if t < 0.0:
        return -as_normal(-t, degrees)
    chance = _beyond(round(t, 4), degrees)
    if chance < _LEAST:
        # So far out that the inverse has no digits left; no boundary lies there.
        return _FARTHEST + min(t, 40.0) / 1000.0
    return -_NORMAL.inv_cdf(chance)


def as_many(failures: float, tries: float, chance: float) -> float:
    """How unlikely it is to see so many failures, or more, where each try fails with this chance.

    As the binomial distribution has it, which for few failures is far from normal; numbers need not be whole.
    """
    # Next to none the digits of the difference to 1 are used up, and more might come out as less.
    if failures < 1e-6:
        return -_FARTHEST
    likely = _incomplete_beta(chance, failures, max(tries - failures, 0.0) + 1.0)
    if likely < _LEAST:
        return _FARTHEST
    return -_FARTHEST if likely > 1.0 - _LEAST else -_NORMAL.inv_cdf(likely)


@lru_cache(maxsize=4096)
def _beyond(t: float, degrees: int) -> float:
    """The chance to be above ``t``, which is not negative."""
    if t == inf:
        return 0.0
    return 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - front * _fraction(1.0 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _kept(1.0 - (a + b) * x / (a + 1.0))
    found = d
    for m in range(1, _MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _kept(1.0 + term * d)
            c = _kept(1.0 + term / c)
            found *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return found


def _kept(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

"""How sure one must be at each look, so that looking five times misleads no more often than looking once.

Group-sequential boundaries by spending (Lan and DeMets 1983): of the whole chance to be misled, alpha, a part may be
used up by the time that a fraction t of the trial is over. Two shapes:

- O'Brien-Fleming-like: 2 - 2Φ(z(α/2) / √t), next to nothing early, so that the last look is nearly as sharp as if it
  were the only one;
- Pocock-like: α ln(1 + (e - 1) t), much the same at each look, so that what is clearly bad ends soon.

A boundary follows from what may be used up until a look and has not been used up before it, given that the looks
before went well (Armitage, McPherson and Rowe 1969): the statistic of a trial that goes on is a sum of independent
steps, whose distribution below the boundaries is carried from look to look on a grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import e, erfc, exp, log, pi, sqrt
from statistics import NormalDist
from typing import Final

MOST_LOOKS: Final = 5
NEVER: Final = 12.0
"""A boundary that nothing reaches: where there is nothing to spend."""
_GRID: Final = 121
_LOWEST: Final = -6.0
_NORMAL: Final = NormalDist()


class Spending(StrEnum):
    """How the chance to be misled is spread over the looks."""

    OBRIEN_FLEMING = "OBrienFleming"
    POCOCK = "Pocock"


def spent(alpha: float, fraction: float, shape: Spending) -> float:
    """How much of ``alpha`` may be used up when ``fraction`` of the trial is over."""
    if fraction <= 0.0:
        return 0.0
    if fraction >= 1.0:
        return alpha
    if shape is Spending.POCOCK:
        return alpha * log(1.0 + (e - 1.0) * fraction)
    return 2.0 * _above(-_NORMAL.inv_cdf(alpha / 2.0) / sqrt(fraction))


def boundary(alphas: Sequence[float], informations: Sequence[float]) -> float:
    """What the standardised difference must exceed at the last of several looks.

    Args:
        alphas: what may be used up until each look, growing.
        informations: how much was known at each look, by any measure that grows as 1 / variance does.
    """
    first = informations[0]
    if first <= 0.0:
        return NEVER
    # Only how much more was known counts. Rounded, so that what was found at the looks before is found again.
    known = tuple(round(each / first, 2) for each in informations)
    return _looked(tuple(alphas), known).bound


@dataclass(frozen=True, slots=True)
class _After:
    """A look, and the trials that go on after it."""

    bound: float
    used: float
    """Of the chance to be misled."""
    known: float
    values: tuple[float, ...]
    """Of the sum of steps so far, and how likely each is."""
    weights: tuple[float, ...]


@lru_cache(maxsize=1024)
def _looked(alphas: tuple[float, ...], known: tuple[float, ...]) -> _After:
    """The last of these looks."""
    before = _looked(alphas[:-1], known[:-1]) if len(known) > 1 else _After(NEVER, 0.0, 0.0, (0.0,), (1.0,))
    may_use, step, scale = alphas[-1] - before.used, sqrt(max(known[-1] - before.known, 0.0)), sqrt(known[-1])
    if step == 0.0:
        return _After(NEVER, before.used, before.known, before.values, before.weights)
    bound = NEVER if may_use <= 1e-12 else _solved(before.values, before.weights, step, scale, may_use)
    used = before.used if bound == NEVER else alphas[-1]
    values, weights = _carried(before.values, before.weights, step, bound * scale, _LOWEST * scale)
    return _After(bound, used, known[-1], values, weights)


def _solved(values: Sequence[float], weights: Sequence[float], step: float, scale: float, wanted: float) -> float:
    """The boundary above which ``wanted`` of the distribution lies."""
    low, high = -NEVER, NEVER
    for _ in range(40):
        middle = (low + high) / 2.0
        above = sum(
            weight * _above((middle * scale - value) / step) for value, weight in zip(values, weights, strict=True)
        )
        low, high = (middle, high) if above > wanted else (low, middle)
    return high


def _carried(
    values: Sequence[float], weights: Sequence[float], step: float, below: float, lowest: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The distribution after one more step, of what stays ``below``; by Simpson's rule."""
    width = (below - lowest) / (_GRID - 1)
    grid = tuple(lowest + width * at for at in range(_GRID))
    heights = []
    for at, x in enumerate(grid):
        density = sum(
            weight * exp(-0.5 * ((x - value) / step) ** 2) for value, weight in zip(values, weights, strict=True)
        )
        simpson = (1 if at in (0, _GRID - 1) else 4 if at % 2 else 2) * width / 3.0
        heights.append(density * simpson / (step * sqrt(2.0 * pi)))
    return grid, tuple(heights)


def _above(z: float) -> float:
    """The chance of a standard normal variable to be above ``z``."""
    return 0.5 * erfc(z / sqrt(2.0))

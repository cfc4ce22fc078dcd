"""Evidence that grows from run to run and may be looked at after each: e-values, added up over when a change began.

A run's *gain* is how much likelier its results are if something has changed than if nothing has: a likelihood ratio, or
a bet, whose expectation is at most 1 as long as nothing has changed, whatever the tasks are (some easy, some hard) and
however many. A product of such factors is a fair game at best: that it ever reaches ``c`` has a chance of at most 1/c,
so one may look every night. The change may begin in any run: the products from each run on are added up (as Shiryaev
and Roberts do), and that this sum reaches ``c`` within ``n`` runs has a chance of at most n/c.

How large a change is, nobody knows beforehand: several sizes are followed at once and their sums are averaged, which
keeps the bound. All values are natural logarithms.
"""

import math
from typing import Final

HORIZON_RUNS: Final = 30
"""Runs in which something wrong is decided with the stated chance at most; over more, at most once in so many runs
divided by that chance, on average."""

ODDS: Final = (1.4, 2.0, 3.0, 6.0, 20.0)
"""By how much the odds of failing may have changed."""
ODDS_WEIGHTS: Final = (0.2, 0.35, 0.25, 0.15, 0.05)
MIDDLE: Final = 1
"""The change that is looked for most: at 95 %, to 90.5 %."""
BETS: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""What is staked on each task of a pair of models."""
BET_WEIGHTS: Final = (0.15, 0.2, 0.25, 0.2, 0.2)
FIRST_RUN: Final = 15.0
"""Of 30 parts, how many say that a candidate is good from its first run on: it does not change, as a tier might."""

_NARROWEST: Final = 0.0005
"""0 and 100 % are taken as so far inside of them: one task would be proof otherwise."""
_MOST: Final = 40.0
_LEAST: Final = -60.0

Logs = tuple[float, ...]
"""One logarithm for each of the sizes that are followed; empty before the first run."""


def needed(confidence: float, streams: int) -> float:
    """What evidence has to reach, so that ``streams`` of them together are wrong with 1 - confidence in 30 runs."""
    return math.log(HORIZON_RUNS * max(streams, 1) / (1 - confidence))


def slip_gains(resolved: int, tasks: int, limit: float) -> Logs:
    """How much one run speaks for a share below ``limit`` (0.0 to 1.0), and against one at or above it."""
    return _gains(resolved, tasks, limit, rising=False)


def rise_gains(resolved: int, tasks: int, limit: float) -> Logs:
    """How much one run speaks for a share above ``limit``, and against one at or below it."""
    return _gains(resolved, tasks, limit, rising=True)


def _gains(resolved: int, tasks: int, limit: float, *, rising: bool) -> Logs:
    before = min(max(limit, _NARROWEST), 1 - _NARROWEST)
    odds = (1 - before) / before
    gains = []
    for factor in ODDS:
        after = 1 / (1 + (odds / factor if rising else odds * factor))
        gains.append(resolved * math.log(after / before) + (tasks - resolved) * math.log((1 - after) / (1 - before)))
    return tuple(gains)


def pair_gains(gained: int, lost: int, pairs: int, margin: float) -> Logs:
    """How much one run speaks for a candidate that is not worse than the incumbent by ``margin`` (above 0, below 1).

    Args:
        gained: tasks that only the candidate solved.
        lost: tasks that only the incumbent solved.
        pairs: tasks that both tried.
        margin: as a share of the tasks.
    """
    same = pairs - gained - lost
    return tuple(
        gained * math.log1p(bet * (margin + 1))
        + lost * math.log1p(bet * (margin - 1))
        + same * math.log1p(bet * margin)
        for bet in BETS
    )


def grown(before: Logs, gains: Logs, fresh: float = 1.0) -> Logs:
    """Evidence after one more run.

    Args:
        before: that of earlier runs; empty for none.
        gains: the run's.
        fresh: how many parts say that the change began with this run.
    """
    return tuple(
        round(min(max((_log_add(old, math.log(fresh)) + gain), _LEAST), _MOST), 6)
        for old, gain in zip(before or (-math.inf,) * len(gains), gains, strict=True)
    )


def strength(logs: Logs) -> float:
    """All sizes together; minus infinity before the first run."""
    if not logs:
        return -math.inf
    weights = ODDS_WEIGHTS
    most = max(logs)
    return most + math.log(math.fsum(w * math.exp(log - most) for w, log in zip(weights, logs, strict=True)))


def bet_strength(logs: Logs) -> float:
    """The same for a pair of models."""
    if not logs:
        return -math.inf
    most = max(logs)
    return most + math.log(math.fsum(w * math.exp(log - most) for w, log in zip(BET_WEIGHTS, logs, strict=True)))


def _log_add(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))

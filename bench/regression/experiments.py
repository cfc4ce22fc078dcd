"""What is asked of the loop, and what it does, many times over."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.regression.suites import THRESHOLD, Loop, Night, Tasks
from tierrouter_core.resources.regression import RegressionPolicy, RunAction

POLICY = RegressionPolicy()
LIMIT, FLOOR = POLICY.regress_below_percent / 100, POLICY.tier_floor_percent / 100
MARGIN = POLICY.margin_percent / 100
NIGHTS = 30
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Quiet:
    """Series in which nothing happened."""

    series: int
    revisions: int
    """Of them, how many made one or more."""
    plain_nights: float
    """Share of the nights on which the plain rule fires."""
    plain_series: int


def quiet(series: int, tiers: int, tasks: int, unlike: float, seed: int, *, after: int = 0) -> Quiet:
    """Series of 30 nights in which every tier is exactly at the limit.

    Args:
        series: how many.
        tiers: of each.
        tasks: of each tier.
        unlike: how unlike they are.
        seed: of all draws.
        after: nights before these 30, which are not counted.
    """
    rng = np.random.default_rng(seed)
    fired = plain_fired = plain_nights = 0
    for _ in range(series):
        loop = Loop([Tasks(tasks, rng, unlike) for _ in range(tiers)], POLICY)
        actions, rates = [], []
        for number in range(after + NIGHTS):
            found = loop.run(Night([LIMIT] * tiers))
            if number >= after:
                actions.append(found.action)
                rates.append(loop.solved / (tasks * tiers))
        below = sum(rate < LIMIT for rate in rates)
        fired += any(action is not RunAction.NOTHING for action in actions)
        plain_nights += below
        plain_fired += below > 0
    return Quiet(series, fired, plain_nights / (series * NIGHTS), plain_fired)


@dataclass(frozen=True)
class Caught:
    """How soon a slip is found."""

    nights: np.ndarray
    """Of each series, the night of the slip, from 1; infinite where it was not found in 60."""
    plain_nights: np.ndarray

    @property
    def mean(self) -> float:
        """Of all series."""
        return float(np.mean(self.nights))

    def within(self, nights: int) -> float:
        """Share of the series."""
        return float(np.mean(self.nights <= nights))


def slip(series: int, tasks: int, to: float, unlike: float, seed: int, *, others: Sequence[float] = ()) -> Caught:
    """The first tier falls from the limit to ``to`` after five nights; ``others`` stay as they are."""
    rng = np.random.default_rng(seed)
    found, plain = [], []
    while len(found) < series:
        loop = Loop([Tasks(tasks, rng, unlike) for _ in range(1 + len(others))], POLICY)
        before = [loop.run(Night([LIMIT, *others])).action for _ in range(5)]
        if any(action is RunAction.REGRESS for action in before):
            continue
        night, plain_night = np.inf, np.inf
        for number in range(1, 61):
            action = loop.run(Night([to, *others])).action
            if loop.solved_first < FLOOR * tasks or loop.solved < LIMIT * tasks * (1 + len(others)):
                plain_night = min(plain_night, number)
            if action is RunAction.REGRESS:
                night = number
                break
        found.append(night)
        plain.append(plain_night)
    return Caught(np.array(found, float), np.array(plain, float))


@dataclass(frozen=True)
class Wound:
    """Where thresholds are after a slip that lasts."""

    ours: np.ndarray
    plain: np.ndarray
    """The threshold's value night by night, the mean of all series."""


def wind_up(series: int, tasks: int, to: float, seed: int, nights: int = 40) -> Wound:
    """A tier is at ``to`` all the time: what no threshold can change, for a suite forces the tier."""
    rng = np.random.default_rng(seed)
    ours, plain = np.zeros((series, nights)), np.zeros((series, nights))
    for number in range(series):
        loop, value = Loop([Tasks(tasks, rng)], POLICY), THRESHOLD.value
        for night in range(nights):
            loop.run(Night([to]))
            if loop.solved < LIMIT * tasks:
                value = max(value - 1, THRESHOLD.min)
            ours[number, night] = loop.overlay.thresholds.get(THRESHOLD.name, THRESHOLD.value)
            plain[number, night] = value
    return Wound(ours.mean(axis=0), plain.mean(axis=0))


def recovery(series: int, tasks: int, back: float, seed: int, nights: int = 60) -> np.ndarray:
    """Nights until the step of a slip to 90 % is undone, when the tier is at ``back`` again."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(series):
        loop = Loop([Tasks(tasks, rng)], POLICY)
        while loop.run(Night([0.9])).action is not RunAction.REGRESS:
            pass
        found.append(_first(loop, (Night([back]) for _ in range(nights)), RunAction.RECOVER))
    return np.array(found, float)


@dataclass(frozen=True)
class Promoted:
    """When a candidate was promoted."""

    nights: np.ndarray
    """Infinite where it was not, in 30."""
    plain: float
    """Share of the series in which it would have been on some night by the plain rule."""

    @property
    def share(self) -> float:
        """Of the series."""
        return float(np.mean(np.isfinite(self.nights)))


def promotion(series: int, tasks: int, incumbent: float, candidate: float, unlike: float, seed: int) -> Promoted:
    """A candidate beside an incumbent, for 30 nights."""
    rng = np.random.default_rng(seed)
    found, plain = [], 0
    for _ in range(series):
        loop = Loop([Tasks(tasks, rng, unlike)], POLICY)
        night, is_plain = np.inf, False
        for number in range(1, NIGHTS + 1):
            action = loop.run(Night([incumbent], candidate)).action
            is_plain |= loop.solved_candidate >= POLICY.promote_at_percent / 100 * tasks
            if action is RunAction.PROMOTE:
                night = number
                break
        # Nights after a promotion say nothing of the plain rule: they were never run.
        plain += is_plain
        found.append(night)
    return Promoted(np.array(found, float), plain / series)


def _first(loop: Loop, nights: Iterable[Night], action: RunAction) -> float:
    return next((number for number, night in enumerate(nights, 1) if loop.run(night).action is action), np.inf)

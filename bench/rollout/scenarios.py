"""What may be true of a canary, and what a rollout makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.rollout.fleets import LONGEST_S, Fleet, Side, Truth, fleet
from tierrouter_core.resources.guards import Rollout
from tierrouter_core.resources.revision import OriginType
from tierrouter_core.rollout.analysis import Action, Progress, judge
from tierrouter_core.rollout.arms import Arms, Figure
from tierrouter_core.rollout.bounds import MOST_LOOKS
from tierrouter_core.rollout.settings import settings_of

STEP_S = 90.0
"""How often counters are looked at here: each fifth of half an hour is one of these times."""
SETTINGS = replace(settings_of(Rollout(), OriginType.PROMOTION), deadline_s=LONGEST_S)


@dataclass(frozen=True)
class Scenario:
    """What the canary differs by."""

    name: str
    change: Callable[[Truth], Truth]
    is_worse: bool


def _more(truth: Truth, figure: Figure, points: float) -> Truth:
    return replace(truth, rates={**truth.rates, figure: truth.rates[figure] + points})


def _dearer(truth: Truth, factor: float) -> Truth:
    return replace(truth, cost_usd=factor * truth.cost_usd)


SCENARIOS = (
    Scenario("equal", partial(_dearer, factor=1.0), is_worse=False),
    Scenario("errors +0.8 points, as tolerated", partial(_more, figure=Figure.ERRORS, points=0.008), is_worse=False),
    Scenario("errors +2 points", partial(_more, figure=Figure.ERRORS, points=0.02), is_worse=True),
    Scenario("errors +5 points", partial(_more, figure=Figure.ERRORS, points=0.05), is_worse=True),
    Scenario("errors +10 points", partial(_more, figure=Figure.ERRORS, points=0.10), is_worse=True),
    Scenario("errors +20 points", partial(_more, figure=Figure.ERRORS, points=0.20), is_worse=True),
    Scenario("errors +50 points", partial(_more, figure=Figure.ERRORS, points=0.50), is_worse=True),
    Scenario("tool errors +10 points", partial(_more, figure=Figure.TOOL_ERRORS, points=0.10), is_worse=True),
    Scenario("cost doubled", partial(_dearer, factor=2.0), is_worse=True),
    Scenario("cost tripled", partial(_dearer, factor=3.0), is_worse=True),
)


@dataclass(frozen=True)
class Ran:
    """One canary's end."""

    fleet: Fleet
    action: Action
    after_s: float
    sessions: int
    """Of the canary."""
    turns: int
    looks: int

    @property
    def expected(self) -> float:
        """Sessions that a canary of this fleet gets in half an hour."""
        return self.fleet.sessions_per_hour / 2 * self.fleet.percent / 100


def run(scenario: Scenario, seed: int) -> Ran:
    """One canary of one fleet from its beginning to its end."""
    rng = np.random.default_rng(seed)
    of, truth = fleet(rng)
    stable = Side(rng, of, truth, 1 - of.percent / 100)
    canary = Side(rng, of, scenario.change(truth), of.percent / 100)
    progress, now_s = Progress(0.0), 0.0
    while True:
        now_s += STEP_S
        turns, used = canary.turns_at(now_s), max((look.part for look in progress.looks), default=0)
        part = min(turns * MOST_LOOKS // SETTINGS.min_turns, int(now_s * MOST_LOOKS / SETTINGS.window_s), MOST_LOOKS)
        if part <= used and now_s < LONGEST_S:
            # It would be told to wait.
            continue
        arms = Arms(stable.at(now_s), canary.at(now_s))
        verdict = judge(SETTINGS, progress, arms, now_s)
        progress = Progress(0.0, verdict.looks)
        if verdict.action is not Action.WAIT:
            return Ran(of, verdict.action, now_s, arms.canary.sessions, arms.canary.turns, len(verdict.looks))

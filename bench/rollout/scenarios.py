"""What may be true of a canary, and what a rollout makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.rollout.fleets import SPAN_S, Fleet, Side, Truth, fleet
from tierrouter_core.resources.guards import Rollout
from tierrouter_core.resources.revision import OriginType
from tierrouter_core.rollout.analysis import Action, Progress, judge, settings_of
from tierrouter_core.rollout.arms import Arms, Figure

STEP_S = 90.0
"""How often counters are looked at here: each fifth of half an hour is one of these times."""
SETTINGS = replace(settings_of(Rollout(), OriginType.PROMOTION), deadline_s=SPAN_S)


@dataclass(frozen=True)
class Scenario:
    """What the canary differs by."""

    name: str
    change: Callable[[Truth], Truth]
    is_worse: bool


def _more(figure: Figure, points: float) -> Callable[[Truth], Truth]:
    def changed(truth: Truth) -> Truth:
        return replace(truth, rates={**truth.rates, figure: truth.rates[figure] + points})

    return changed


SCENARIOS = (
    Scenario("equal", lambda truth: truth, is_worse=False),
    Scenario("errors +1 point, as tolerated", _more(Figure.ERRORS, 0.008), is_worse=False),
    Scenario("errors +2 points", _more(Figure.ERRORS, 0.02), is_worse=True),
    Scenario("errors +5 points", _more(Figure.ERRORS, 0.05), is_worse=True),
    Scenario("errors +10 points", _more(Figure.ERRORS, 0.10), is_worse=True),
    Scenario("errors +20 points", _more(Figure.ERRORS, 0.20), is_worse=True),
    Scenario("errors +50 points", _more(Figure.ERRORS, 0.50), is_worse=True),
    Scenario("tool errors +10 points", _more(Figure.TOOL_ERRORS, 0.10), is_worse=True),
    Scenario("cost doubled", lambda truth: replace(truth, cost_usd=2 * truth.cost_usd), is_worse=True),
    Scenario("cost tripled", lambda truth: replace(truth, cost_usd=3 * truth.cost_usd), is_worse=True),
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


def run(scenario: Scenario, seed: int) -> Ran:
    """One canary of one fleet from its beginning to its end."""
    rng = np.random.default_rng(seed)
    of, truth = fleet(rng)
    stable = Side(rng, of, truth, 1 - of.percent / 100)
    canary = Side(rng, of, scenario.change(truth), of.percent / 100)
    progress, now_s = Progress(0.0), 0.0
    while True:
        now_s += STEP_S
        arms = Arms(stable.at(now_s), canary.at(now_s))
        verdict = judge(SETTINGS, progress, arms, now_s)
        progress = Progress(0.0, verdict.looks)
        if verdict.action is not Action.WAIT:
            return Ran(of, verdict.action, now_s, arms.canary.sessions, arms.canary.turns, len(verdict.looks))

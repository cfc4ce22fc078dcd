"""Fleets by chance, of which everything is known: is what is decided right?"""

from dataclasses import dataclass, field

import numpy as np

from bench.regression.experiments import FLOOR, LIMIT, MARGIN, POLICY
from bench.regression.suites import MIXED, Loop, Night, Tasks
from tierrouter_core.resources.regression import RunAction

NIGHTS = 30
SLIPS_FROM, SLIPS_TO = 5, 17
"""The first tier of every other fleet is worse from the first to the second of these nights."""


@dataclass
class Tally:
    """What happened in all fleets."""

    fleets: int = 0
    slips: int = 0
    """None where a candidate had taken the tier over before."""
    caught: int = 0
    caught_nights: list[int] = field(default_factory=list)
    recovered: int = 0
    steps: int = 0
    wrong_steps: int = 0
    """Fleets with a step while every tier was at the limit or above."""
    recoveries: int = 0
    wrong_recoveries: int = 0
    """Fleets in which a step was undone while the tier was below the limit."""
    bad_candidates: int = 0
    """Worse than the incumbent by the margin or more, or at the floor or below."""
    wrong_promotions: int = 0
    good_candidates: int = 0
    """As good as the incumbent or better, and two points above the promotion limit."""
    promotions: int = 0
    """Of the good ones."""


def fleets(count: int, seed: int) -> Tally:
    """Run so many."""
    rng = np.random.default_rng(seed)
    tally = Tally()
    for number in range(count):
        _fleet(rng, tally, does_slip=number % 2 == 0)
    return tally


def _fleet(rng: np.random.Generator, tally: Tally, *, does_slip: bool) -> None:
    tiers = int(rng.integers(1, 4))
    tasks = int(rng.choice([100, 150, 200]))
    well = np.round(rng.uniform(LIMIT, 0.99, tiers), 3)
    well[0] = max(well[0], 0.96)
    slipped = round(float(well[0] - rng.uniform(0.05, 0.12)), 3)
    candidate = round(float(np.clip(well[0] + rng.uniform(-0.08, 0.02), 0.5, 0.995)), 3)
    loop = Loop([Tasks(tasks, rng, MIXED if rng.random() < 0.5 else 0.0) for _ in range(tiers)], POLICY)
    is_bad = candidate <= FLOOR or candidate <= well[0] - MARGIN
    is_good = candidate >= well[0] and candidate >= LIMIT + 0.02
    tally.fleets += 1
    tally.bad_candidates += is_bad
    tally.good_candidates += is_good
    seen: set[str] = set()
    for night in range(NIGHTS):
        is_slipped = does_slip and SLIPS_FROM <= night < SLIPS_TO and not loop.overlay.tiers
        if is_slipped:
            seen.add("slip")
        first = slipped if is_slipped else candidate if loop.overlay.tiers else float(well[0])
        truth = [first, *map(float, well[1:])]
        # While a tier is known to be ill, nobody tries candidates.
        action = loop.run(Night(truth, candidate if not is_slipped else None)).action
        is_below = min(truth) < LIMIT
        if action is RunAction.REGRESS:
            seen.add("step" if is_below else "wrong step")
            if is_slipped and "caught" not in seen:
                seen.add("caught")
                tally.caught_nights.append(night - SLIPS_FROM + 1)
        elif action is RunAction.RECOVER:
            seen.add("recovery")
            if first < FLOOR:
                seen.add("wrong recovery")
            elif night >= SLIPS_TO:
                seen.add("recovered")
        elif action is RunAction.PROMOTE:
            seen.add("promotion")
    tally.slips += "slip" in seen
    tally.caught += "caught" in seen
    tally.recovered += "recovered" in seen
    tally.steps += "step" in seen
    tally.wrong_steps += "wrong step" in seen
    tally.recoveries += "recovery" in seen
    tally.wrong_recoveries += "wrong recovery" in seen
    tally.wrong_promotions += is_bad and "promotion" in seen
    tally.promotions += is_good and "promotion" in seen

"""Whether a tier has become worse than it may be, told apart from a bad night.

Each tier has its own evidence against ``regressBelowPercent``, and all tiers together have theirs (the night's). What
follows is the article's: a step where the night is significantly below that limit, caused by the worst tier; and a step
where one tier is, and its tasks since the slip began are below ``tierFloorPercent`` too. A tier that caused a step is
from then on measured against that run, at the lower end of its interval, and the night against that night.
"""

from dataclasses import dataclass, replace

from tierrouter_core.regression.counting import Counted, Night
from tierrouter_core.regression.evidence import needed, slip_gains, strength
from tierrouter_core.regression.flaky import remembered
from tierrouter_core.regression.state import NO_TRACK, Scope, Step, SuiteState, TierState, Track, longer
from tierrouter_core.regression.statistics import wilson
from tierrouter_core.resources.regression import RegressionPolicy

_MOST_REMEMBERED = 1600
"""Tasks of all tiers together that are remembered: 22 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A tier, or all of them, below the limit for certain."""

    tier: str
    scope: str
    track: Track
    """Of what decided: the tier, or the night."""
    limit: float
    strength: float
    needed: float
    after: Step | None
    """The step that the tier caused before, which this is worse than."""


def followed(policy: RegressionPolicy, state: SuiteState, night: Night) -> SuiteState:
    """The state with one more night's evidence of slips, and what its tasks did."""
    most = _MOST_REMEMBERED // max(len(state.tiers.keys() | night.tiers.keys()), 1)
    tiers = dict(state.tiers)
    for name, counted in night.tiers.items():
        if counted.is_current:
            known = tiers.get(name)
            if known is None or known.model != counted.cell.model:
                known = TierState(counted.cell.model)
            if counted.cell.tasks:
                known = replace(known, memory=remembered(known.memory, counted.cell.tasks, most))
            if counted.counts:
                limit = tier_limit(policy, state.standing(name))
                known = replace(known, slip=_longer(known.slip, counted.resolved, counted.total, limit))
            tiers[name] = known
    is_same = state.night_tiers == night.models
    track = state.night if is_same else NO_TRACK
    if night.is_whole and len(night.together) > 1:
        track = _longer(track, night.resolved, night.total, night_limit(policy, state))
    return replace(state, tiers=tiers, night=track, night_tiers=night.models)


def tier_limit(policy: RegressionPolicy, step: Step | None) -> float:
    """What a tier may not fall below, 0.0 to 1.0: the policy's limit, or the run that caused its last step."""
    limit = policy.regress_below_percent / 100
    if step is None or not step.tasks:
        return limit
    return min(limit, wilson(step.resolved, step.tasks, policy.confidence_percent / 100)[0])


def night_limit(policy: RegressionPolicy, state: SuiteState) -> float:
    """What all tiers together may not fall below: the policy's limit, or the night of the last step that stands."""
    limit = policy.regress_below_percent / 100
    step = next(reversed(state.regressions), None)
    if step is None or not step.night_tasks:
        return limit
    return min(limit, wilson(step.night_resolved, step.night_tasks, policy.confidence_percent / 100)[0])


def tier_needed(policy: RegressionPolicy, night: Night, step: Step | None) -> float:
    """What a tier's evidence has to reach."""
    # The interval of the run that it is measured against may be wrong too: half of the chance is left for each.
    return needed(policy.confidence_percent / 100, night.streams * (1 if step is None else 2))


def found_slip(policy: RegressionPolicy, state: SuiteState, night: Night) -> Slip | None:
    """The clearest slip that causes a step, one tier's before all tiers'; None where there is none.

    Args:
        policy: the suite's.
        state: with this night's evidence.
        night: the run's results.
    """
    slips = [
        slip
        for name, counted in sorted(night.counted.items())
        if (slip := _of_tier(policy, state, night, name, counted)) is not None
    ]
    if slips:
        return max(slips, key=lambda slip: slip.strength - slip.needed)
    return _of_night(policy, state, night)


def _of_tier(policy: RegressionPolicy, state: SuiteState, night: Night, name: str, counted: Counted) -> Slip | None:
    step = state.standing(name)
    limit = tier_limit(policy, step)
    track = state.tiers[name].slip
    slip = Slip(
        tier=name,
        scope=Scope.NIGHT if night.is_alone(name) else Scope.TIER,
        track=track,
        limit=limit,
        strength=strength(track.logs),
        needed=tier_needed(policy, night, step),
        after=step,
    )
    is_certain = slip.strength >= slip.needed and counted.share < limit
    is_below_the_floor = track.resolved * 100 < policy.tier_floor_percent * track.tasks
    return slip if is_certain and (step is not None or slip.scope == Scope.NIGHT or is_below_the_floor) else None


def _of_night(policy: RegressionPolicy, state: SuiteState, night: Night) -> Slip | None:
    limit = night_limit(policy, state)
    if len(night.together) < 2 or not night.is_whole or night.resolved >= limit * night.total:
        return None
    newest = next(reversed(state.regressions), None)
    slip = Slip(
        tier="",
        scope=Scope.NIGHT,
        track=state.night,
        limit=limit,
        strength=strength(state.night.logs),
        needed=tier_needed(policy, night, newest),
        after=newest,
    )
    free = [name for name in night.together if state.standing(name) is None and night.counted[name].share < limit]
    if slip.strength < slip.needed or not free:
        return None
    worst = max(free, key=lambda name: strength(state.tiers[name].slip.logs))
    return replace(slip, tier=worst)


def _longer(track: Track, resolved: int, tasks: int, limit: float) -> Track:
    # Nothing is below a limit of 0.
    return longer(track, slip_gains(resolved, tasks, limit), resolved, tasks) if limit > 0 else NO_TRACK

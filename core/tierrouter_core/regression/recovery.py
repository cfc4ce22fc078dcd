"""Whether what caused a step is over, so that the step is undone."""

from dataclasses import dataclass, replace

from tierrouter_core.regression.counting import Night
from tierrouter_core.regression.evidence import needed, rise_gains, strength
from tierrouter_core.regression.state import NO_TRACK, Scope, Step, SuiteState, longer
from tierrouter_core.regression.stepping import StepKind
from tierrouter_core.resources.regression import RegressionPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A step that is no longer needed."""

    at: int
    """Its place among the steps."""
    step: Step
    limit: float
    strength: float
    needed: float
    is_tier_gone: bool
    is_covered: bool = False
    """Steps of another suite lie on it: it waits for them to be undone."""


def step_limit(policy: RegressionPolicy, step: Step) -> float:
    """What has to be held again: the limit that was missed, 0.0 to 1.0."""
    percent = policy.regress_below_percent if step.scope == Scope.NIGHT else policy.tier_floor_percent
    return percent / 100


def measured(step: Step, night: Night) -> tuple[int, int] | None:
    """What a run says of it: solved tasks, and all; None for nothing."""
    if step.scope == Scope.NIGHT:
        return (night.resolved, night.total) if night.is_whole else None
    counted = night.counted.get(step.tier)
    return None if counted is None else (counted.resolved, counted.total)


def watched(policy: RegressionPolicy, before: SuiteState, state: SuiteState, night: Night) -> SuiteState:
    """The state with one more night's evidence that steps are no longer needed.

    Args:
        policy: the suite's.
        before: the state as it was handed on.
        state: the same with this night's models.
        night: the run's results.
    """
    steps = []
    for step in state.steps:
        back = NO_TRACK if _is_of_other_models(step, before, state) else step.back
        found = measured(step, night) if step.kind is StepKind.REGRESSION else None
        if found is not None:
            back = longer(back, rise_gains(*found, step_limit(policy, step)), *found)
        steps.append(replace(step, back=back))
    return replace(state, steps=tuple(steps))


def found_recovery(
    policy: RegressionPolicy, state: SuiteState, night: Night, tiers: frozenset[str], covered: frozenset[int]
) -> Recovery | None:
    """The newest step that is no longer needed, one that can be undone before one that is covered; None for none.

    Args:
        policy: the suite's.
        state: with this night's evidence.
        night: the run's results.
        tiers: the router's, by name.
        covered: places of steps that can't be undone now.
    """
    waits: Recovery | None = None
    goal = needed(policy.confidence_percent / 100, len(state.regressions))
    for at in range(len(state.steps) - 1, -1, -1):
        step = state.steps[at]
        if step.kind is not StepKind.REGRESSION:
            continue
        limit = step_limit(policy, step)
        found = measured(step, night)
        is_back = found is not None and found[0] >= limit * found[1] and strength(step.back.logs) >= goal
        is_gone = step.tier not in tiers
        if is_back or is_gone:
            recovery = Recovery(
                at=at,
                step=step,
                limit=limit,
                strength=strength(step.back.logs),
                needed=goal,
                is_tier_gone=is_gone,
                is_covered=at in covered,
            )
            if not recovery.is_covered:
                return recovery
            waits = waits or recovery
    return waits


def _is_of_other_models(step: Step, before: SuiteState, state: SuiteState) -> bool:
    if step.scope == Scope.NIGHT:
        return before.night_tiers != state.night_tiers
    one, other = before.tiers.get(step.tier), state.tiers.get(step.tier)
    return one is not None and other is not None and one.model != other.model

"""What follows from a run: the article's rules, told apart from chance (``docs/regression.md``).

Below ``tierFloorPercent`` (a tier) or ``regressBelowPercent`` (all tiers together, "the night") thresholds move one
``onRegression`` step. A candidate at ``promoteAtPercent`` or more that is not worse than the incumbent becomes the
tier's model, and thresholds move one ``onPromotion`` step. A suite forces its tier, so no threshold can change what it
measures: a tier that caused a step causes no other until it is worse again, and its step is undone when it is well.

One run, one change: a slip goes before a recovery, that before a promotion, that before a rejection, which changes
nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tierrouter_core.errors import StateError
from tierrouter_core.regression.candidates import Judged, Standing, judged, remembering
from tierrouter_core.regression.comparison import use_of
from tierrouter_core.regression.counting import Night, count
from tierrouter_core.regression.facts import Decision, RunFacts
from tierrouter_core.regression.recovery import Recovery, found_recovery, watched
from tierrouter_core.regression.sentences import (
    cell_judgements,
    cut,
    decimal,
    no_results,
    nothing,
    promoted,
    recovered,
    regressed,
    rejected,
)
from tierrouter_core.regression.slips import Slip, followed, found_slip
from tierrouter_core.regression.state import MAX_RUNS_REMEMBERED, NO_TRACK, Promoted, Step, SuiteState
from tierrouter_core.regression.state_json import read_state, state_text
from tierrouter_core.regression.statistics import wilson
from tierrouter_core.regression.stepping import Move, StepKind, covered, in_force, step, stepped_values, undo
from tierrouter_core.resources.regression import RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues

_LATEST: Final = timedelta(days=7)
"""A run that is older than another by more than this does not come late: a clock was wrong."""


def decide(policy: RegressionPolicy, state: str | None, run: RunFacts) -> Decision:
    """Decide one run; equal arguments give equal decisions.

    Args:
        policy: the suite's.
        state: what the newest decision of the suite handed on; None before the first. What can't be read is as if
            there were none, and the reason says so.
        run: the run, and the router as it is now.
    """
    begun_anew = ""
    try:
        before = read_state(state)
    except StateError as error:
        before, begun_anew = SuiteState(), f" Earlier runs are forgotten: {error}."
    found, after = settle(policy, before, run)
    overlay = (run.overlay if found.overlay is None else found.overlay).thresholds
    stand = in_force(after.steps, run.thresholds, overlay)
    steps = [
        f"{one}{'' if at in stand or not one.moves else ' (not in force)'}"
        for at, one in enumerate(after.steps)
        if one.kind is StepKind.REGRESSION
    ]
    return Decision(
        action=found.action,
        reason=cut(f"{found.reason}{begun_anew}"),
        low_percent=found.low_percent,
        high_percent=found.high_percent,
        overlay=found.overlay,
        cells=cell_judgements(policy, found.night, found.candidates),
        steps=tuple(steps),
        state=state_text(after),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What follows, before it is put in words for each cell."""

    action: RunAction
    reason: str
    low_percent: str | None = None
    high_percent: str | None = None
    overlay: TunedValues | None = None
    night: Night = field(default_factory=Night)
    candidates: tuple[Judged, ...] = ()


def settle(policy: RegressionPolicy, before: SuiteState, run: RunFacts) -> tuple[Settled, SuiteState]:
    """As :func:`decide`, from a state that was read; with the state that is handed on."""
    if run.run in before.decided:
        reason = f"run {run.run} was decided before, and is not again."
        return Settled(action=RunAction.NOTHING, reason=reason), before
    if _is_late(before, run):
        reason = f"run {run.run} is older than run {before.newest_run}, which was decided before it: it comes too late."
        return Settled(action=RunAction.NOTHING, reason=reason), _with_run(before, run)
    night = count(policy, before, run)
    candidates = judged(policy, before, night)
    names = frozenset(tier.name for tier in run.tiers)
    kept = replace(before, tiers={name: tier for name, tier in before.tiers.items() if name in names})
    now = watched(policy, kept, followed(policy, kept, night), night)
    now = remembering(_with_run(now, run), candidates)
    found, after = _decided(policy, now, run, night, candidates)
    if not any(cell.counts for cell in night.cells) and found.action is RunAction.NOTHING:
        found = replace(found, reason=_of_nothing(run, night))
    return replace(found, night=night, candidates=candidates), after


def _decided(
    policy: RegressionPolicy, state: SuiteState, run: RunFacts, night: Night, candidates: tuple[Judged, ...]
) -> tuple[Settled, SuiteState]:
    slip = found_slip(policy, state, night)
    if slip is not None:
        return _regress(policy, state, run, night, slip)
    under = covered(state.steps, run.thresholds, run.overlay.thresholds)
    recovery = found_recovery(policy, state, night, frozenset(tier.name for tier in run.tiers), under)
    if recovery is not None and not recovery.is_covered:
        return _recover(policy, state, run, night, recovery)
    proven = [one for one in candidates if one.standing is Standing.PROVEN]
    if proven:
        return _promote(policy, state, run, min(proven, key=_preference))
    refused = [one for one in candidates if one.standing in (Standing.WORSE, Standing.BELOW)]
    if refused:
        worst = min(refused, key=lambda one: (one.standing is not Standing.WORSE, one.counted.share, one.key))
        found = Settled(action=RunAction.REJECT, reason=rejected(policy, worst))
        return _interval(policy, found, worst.counted.resolved, worst.counted.total), state
    found = Settled(action=RunAction.NOTHING, reason=nothing(policy, state, night, candidates, recovery))
    # The tier that is nearest to its limit, or below it by most, is what the interval is of.
    cells = [*night.counted.values()] or [one.counted for one in candidates if one.counted.counts]
    if cells:
        least = min(cells, key=lambda cell: (cell.share, cell.cell.cell))
        found = _interval(policy, found, least.resolved, least.total)
    return found, state


def _regress(
    policy: RegressionPolicy, state: SuiteState, run: RunFacts, night: Night, slip: Slip
) -> tuple[Settled, SuiteState]:
    stepped = step(StepKind.REGRESSION, run.thresholds, run.overlay.thresholds)
    cause = night.tiers[slip.tier]
    made = Step(
        kind=StepKind.REGRESSION,
        tier=slip.tier,
        run=run.run,
        scope=slip.scope,
        moves=stepped.moves,
        resolved=cause.resolved,
        tasks=cause.total,
        night_resolved=night.resolved if night.is_whole else 0,
        night_tasks=night.total if night.is_whole else 0,
    )
    found = Settled(
        action=RunAction.REGRESS,
        reason=regressed(policy, slip, night, stepped),
        overlay=_moved(run.overlay, stepped.moves),
    )
    after = _measured_anew(state.with_steps((*state.steps, made)), slip.tier)
    return _interval(policy, found, slip.track.resolved, slip.track.tasks), after


def _recover(
    policy: RegressionPolicy, state: SuiteState, run: RunFacts, night: Night, recovery: Recovery
) -> tuple[Settled, SuiteState]:
    undone = undo(state.steps, recovery.at, run.thresholds, run.overlay.thresholds)
    steps = tuple(
        replace(one, moves=moves)
        for number, (one, moves) in enumerate(zip(state.steps, undone.later, strict=True))
        if number != recovery.at or moves
    )
    is_moved = undone.overlay != dict(run.overlay.thresholds)
    overlay = TunedValues(thresholds=undone.overlay, tiers=run.overlay.tiers) if is_moved else None
    found = Settled(action=RunAction.RECOVER, reason=recovered(policy, recovery, night, undone), overlay=overlay)
    after = _measured_anew(state.with_steps(steps), recovery.step.tier)
    return _interval(policy, found, recovery.step.back.resolved, recovery.step.back.tasks), after


def _promote(policy: RegressionPolicy, state: SuiteState, run: RunFacts, best: Judged) -> tuple[Settled, SuiteState]:
    tier, model = best.counted.cell.tier, best.counted.cell.model
    stepped = step(StepKind.PROMOTION, run.thresholds, run.overlay.thresholds)
    made = Step(kind=StepKind.PROMOTION, tier=tier, run=run.run, moves=stepped.moves)
    found = Settled(
        action=RunAction.PROMOTE,
        reason=promoted(policy, best, stepped),
        overlay=TunedValues(
            thresholds=stepped_values(run.overlay.thresholds, stepped.moves),
            tiers={**run.overlay.tiers, tier: model},
        ),
    )
    after = replace(
        state.with_steps((*state.steps, made)),
        candidates={key: known for key, known in state.candidates.items() if key[0] != tier},
        promoted={**state.promoted, tier: Promoted(model, run.run, state.runs)},
    )
    return _interval(policy, found, best.known.resolved, best.known.tasks), after


def _preference(one: Judged) -> tuple[bool, float, float, tuple[str, str, str]]:
    """The cheapest for each solved task first; where that is unknown, the one that solves most."""
    cost = use_of(one.counted.tasks).usd_per_solved
    return cost is None, cost or 0.0, -one.counted.share, one.key


def _measured_anew(state: SuiteState, tier: str) -> SuiteState:
    """What is measured against another limit from now on has no evidence yet."""
    known = state.tiers.get(tier)
    tiers = dict(state.tiers) if known is None else {**state.tiers, tier: replace(known, slip=NO_TRACK)}
    return replace(state, tiers=tiers, night=NO_TRACK)


def _moved(overlay: TunedValues, moves: tuple[Move, ...]) -> TunedValues | None:
    if not moves:
        return None
    return TunedValues(thresholds=stepped_values(overlay.thresholds, moves), tiers=overlay.tiers)


def _of_nothing(run: RunFacts, night: Night) -> str:
    is_past = bool(run.revision_in_force) and run.revision != run.revision_in_force
    reason = no_results(night)
    if is_past and any(not cell.is_current for cell in night.cells):
        return f"revision {run.revision} is no longer in force, {run.revision_in_force} is, and {reason}"
    return reason


def _is_late(state: SuiteState, run: RunFacts) -> bool:
    newest, made = _time(state.newest), _time(run.time)
    return newest is not None and made is not None and timedelta(0) < newest - made <= _LATEST


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _with_run(state: SuiteState, run: RunFacts) -> SuiteState:
    """The state that knows of the run."""
    decided = (*state.decided, run.run)[-MAX_RUNS_REMEMBERED:]
    if _is_late(state, run):
        return replace(state, decided=decided)
    return replace(state, runs=state.runs + 1, decided=decided, newest=run.time or state.newest, newest_run=run.run)


def _interval(policy: RegressionPolicy, found: Settled, resolved: int, tasks: int) -> Settled:
    if not tasks:
        return found
    low, high = wilson(resolved, tasks, policy.confidence_percent / 100)
    return replace(found, low_percent=decimal(low), high_percent=decimal(high))

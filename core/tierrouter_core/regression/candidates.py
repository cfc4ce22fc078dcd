"""Whether a candidate takes a tier over: good enough, and not worse than the incumbent on the same tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tierrouter_core.regression.counting import Counted, Night
from tierrouter_core.regression.evidence import (
    FIRST_RUN,
    HORIZON_RUNS,
    bet_strength,
    grown,
    needed,
    pair_gains,
    rise_gains,
    strength,
)
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.state import MAX_CANDIDATES, CandidateKey, CandidateState, SuiteState
from tierrouter_core.regression.statistics import at_most, mcnemar, worse
from tierrouter_core.resources.regression import RegressionPolicy


class Standing(StrEnum):
    """How far a candidate is."""

    PROVEN = "proven"
    OPEN = "open"
    """Nothing speaks against it, and not enough for it."""
    WORSE = "worse"
    """Significantly worse than the incumbent in this run."""
    BELOW = "below"
    """Significantly below ``promoteAtPercent`` in this run."""
    HELD = "held"
    """It was promoted not long ago, and is not in force."""
    UNKNOWN = "unknown"
    """It has no results that count, or none to compare them with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A candidate and the incumbent on tasks that both tried in this run."""

    gained: int
    """Only the candidate solved them."""
    lost: int
    """Only the incumbent."""
    pairs: int

    @property
    def p(self) -> float:
        """Exact McNemar test, two-sided."""
        return mcnemar(self.gained, self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate after a run."""

    counted: Counted
    incumbent: Counted | None
    standing: Standing
    why: str = ""
    pairing: Pairing | None = None
    """On the tasks that are not flaky."""
    known: CandidateState = field(default_factory=CandidateState)
    """Of all its runs beside this incumbent."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Tier, candidate, incumbent."""
        cell = self.counted.cell
        return (cell.tier, cell.model, "" if self.incumbent is None else self.incumbent.cell.model)


def judged(policy: RegressionPolicy, state: SuiteState, night: Night) -> tuple[Judged, ...]:
    """Every candidate of a run, with what is known of it after it."""
    tested = {(counted.cell.tier, counted.cell.model) for counted in night.candidates}
    several = len(tested | {key[:2] for key in _recent(state)})
    goal = needed(policy.confidence_percent / 100, several)
    alpha = (1 - policy.confidence_percent / 100) / max(several, 1)
    return tuple(_judged(policy, state, night.tiers, counted, goal, alpha) for counted in night.candidates)


def _judged(
    policy: RegressionPolicy,
    state: SuiteState,
    tiers: Mapping[str, Counted],
    counted: Counted,
    goal: float,
    alpha: float,
) -> Judged:
    incumbent = tiers.get(counted.cell.tier)
    if not counted.counts:
        return Judged(counted=counted, incumbent=incumbent, standing=Standing.UNKNOWN, why=counted.why_not)
    below = _below(policy, counted, alpha)
    uncompared = Standing.BELOW if below else Standing.UNKNOWN
    if incumbent is None or not incumbent.counts:
        why = f"the model of tier {counted.cell.tier} has no results that count to compare it with"
        return Judged(counted=counted, incumbent=None, standing=uncompared, why=below or why)
    pairing, whole = paired(counted.steady, incumbent.steady), paired(counted.tasks, incumbent.tasks)
    result = Judged(counted=counted, incumbent=incumbent, standing=Standing.OPEN, pairing=pairing)
    if whole.pairs < policy.min_tasks:
        why = f"only {whole.pairs:,} tasks were tried by both, and fewer than {policy.min_tasks:,} decide nothing"
        return replace(result, standing=uncompared, why=below or why)
    known = _known(policy, state.candidates.get(result.key, CandidateState()), counted, whole)
    known = replace(known, last=state.runs)
    standing, why = _standing(policy, known, pairing, below, goal, alpha)
    if standing is Standing.PROVEN and (held := _held(state, counted)):
        standing, why = Standing.HELD, held
    return replace(result, known=known, standing=standing, why=why)


def paired(candidate: Sequence[TaskResult], incumbent: Sequence[TaskResult]) -> Pairing:
    """Both on the same tasks."""
    theirs = {task.task: task.outcome for task in incumbent}
    both = [(task.outcome, theirs[task.task]) for task in candidate if task.task in theirs]
    solved = TaskOutcome.RESOLVED
    return Pairing(
        gained=sum(ours is solved and other is not solved for ours, other in both),
        lost=sum(ours is not solved and other is solved for ours, other in both),
        pairs=len(both),
    )


def _known(policy: RegressionPolicy, before: CandidateState, counted: Counted, pairing: Pairing) -> CandidateState:
    fresh = FIRST_RUN if not before.runs else (HORIZON_RUNS - FIRST_RUN) / (HORIZON_RUNS - 1)
    return CandidateState(
        floor=grown(before.floor, rise_gains(counted.resolved, counted.total, policy.tier_floor_percent / 100), fresh),
        pair=grown(
            before.pair,
            pair_gains(pairing.gained, pairing.lost, pairing.pairs, policy.margin_percent / 100),
            fresh,
        ),
        runs=before.runs + 1,
        resolved=before.resolved + counted.resolved,
        tasks=before.tasks + counted.total,
        gained=before.gained + pairing.gained,
        lost=before.lost + pairing.lost,
        pairs=before.pairs + pairing.pairs,
    )


def _below(policy: RegressionPolicy, counted: Counted, alpha: float) -> str:
    """That it is too bad whatever the incumbent is; empty where that is not certain."""
    if at_most(counted.resolved, counted.total, policy.promote_at_percent / 100) > alpha:
        return ""
    return f"it is significantly under {policy.promote_at_percent} %"


def _standing(
    policy: RegressionPolicy, known: CandidateState, pairing: Pairing, below: str, goal: float, alpha: float
) -> tuple[Standing, str]:
    if worse(pairing.gained, pairing.lost) <= alpha:
        return Standing.WORSE, "it is significantly worse than the incumbent"
    if below:
        return Standing.BELOW, below
    lacking = []
    if known.resolved * 100 < policy.promote_at_percent * known.tasks:
        lacking.append(f"it is under {policy.promote_at_percent} %")
    if strength(known.floor) < goal:
        lacking.append(f"it is not proven to be above {policy.tier_floor_percent} %")
    if bet_strength(known.pair) < goal:
        lacking.append(
            f"it is not proven to be less than {policy.margin_percent} percentage points worse than the incumbent"
        )
    return (Standing.OPEN, " and ".join(lacking)) if lacking else (Standing.PROVEN, "")


def _held(state: SuiteState, counted: Counted) -> str:
    """Why it is not promoted again: its rollout is under way, or was given up; the same evidence is no new reason."""
    last = state.promoted.get(counted.cell.tier)
    if last is None or last.model != counted.cell.model or state.runs - last.at >= HORIZON_RUNS:
        return ""
    left = HORIZON_RUNS - (state.runs - last.at)
    return (
        f"run {last.run} promoted it and it is not in force, so its rollout is under way or was given up; it may be "
        f"promoted again after {left} more runs"
    )


def _recent(state: SuiteState) -> dict[CandidateKey, CandidateState]:
    """Those that were tested in the last runs."""
    return {key: known for key, known in state.candidates.items() if state.runs - known.last <= HORIZON_RUNS}


def remembering(state: SuiteState, candidates: tuple[Judged, ...]) -> SuiteState:
    """The state with what is known of the candidates now; those that were not tested stay as long as there is room."""
    now = {one.key: one.known for one in candidates if one.known.runs}
    others = {key: known for key, known in _recent(state).items() if key not in now}
    return replace(state, candidates=dict(list({**others, **now}.items())[-MAX_CANDIDATES:]))

"""Decisions in words: one sentence each, with its numbers."""

import math
from collections.abc import Sequence

from tierrouter_core.printable import one_line
from tierrouter_core.regression.candidates import Judged, Standing
from tierrouter_core.regression.comparison import comparison_words, use_of, use_words
from tierrouter_core.regression.counting import Counted, Night
from tierrouter_core.regression.evidence import strength
from tierrouter_core.regression.recovery import Recovery
from tierrouter_core.regression.results import TaskOutcome
from tierrouter_core.regression.slips import Slip, night_limit, tier_limit, tier_needed
from tierrouter_core.regression.state import Scope, SuiteState, Track
from tierrouter_core.regression.statistics import wilson
from tierrouter_core.regression.stepping import Stepped, Undone
from tierrouter_core.resources.regression import RegressionPolicy
from tierrouter_core.resources.regression_run import CellJudgement

MOST_TEXT = 2048
_MOST_NAMED = 10
_WHEN_UNCOVERED = "when the steps of another suite that lie on it are"


def percent(share: float) -> str:
    """``0.9`` as ``90.0 %``."""
    return f"{share * 100:.1f} %"


def decimal(share: float) -> str:
    """``0.9`` as ``90.0``: a percentage for programs."""
    return f"{share * 100:.1f}"


def rate(resolved: int, tasks: int, confidence_percent: int) -> str:
    """``180 of 200 tasks (90.0 %, 95 % interval 85.1 to 93.4)``."""
    low, high = wilson(resolved, tasks, confidence_percent / 100)
    share = percent(resolved / tasks) if tasks else "none"
    return (
        f"{resolved:,} of {tasks:,} tasks ({share}, {confidence_percent} % interval {decimal(low)} to {decimal(high)})"
    )


def odds(strength: float, needed: float) -> str:
    """``evidence 2,310 to 1, 600 needed``."""
    return f"evidence {_odds(strength)}, {_odds(needed)} needed"


def regressed(policy: RegressionPolicy, slip: Slip, night: Night, stepped: Stepped) -> str:
    """Why thresholds move after a slip, or would."""
    track = slip.track
    runs = f" in {track.runs} runs" if track.runs > 1 else ""
    who = f"tier {slip.tier}" if slip.scope == Scope.TIER or night.is_alone(slip.tier) else "all tiers together"
    what = f"{who} solved {rate(track.resolved, track.tasks, policy.confidence_percent)}{runs}"
    shown = odds(slip.strength, slip.needed)
    limit = policy.regress_below_percent
    if slip.after is not None and slip.limit < limit / 100:
        step = slip.after
        before = (step.night_resolved, step.night_tasks) if who == "all tiers together" else (step.resolved, step.tasks)
        below = (
            f"significantly worse than in run {step.run}, which caused the last step ({before[0]:,} of "
            f"{before[1]:,}, from {percent(slip.limit)} up; {shown})"
        )
    elif slip.scope == Scope.TIER:
        below = f"under its floor of {policy.tier_floor_percent} % and significantly under {limit} % ({shown})"
    else:
        below = f"significantly under {limit} % ({shown})"
    worst = night.tiers[slip.tier]
    cause = f", the worst being tier {slip.tier} with {_short(worst)}" if who == "all tiers together" else ""
    return f"{what}, {below}{cause}: {_moved(stepped)}."


def recovered(policy: RegressionPolicy, recovery: Recovery, night: Night, undone: Undone) -> str:
    """Why a step is undone."""
    step, track = recovery.step, recovery.step.back
    if recovery.is_tier_gone:
        why = f"tier {step.tier} is no longer there"
    else:
        is_of_all = step.scope == Scope.NIGHT and not night.is_alone(step.tier)
        who = "all tiers together" if is_of_all else f"tier {step.tier}"
        runs = f" in {track.runs} runs" if track.runs > 1 else ""
        why = (
            f"{who} solved {rate(track.resolved, track.tasks, policy.confidence_percent)}{runs} since, significantly "
            f"at or above {percent(recovery.limit)} again ({odds(recovery.strength, recovery.needed)})"
        )
    moved = ", ".join(str(move) for move in undone.moves) or "nothing moves, for nothing of it is in force"
    left = ", ".join(move.threshold for move in undone.later[recovery.at])
    later = f"; {left} {_WHEN_UNCOVERED}" if left else ""
    return f"{why}: the step that tier {step.tier} caused in run {step.run} is undone: {moved}{later}."


def promoted(policy: RegressionPolicy, judged: Judged, stepped: Stepped) -> str:
    """Why a candidate takes over."""
    cell, known = judged.counted.cell, judged.known
    runs = f" in {known.runs} runs" if known.runs > 1 else ""
    incumbent = "" if judged.incumbent is None else judged.incumbent.cell.model
    used = ""
    if judged.incumbent is not None:
        used = comparison_words(use_of(judged.counted.tasks), use_of(judged.incumbent.tasks))
    return (
        f"{cell.model} solved {rate(known.resolved, known.tasks, policy.confidence_percent)}{runs}, "
        f"{policy.promote_at_percent} % or more, and is not worse than {incumbent} by {policy.margin_percent} points "
        f"(only it solved {known.gained:,}, only the incumbent {known.lost:,} of {known.pairs:,} common tasks)"
        f"{', ' if used else ''}{used}: it serves tier {cell.tier}; {_moved(stepped)}."
    )


def rejected(policy: RegressionPolicy, judged: Judged) -> str:
    """Why a candidate does not."""
    cell, pairing = judged.counted.cell, judged.pairing
    what = f"{cell.model} solved {_rate(policy, judged.counted)}"
    if judged.standing is Standing.WORSE and pairing is not None and judged.incumbent is not None:
        why = (
            f"significantly worse than {judged.incumbent.cell.model} with {_short(judged.incumbent)} (of "
            f"{pairing.pairs:,} common steady tasks only it solved {pairing.gained:,}, only the incumbent "
            f"{pairing.lost:,}; exact McNemar p = {pairing.p:.2g})"
        )
    else:
        why = f"significantly under {policy.promote_at_percent} %"
    return f"{what}, {why}: tier {cell.tier} keeps its model."


def nothing(
    policy: RegressionPolicy, state: SuiteState, night: Night, candidates: Sequence[Judged], waits: Recovery | None
) -> str:
    """Why nothing follows from a run of which something counts; ``waits``: a step that would be undone if it could."""
    parts = []
    for name, found in night.counted.items():
        track, step = state.tiers[name].slip, state.standing(name)
        parts.append(f"tier {name} {_short(found)}{_not_yet(track, found, tier_limit(policy, step), step is not None)}")
        if found.share < tier_limit(policy, step):
            goal = tier_needed(policy, night, step)
            parts[-1] += f" ({odds(strength(track.logs), goal)})"
    if len(night.together) > 1 and night.is_whole:
        limit = night_limit(policy, state)
        share = night.resolved / night.total
        below = f", under {percent(limit)} but not significantly" if share < limit else ""
        parts.append(f"all together {percent(share)}{below}")
    for judged in candidates:
        if judged.counted.counts:
            parts.append(f"candidate {judged.counted.cell.model} {_short(judged.counted)}, {judged.why}")
    counted = "; ".join(parts)
    if not night.counted:
        lead = "no tier's own model has results that count"
    elif waits is not None:
        lead = (
            f"the step that tier {waits.step.tier} caused in run {waits.step.run} is no longer needed, and is undone "
            f"{_WHEN_UNCOVERED}"
        )
    elif any(state.standing(name) for name in night.counted):
        lead = "no tier is significantly worse than when it caused a step, nor well again for certain"
    else:
        lead = "no tier has slipped"
    return f"{lead}: {counted}." if counted else f"{lead}."


def no_results(night: Night) -> str:
    """Why nothing follows from a run of which nothing counts."""
    why = "; ".join(f"{found.cell.cell}: {found.why_not}" for found in night.cells)
    return f"nothing of the run counts: {why}." if why else "nothing of the run counts: it has no cells."


def cell_judgements(policy: RegressionPolicy, night: Night, candidates: Sequence[Judged]) -> tuple[CellJudgement, ...]:
    """What is to be said of each cell, in the order of their names."""
    by_cell = {judged.counted.cell.cell: judged for judged in candidates}
    found = {}
    for counted in night.cells:
        judged = by_cell.get(counted.cell.cell)
        low, high = wilson(counted.resolved, counted.total, policy.confidence_percent / 100)
        has_tasks = counted.total > 0
        found[counted.cell.cell] = CellJudgement(
            name=counted.cell.cell,
            accuracy_percent=decimal(counted.share) if has_tasks else None,
            low_percent=decimal(low) if has_tasks else None,
            high_percent=decimal(high) if has_tasks else None,
            sentence=cut(_cell_sentence(policy, counted, judged)),
        )
    return tuple(found[name] for name in sorted(found))


def cut(text: str) -> str:
    """A text that a status has room for, in one line."""
    text = one_line(text)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 3]}..."


def _cell_sentence(policy: RegressionPolicy, counted: Counted, judged: Judged | None) -> str:
    cell = counted.cell
    if not counted.tasks:
        return f"{cell.model} as {cell.tier} counts for nothing: {counted.why_not}."
    parts = [f"{cell.model} as {cell.tier} solved {_rate(policy, counted)}"]
    if not counted.counts:
        parts.append(f"which counts for nothing: {counted.why_not}")
    failed = len(cell.tasks) - len(cell.counted)
    if failed:
        parts.append(f"{failed:,} could not be tried")
    if counted.aside:
        more = f" and {len(counted.aside) - _MOST_NAMED} more" if len(counted.aside) > _MOST_NAMED else ""
        steady = sum(task.outcome is TaskOutcome.RESOLVED for task in counted.steady)
        parts.append(
            f"without {len(counted.aside):,} flaky, whose outcome flipped on earlier nights, {steady:,} of "
            f"{len(counted.steady):,}; set aside where models are compared: "
            f"{', '.join(counted.aside[:_MOST_NAMED])}{more}"
        )
    incumbent = None if judged is None else judged.incumbent
    if judged is not None and incumbent is not None and judged.pairing is not None:
        pairing = judged.pairing
        parts.append(
            f"of {pairing.pairs:,} steady tasks that {incumbent.cell.model} tried too only it solved "
            f"{pairing.gained:,}, only the incumbent {pairing.lost:,} (exact McNemar p = {pairing.p:.2g})"
        )
        used = comparison_words(use_of(counted.tasks), use_of(incumbent.tasks))
    else:
        used = use_words(use_of(counted.tasks))
    parts += [used] if used else []
    if judged is not None and judged.counted.counts:
        verdict = "it is good enough to serve" if judged.standing is Standing.PROVEN else judged.why
        parts.append(verdict)
    return "; ".join(parts) + "."


def _not_yet(track: Track, found: Counted, limit: float, is_again: bool) -> str:
    if found.share >= limit:
        return ""
    runs = f", {percent(track.resolved / track.tasks)} in {track.runs} runs" if track.runs > 1 else ""
    what = "the run that caused its last step" if is_again else f"{percent(limit)}"
    return f"{runs}, under {what} but not to be told from chance" if not is_again else f"{runs}, worse than {what}"


def _moved(stepped: Stepped) -> str:
    moved = ", ".join(str(move) for move in stepped.moves)
    held = ", ".join(stepped.held)
    if moved:
        return f"{moved} ({held})" if held else moved
    return f"no threshold moves, for {held}" if held else "no threshold moves, for none has a step for this"


def _rate(policy: RegressionPolicy, counted: Counted) -> str:
    return rate(counted.resolved, counted.total, policy.confidence_percent)


def _short(counted: Counted) -> str:
    return f"{counted.resolved:,} of {counted.total:,} ({percent(counted.share)})"


def _odds(logarithm: float) -> str:
    if logarithm > math.log(1e6):
        return "over 1,000,000 to 1"
    value = math.exp(logarithm) if logarithm > -700 else 0.0
    return f"{value:,.0f} to 1" if value >= 1 else "less than 1 to 1"

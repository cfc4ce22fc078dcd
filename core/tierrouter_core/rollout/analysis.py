"""Whether a canary takes over, goes, or is tried for longer: values in, a verdict with its reason out.

A trial is looked at five times at most, each time a fifth more of it is over: of the canary's turns that the router
asks for (``minTurns``) and of the time (``analysisWindow``), whichever is behind. At a look each figure of the canary
is compared with that of the stable revision, and its errors with ``maxErrorPercent``. One that is worse by more than is
tolerated, beyond the look's boundary (:mod:`tierrouter_core.rollout.bounds`), rolls it back. After the last look the
canary takes over. The chance to roll back one that is no worse than tolerated is 1 - confidence, over all looks and all
figures together: each of them has an equal part of it (Bonferroni).

At the deadline, without enough turns, a revision that a regression made (towards safety) takes over and one that a
promotion made goes (design section 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tierrouter_core.rollout.arms import Arms, Figure
from tierrouter_core.rollout.bounds import MOST_LOOKS, Spending, boundary, spent
from tierrouter_core.rollout.comparing import LEAST_SESSIONS, Comparison, Tolerance, against, compared
from tierrouter_core.rollout.settings import Settings
from tierrouter_core.rollout.wording import because_of_the_deadline, because_worse, nothing_worse, still_waiting

SHAPE: Final = Spending.POCOCK
"""What is clearly bad is to end soon: most of a canary's harm is done before the last look."""

TOLERANCES: Final = (
    Tolerance(Figure.ERRORS, points=0.01),
    Tolerance(Figure.FALLBACKS, points=0.03),
    Tolerance(Figure.TOOL_ERRORS, points=0.03),
    Tolerance(Figure.COST, points=10.0, share=0.25),
    Tolerance(Figure.ESCALATIONS, points=0.05),
    Tolerance(Figure.DEEP_TURNS, points=0.05),
)
"""For a promotion: a cheaper model, or thresholds that ask for less."""
TOLERANCES_TOWARDS_SAFETY: Final = (
    Tolerance(Figure.ERRORS, points=0.01),
    Tolerance(Figure.FALLBACKS, points=0.03),
    Tolerance(Figure.TOOL_ERRORS, points=0.03),
    Tolerance(Figure.COST, points=10.0, share=1.0),
)
"""After a regression more escalations and more expensive tiers are what is wanted: only a cost that doubles is not."""
_LEAST_GROWTH: Final = 1.1
"""So much more is known at a look than at the one before, at least."""


class Action(StrEnum):
    """What is to be done with a canary."""

    WAIT = "Wait"
    PROMOTE = "Promote"
    ROLL_BACK = "RollBack"
    GIVE_UP = "GiveUp"


@dataclass(frozen=True, slots=True)
class Look:
    """One time that a trial was looked at."""

    part: int
    """How much of it was over, in fifths."""
    information: float
    """How much was known, as one by the variance; more than at the look before."""

    def as_json(self) -> list[float]:
        """To be written down."""
        return [self.part, self.information]


def looks_from_json(data: Any) -> tuple[Look, ...]:
    """The inverse of :meth:`Look.as_json`, of all; ValueError where somebody else has written it."""
    try:
        return tuple(Look(int(part), float(information)) for part, information in data)
    except TypeError as error:
        raise ValueError(f"looks can't be read: {error}") from None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a trial is."""

    since_s: float
    """When the canary began, in seconds since 1970."""
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done."""

    action: Action
    reason: str
    """One sentence, with its numbers."""
    looks: tuple[Look, ...]
    """Those that were used, this one included: to be kept."""
    comparisons: tuple[Comparison, ...] = field(default=())
    """What was compared; empty where it was no time to look."""


def judge(settings: Settings, progress: Progress, counters: Arms, now_s: float) -> Verdict:
    """What is to be done with a canary.

    Args:
        settings: of the router.
        progress: when it began, and the looks so far.
        counters: what came of both sides, added up over all pods.
        now_s: seconds since 1970; before the beginning, where a clock was set back, it is taken for the beginning.
    """
    elapsed_s = max(0.0, now_s - progress.since_s)
    canary, looks = counters.canary, progress.looks
    is_over = elapsed_s >= settings.deadline_s
    part = _part(settings, canary.turns, elapsed_s)
    used = max((look.part for look in looks), default=0)
    may_look = canary.sessions >= LEAST_SESSIONS and canary.turns > 0
    comparisons: tuple[Comparison, ...] = ()
    due = MOST_LOOKS if is_over else part
    if may_look and due > used:
        looks = (*looks, Look(due, _information(counters, looks)))
        comparisons = _compared(settings, counters)
        enough = _boundary(settings, looks)
        worst = max(comparisons, key=lambda each: each.sure, default=None)
        if worst is not None and worst.sure > enough:
            reason = because_worse(worst, counters, due, enough)
            return Verdict(action=Action.ROLL_BACK, reason=reason, looks=looks, comparisons=comparisons)
        if part >= MOST_LOOKS or (is_over and canary.turns >= settings.min_turns):
            reason = nothing_worse(comparisons, counters, elapsed_s)
            return Verdict(action=Action.PROMOTE, reason=reason, looks=looks, comparisons=comparisons)
    elif used >= MOST_LOOKS and may_look and canary.turns >= settings.min_turns:
        # It was looked at for the last time, and what was to be done then was not.
        reason = nothing_worse((), counters, elapsed_s)
        return Verdict(action=Action.PROMOTE, reason=reason, looks=looks)
    if is_over:
        action = Action.PROMOTE if settings.towards_safety else Action.GIVE_UP
        reason = because_of_the_deadline(settings, counters, elapsed_s)
        return Verdict(action=action, reason=reason, looks=looks, comparisons=comparisons)
    reason = still_waiting(
        settings, counters, elapsed_s, due if comparisons else used, set_back=now_s < progress.since_s
    )
    return Verdict(action=Action.WAIT, reason=reason, looks=looks, comparisons=comparisons)


def _part(settings: Settings, turns: int, elapsed_s: float) -> int:
    """How much of the trial is over, in fifths."""
    by_turns = turns * MOST_LOOKS // max(settings.min_turns, 1)
    by_time = int(elapsed_s * MOST_LOOKS / settings.window_s) if settings.window_s > 0 else MOST_LOOKS
    return max(0, min(by_turns, by_time, MOST_LOOKS))


def _information(counters: Arms, looks: Sequence[Look]) -> float:
    """Grows as one by the variance of a difference does, and at each look at least by some.

    A long session, or a stable side whose first session comes late, makes less known than at the look before. Where a
    look adds nothing, no difference would be enough at it, however large. To assume that it adds more than it does
    makes looks less alike, and so the boundary higher: what is no worse is not rolled back more often than it may be.
    """
    spread = [arm.turns_squared / arm.turns**2 for arm in (counters.stable, counters.canary) if arm.turns]
    return max(1.0 / sum(spread), looks[-1].information * _LEAST_GROWTH if looks else 0.0)


def tolerances(settings: Settings) -> tuple[Tolerance, ...]:
    """What is compared."""
    return TOLERANCES_TOWARDS_SAFETY if settings.towards_safety else TOLERANCES


def _compared(settings: Settings, counters: Arms) -> tuple[Comparison, ...]:
    found = [compared(counters, tolerance) for tolerance in tolerances(settings)]
    found.append(against(counters, Figure.ERRORS, max(settings.max_error_percent, 0.1) / 100))
    return tuple(each for each in found if each is not None)


def _boundary(settings: Settings, looks: Sequence[Look]) -> float:
    """What a difference has to exceed at the last look; each figure has its part of the chance to be misled."""
    alpha = (1.0 - settings.confidence_percent / 100) / (len(tolerances(settings)) + 1)
    spending = [spent(alpha, look.part / MOST_LOOKS, SHAPE) for look in looks]
    return boundary(spending, [look.information for look in looks])

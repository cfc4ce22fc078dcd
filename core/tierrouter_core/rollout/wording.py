"""The sentences of a rollout, with their numbers."""

from collections.abc import Sequence
from typing import Final

from tierrouter_core.rollout.arms import Arms, Figure
from tierrouter_core.rollout.bounds import MOST_LOOKS
from tierrouter_core.rollout.comparing import LEAST_SESSIONS, Comparison
from tierrouter_core.rollout.settings import Settings

_WORDS: Final = {
    Figure.ERRORS: "failed turns",
    Figure.FALLBACKS: "turns that another tier stood in for",
    Figure.ESCALATIONS: "escalations",
    Figure.TOOL_ERRORS: "turns after a tool's error",
    Figure.DEEP_TURNS: "turns on expensive tiers",
    Figure.COST: "cost by turn",
}


def amount(figure: Figure, rate: float) -> str:
    """``1.5 %``, or dollars."""
    return f"${rate / 10_000:.4f}" if figure is Figure.COST else f"{100 * rate:.1f} %"


def because_worse(worst: Comparison, arms: Arms, part: int, enough: float) -> str:
    """Why it is rolled back."""
    canary, stable, figure = arms.canary, arms.stable, worst.figure
    said = f"{_WORDS[figure]}: {amount(figure, worst.canary)} in {canary.turns} turns of {canary.sessions} sessions"
    if worst.stable is None:
        against = f"maxErrorPercent is {amount(figure, worst.limit)}"
    else:
        against = (
            f"{amount(figure, worst.stable)} in {stable.turns} turns of the stable revision, "
            f"{amount(figure, worst.limit)} is tolerated"
        )
    return (
        f"{said}, {against} ({worst.sure:.1f} standard deviations at look {part} of {MOST_LOOKS}, limit {enough:.1f})"
    )


def nothing_worse(comparisons: Sequence[Comparison], arms: Arms, elapsed_s: float) -> str:
    """Why it takes over."""
    over = f"in {arms.canary.turns} turns of {arms.canary.sessions} sessions over {_time(elapsed_s)}"
    compared = [each for each in comparisons if each.stable is not None]
    if not compared:
        return f"nothing of the canary is beyond its limits {over}"
    errors = next((each for each in compared if each.figure is Figure.ERRORS), compared[0])
    mine, its = amount(errors.figure, errors.canary), amount(errors.figure, errors.stable or 0.0)
    told = f"{_WORDS[errors.figure]} {mine}, {its} of the stable revision"
    return f"none of {len(compared)} figures is worse than tolerated {over}: {told}"


def still_waiting(settings: Settings, arms: Arms, elapsed_s: float, looked: int, *, set_back: bool) -> str:
    """What is waited for."""
    clock = "; the clock stands before the canary's beginning" if set_back else ""
    canary = arms.canary
    said = f"the canary has {canary.turns} of {settings.min_turns} turns in {canary.sessions} sessions"
    if canary.sessions < LEAST_SESSIONS:
        said += f", at least {LEAST_SESSIONS} are needed,"
    seen = f", look {looked} of {MOST_LOOKS} found nothing worse" if looked else ""
    return f"{said} after {_time(elapsed_s)} of {_time(settings.window_s)}{seen}{clock}"


def because_of_the_deadline(settings: Settings, arms: Arms, elapsed_s: float) -> str:
    """What becomes of it without enough turns."""
    had = f"{arms.canary.turns} of {settings.min_turns} turns in {arms.canary.sessions} sessions"
    said = f"the deadline of {_time(settings.deadline_s)} passed with {had}"
    if settings.towards_safety:
        return f"{said}, and the revision is towards safety"
    return f"{said}, too few to take over"


def _time(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"

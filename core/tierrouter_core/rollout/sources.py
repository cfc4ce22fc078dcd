"""Whose counts a canary is judged by: Prometheus' where it is asked and can be believed, else the sidecars' own.

Either is taken whole, never a part of each. Sidecars are asked in any case, so that their counts are there when
Prometheus is not, and so that it is seen when Prometheus lags behind them or does not scrape all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tierrouter_core.rollout.arms import Arms
from tierrouter_core.rollout.counters import (
    Gathered,
    arms_from_numbers,
    arms_to_numbers,
    gathered_from_json,
    gathered_to_json,
    went_back,
)

MAY_LAG_S: Final = 180.0
"""So much later Prometheus has to know of a turn: scrapes are rarely further apart than a minute."""
_KNOWS: Final = 0.95
"""Of the turns that sidecars told of then: a pod that ends takes a few with it that nobody scraped."""
_PROMETHEUS: Final = "prometheus"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a trial's counts, and by whom."""

    told: Gathered = field(default_factory=Gathered)
    """By the sidecars themselves."""
    prometheus: Arms | None = None
    """The last answer of it that could be used; None where there was none, or it is not asked."""
    problem: str = ""
    """Why its newest answer can't be used, in words that follow "Prometheus"; empty where it can, or nobody asked."""
    earlier: tuple[tuple[float, int], ...] = ()
    """Turns that sidecars had told of, and when, the oldest first."""

    @property
    def is_by_prometheus(self) -> bool:
        """Whether Prometheus is the source."""
        return self.prometheus is not None and not self.problem

    @property
    def arms(self) -> Arms:
        """What is judged."""
        return self.prometheus if self.prometheus is not None and not self.problem else self.told.arms


def after_answer(before: Evidence, answer: Arms | str, now_s: float) -> Evidence:
    """What is known after Prometheus was asked.

    Args:
        before: what was known, with what the sidecars have just told.
        answer: both sides' numbers, or why there are none.
        now_s: when, by a clock that never goes back.
    """
    since = [each for each in before.earlier if each[0] <= now_s - MAY_LAG_S]
    earlier = (*since[-1:], *before.earlier[len(since) :], (now_s, before.told.arms.turns))
    if isinstance(answer, str):
        return replace(before, problem=answer, earlier=earlier)
    problem = _disbelieved(answer, before.prometheus, since[-1][1] if since else 0)
    return replace(before, prometheus=before.prometheus if problem else answer, problem=problem, earlier=earlier)


def _disbelieved(answer: Arms, before: Arms | None, told_earlier: int) -> str:
    if before is not None and went_back(before, answer):
        return "says less than it said before"
    if answer.turns < _KNOWS * told_earlier:
        ago = f"{MAY_LAG_S / 60:.0f} minutes before"
        return f"knows of fewer turns than the sidecars told of {ago}: does it scrape them all?"
    return ""


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """To be written down."""
    body = gathered_to_json(evidence.told)
    return body if evidence.prometheus is None else {**body, _PROMETHEUS: arms_to_numbers(evidence.prometheus)}


def evidence_from_json(data: Mapping[str, Any]) -> Evidence:
    """The inverse; ValueError where somebody else has written it."""
    told, numbers = gathered_from_json(data), data.get(_PROMETHEUS)
    prometheus = None if numbers is None else arms_from_numbers(numbers)
    # Whoever wrote it has ended since; Prometheus knew it all long ago.
    return Evidence(told, prometheus, earlier=((float("-inf"), told.arms.turns),))

"""What is made of a canary's counts: the operator's one door to the analysis in the core."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tierrouter_core.resources.guards import Rollout as Settings
from tierrouter_core.resources.revision import OriginType
from tierrouter_core.rollout.analysis import Action
from tierrouter_core.rollout.arms import Arms


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that a verdict is made of."""

    settings: Settings
    origin: OriginType
    since: datetime
    """When the canary began, in UTC."""
    age_s: float
    """For how long it has lasted; never negative."""
    looks: Mapping[str, Any]
    """What earlier looks have used up; empty at first."""
    counts: Any
    """As :class:`Analysis` gathers them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows, why, and what is used up now."""

    action: Action
    reason: str
    """One sentence with its numbers."""
    looks: Mapping[str, Any]


class Analysis(Protocol):
    """Gathers what is counted of a trial, and judges it. All of it is pure."""

    def gathered(self, written: Mapping[str, Any]) -> Any:
        """What was written down, read; nothing for an empty or a broken one."""
        ...

    def written(self, counts: Any) -> Mapping[str, Any]:
        """What is written down of the counts."""
        ...

    def after_look(self, counts: Any, said: Mapping[str, Any], running: Collection[str], trial: str) -> Any:
        """The counts after pods were asked.

        Args:
            counts: what was known.
            said: each pod's ``/status`` by its uid; None where it gave no answer.
            running: the uids of all pods that run.
            trial: which trial is counted.
        """
        ...

    def after_answer(self, counts: Any, answer: Arms | str, now_s: float) -> Any:
        """The counts after Prometheus was asked, too.

        Args:
            counts: what is known, with what pods have just said.
            answer: what it counts of the trial; or why that can't be used, in words that follow "Prometheus".
            now_s: when, by a clock that never goes back.
        """
        ...

    def problem_of(self, counts: Any) -> str:
        """Why what Prometheus counts is not used; empty where it is, or nobody asked it."""
        ...

    def judge(self, question: Question) -> Verdict:
        """What follows from the counts."""
        ...

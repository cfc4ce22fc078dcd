"""The core's analysis of canaries, behind the operator's door to it."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from tierrouter_core.rollout.analysis import Look, Progress, judge, looks_from_json, settings_of
from tierrouter_core.rollout.counters import (
    Gathered,
    after_look,
    gathered_from_json,
    gathered_to_json,
    told_from_status,
)
from tierrouter_operator.planning.rollout_verdict import Analysis, Question, Verdict


@cache
def core_analysis() -> Analysis:
    """The one analysis that there is."""
    return _CoreAnalysis()


class _CoreAnalysis:
    def gathered(self, written: Mapping[str, Any]) -> Any:
        try:
            return gathered_from_json(written) if written else Gathered()
        except ValueError:
            return Gathered()

    def written(self, counts: Any) -> Mapping[str, Any]:
        return gathered_to_json(counts)

    def after_look(self, counts: Any, said: Mapping[str, Any], running: Collection[str], trial: str) -> Any:
        return after_look(counts, {pod: told_from_status(status, trial) for pod, status in said.items()}, running)

    def judge(self, question: Question) -> Verdict:
        since_s = question.since.timestamp()
        progress = Progress(since_s, _looks(question.looks))
        gathered: Gathered = question.counts
        settings = settings_of(question.settings, question.origin)
        found = judge(settings, progress, gathered.arms, since_s + question.age_s)
        unseen = (
            f" ({gathered.ended} sidecars have ended: their last seconds are not counted)" if gathered.ended else ""
        )
        looks = {"used": [look.as_json() for look in found.looks]} if found.looks else {}
        return Verdict(found.action, f"{found.reason}{unseen}", looks)


def _looks(written: Mapping[str, Any]) -> tuple[Look, ...]:
    try:
        return looks_from_json(written.get("used") or ())
    except ValueError:
        return ()

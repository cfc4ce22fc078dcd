"""The core's analysis of canaries, behind the operator's door to it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from tierrouter_core.rollout.analysis import Look, Progress, judge, looks_from_json
from tierrouter_core.rollout.arms import Arms
from tierrouter_core.rollout.counters import after_look, told_from_status
from tierrouter_core.rollout.settings import settings_of
from tierrouter_core.rollout.sources import Evidence, after_answer, evidence_from_json, evidence_to_json
from tierrouter_operator.planning.rollout_verdict import Analysis, Question, Verdict


@cache
def core_analysis() -> Analysis:
    """The one analysis that there is."""
    return _CoreAnalysis()


class _CoreAnalysis:
    def gathered(self, written: Mapping[str, Any]) -> Any:
        try:
            return evidence_from_json(written) if written else Evidence()
        except ValueError:
            return Evidence()

    def written(self, counts: Any) -> Mapping[str, Any]:
        return evidence_to_json(counts)

    def after_look(self, counts: Any, said: Mapping[str, Any], running: Collection[str], trial: str) -> Any:
        told = {pod: told_from_status(status, trial) for pod, status in said.items()}
        return replace(counts, told=after_look(counts.told, told, running))

    def after_answer(self, counts: Any, answer: Arms | str, now_s: float) -> Any:
        return after_answer(counts, answer, now_s)

    def problem_of(self, counts: Any) -> str:
        evidence: Evidence = counts
        return evidence.problem

    def judge(self, question: Question) -> Verdict:
        since_s = question.since.timestamp()
        progress = Progress(since_s, _looks(question.looks))
        evidence: Evidence = question.counts
        settings = settings_of(question.settings, question.origin)
        found = judge(settings, progress, evidence.arms, since_s + question.age_s)
        looks = {"used": [look.as_json() for look in found.looks]} if found.looks else {}
        return Verdict(found.action, f"{found.reason}{_counted_by(evidence)}", looks)


def _counted_by(evidence: Evidence) -> str:
    if evidence.is_by_prometheus:
        return " (counted by Prometheus)"
    ended = evidence.told.ended
    said = [f"{ended} sidecars have ended: their last seconds are not counted"] if ended else []
    if evidence.problem:
        said.append(f"counted by the sidecars, for Prometheus {evidence.problem}")
    return f" ({'; '.join(said)})" if said else ""


def _looks(written: Mapping[str, Any]) -> tuple[Look, ...]:
    try:
        return looks_from_json(written.get("used") or ())
    except ValueError:
        return ()

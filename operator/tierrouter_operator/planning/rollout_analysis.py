"""The core's analysis of canaries, behind the operator's door to it."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from tierrouter_operator.planning.rollout_verdict import Analysis, Question, Verdict


@cache
def core_analysis() -> Analysis:
    """The one analysis that there is."""
    return _CoreAnalysis()


class _CoreAnalysis:
    def gathered(self, written: Mapping[str, Any]) -> Any:
        from tierrouter_core.rollout.counters import Gathered, gathered_from_json

        try:
            return gathered_from_json(written) if written else Gathered()
        except ValueError:
            return Gathered()

    def written(self, counts: Any) -> Mapping[str, Any]:
        from tierrouter_core.rollout.counters import gathered_to_json

        return gathered_to_json(counts)

    def after_look(self, counts: Any, said: Mapping[str, Any], running: Collection[str], trial: str) -> Any:
        from tierrouter_core.rollout.counters import after_look, told_from_status

        return after_look(counts, {pod: told_from_status(status, trial) for pod, status in said.items()}, running)

    def judge(self, question: Question) -> Verdict:
        raise NotImplementedError

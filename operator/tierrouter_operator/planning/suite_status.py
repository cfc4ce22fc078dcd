"""A suite's status, where it differs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from tierrouter_operator.planning.conditions import Judgement, condition, status_body
from tierrouter_operator.planning.kinds import SUITE, Obj
from tierrouter_operator.planning.writes import ApplyStatus

_OURS: Final = (
    *("lastRun", "lastScheduleTime", "nextScheduleTime", "lastRunNow"),
    *("lastDecision", "lastReason", "steps", "state"),
)
_MAX_STEPS: Final = 64
_MAX_STEP: Final = 256


def suite_status(suite: Obj, ready: Judgement, values: Mapping[str, Any], now: datetime) -> Iterator[ApplyStatus]:
    """The write after which the status says this, where it does not yet.

    Args:
        suite: as it was observed.
        ready: the one condition.
        values: fields of the status; one that is None has to go, one that is not named stays.
        now: the time in UTC.
    """
    found = suite.get("status") or {}
    wanted = {key: found[key] for key in _OURS if key in found} | dict(values)
    wanted = {key: value for key, value in wanted.items() if value not in (None, "", [])}
    wanted["observedGeneration"] = suite["metadata"].get("generation", 0)
    wanted["conditions"] = [condition(ready, suite, now)]
    there = {key: found[key] for key in (*_OURS, "observedGeneration") if found.get(key) not in (None, "", [])}
    there["conditions"] = [each for each in found.get("conditions") or () if each.get("type") == ready.type]
    if there != wanted:
        yield ApplyStatus(status_body(SUITE, suite, wanted))


def decision_values(decision: Mapping[str, Any], steps: tuple[str, ...]) -> Mapping[str, Any]:
    """What the suite says of a run's ``status.decision``, and of the steps that stand after it."""
    return {
        "lastDecision": decision.get("action"),
        "lastReason": decision.get("reason"),
        "steps": [step[:_MAX_STEP] for step in steps[:_MAX_STEPS]],
        "state": decision.get("state"),
    }

"""Which decisions of regression runs are still to be acted on, and which never will be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_core.contract import ConditionType
from tierrouter_core.resources.regression import RunAction
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_core.resources.revision import OriginType, TunedValues
from tierrouter_operator.planning.conditions import found_condition
from tierrouter_operator.planning.history import Moved
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.rollout import values_from
from tierrouter_operator.planning.texts import shortened

_ORIGINS: Final = {
    RunAction.REGRESS: OriginType.REGRESSION,
    RunAction.PROMOTE: OriginType.PROMOTION,
    RunAction.RECOVER: OriginType.RECOVERY,
}
_LONGEST_REASON: Final = 1800
"""A revision's message holds 2,048 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A run's decision that wants another overlay."""

    run: str
    suite: str
    tested: str
    """The RouterRevision that the run tested."""
    began: Moved | None
    """What was in force when it was made; None where it does not say."""
    origin: OriginType
    message: str
    overlay: TunedValues
    time: str
    """When it was made, by the run's ``completionTime``."""
    obj: Obj


def waiting_decisions(runs: tuple[Obj, ...]) -> tuple[Decided, ...]:
    """Decisions that nobody has acted on, the oldest first."""
    found = [decided for run in runs if (decided := _read(run)) is not None and not is_dealt_with(run)]
    return tuple(sorted(found, key=lambda decided: (decided.time, decided.run)))


def is_dealt_with(run: Obj) -> bool:
    """Whether it stands in the run that its decision has been acted on to the end, or that it won't be.

    One whose revision was being tried is not: if nothing else knows of that any more, it has to begin again.
    """
    decision = _map(_map(run.get("status")).get("decision"))
    status = found_condition(run, ConditionType.ROLLOUT_SETTLED).get("status")
    return status == "True" or (bool(decision.get("revision")) and status is None)


def revision_in_use(runs: tuple[Obj, ...]) -> Iterator[str]:
    """Revisions that runs test, or decided about, and that may not go before that is acted on."""
    for run in runs:
        phase = _map(run.get("status")).get("phase")
        if phase not in (RunPhase.DECIDED, RunPhase.FAILED) or (_read(run) is not None and not is_dealt_with(run)):
            yield str(_map(run.get("spec")).get("revision") or "")


def _read(run: Obj) -> Decided | None:
    status, spec = _map(run.get("status")), _map(run.get("spec"))
    decision = _map(status.get("decision"))
    overlay = decision.get("overlay")
    if status.get("phase") != RunPhase.DECIDED or not isinstance(overlay, Mapping):
        return None
    origin = _ORIGINS.get(decision.get("action", ""))
    if origin is None:
        return None
    try:
        wanted = values_from(overlay)
        began = _moved(decision.get("decidedFrom"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    reason = str(decision.get("reason") or "")
    return Decided(
        run=str(run["metadata"]["name"]),
        suite=str(spec.get("suite") or ""),
        tested=str(spec.get("revision") or ""),
        began=began,
        origin=origin,
        message=shortened(reason, _LONGEST_REASON),
        overlay=wanted,
        time=str(status.get("completionTime") or run["metadata"].get("creationTimestamp") or ""),
        obj=run,
    )


def _moved(found: Any) -> Moved | None:
    return Moved(values_from(found["base"]), values_from(found["overlay"])) if isinstance(found, Mapping) else None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

"""Statuses: what was judged, put beside what stands there, written only where that differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tierrouter_core.contract import ConditionReason, ConditionType
from tierrouter_core.regression.words import RunCondition, RunReason
from tierrouter_core.resources.regression import RunAction
from tierrouter_operator.planning.kinds import Kind, Obj
from tierrouter_operator.planning.writes import ApplyStatus


@dataclass(frozen=True, slots=True)
class Judgement:
    """One condition as it is seen now."""

    type: ConditionType | RunCondition
    status: str
    """``True``, ``False`` or ``Unknown``."""
    reason: ConditionReason | RunReason | RunAction
    message: str


def timestamp(now: datetime) -> str:
    """The time as Kubernetes writes it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def found_condition(obj: Obj, type_: str) -> Mapping[str, Any]:
    """The condition as the object has it; empty where it has none."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type_), {})


def as_before(obj: Obj, type_: ConditionType, otherwise: str) -> Judgement:
    """The condition as the object has it; where it has none, that nothing is known, in the words of ``otherwise``."""
    found = found_condition(obj, type_)
    try:
        return Judgement(type_, found["status"], ConditionReason(found["reason"]), found["message"])
    except (KeyError, ValueError):
        return Judgement(type_, "Unknown", ConditionReason.NOT_OBSERVED, otherwise)


def status_write(
    kind: Kind, obj: Obj, judgements: Sequence[Judgement], values: Mapping[str, Any], now: datetime
) -> Iterator[ApplyStatus]:
    """The write after which the status says this, where it does not yet.

    Args:
        kind: the object's kind.
        obj: the object as it was observed.
        judgements: every condition that the operator keeps.
        values: the other fields that it keeps; one that is None is left out.
        now: when a condition that has changed its status did so.
    """
    generation = obj["metadata"].get("generation", 0)
    conditions = [condition(judgement, obj, now) for judgement in judgements]
    values = {key: value for key, value in values.items() if value is not None} | {"observedGeneration": generation}
    found = obj.get("status") or {}
    by_type = {condition.get("type"): condition for condition in found.get("conditions") or ()}
    is_there = all(found.get(key) == value for key, value in values.items()) and all(
        by_type.get(condition["type"]) == condition for condition in conditions
    )
    if not is_there:
        yield ApplyStatus(status_body(kind, obj, {**values, "conditions": conditions} if conditions else values))


def status_body(kind: Kind, obj: Obj, status: Mapping[str, Any]) -> Obj:
    """The body of a status apply; it fails where the object has been made anew meanwhile."""
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "uid") if key in obj["metadata"]}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": dict(status)}


def condition(judgement: Judgement, obj: Obj, now: datetime) -> Mapping[str, Any]:
    """The judgement as the status has it, with the time since when it is so."""
    before = found_condition(obj, judgement.type)
    is_as_before = before.get("status") == judgement.status and "lastTransitionTime" in before
    return {
        "type": str(judgement.type),
        "status": judgement.status,
        "observedGeneration": obj["metadata"].get("generation", 0),
        "lastTransitionTime": before["lastTransitionTime"] if is_as_before else timestamp(now),
        "reason": str(judgement.reason),
        "message": judgement.message,
    }

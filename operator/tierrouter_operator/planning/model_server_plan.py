"""What to write for a router's model server, and what its condition says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tierrouter_core.contract import ConditionReason, ConditionType, EventReason, model_server_name
from tierrouter_operator.planning.children import Whose, whose
from tierrouter_operator.planning.choice import taken, waiting
from tierrouter_operator.planning.conditions import Judgement, as_before, found_condition
from tierrouter_operator.planning.drift import put_right
from tierrouter_operator.planning.kinds import CLAIM, MODEL_SERVER, Kind, Obj
from tierrouter_operator.planning.local_model import OLLAMA, read_local_model
from tierrouter_operator.planning.model_server import wanted_model_server
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import Delete, PostEvent, Write

_GOOD: Final = {ConditionReason.NOT_NEEDED, ConditionReason.LOADED, ConditionReason.AVAILABLE}
_ON_THE_WAY: Final = {
    ConditionReason.STARTING,
    ConditionReason.PULLING,
    ConditionReason.LOADING,
    ConditionReason.WAITING_FOR_DELETION,
}


@dataclass(frozen=True, slots=True)
class ModelServerPlan:
    """Part of a router's plan."""

    writes: tuple[Write, ...]
    judgement: Judgement
    is_waiting: bool = False
    """Something has to go first: look again soon."""


def plan_model_server(observed: Observed) -> ModelServerPlan:
    """Everything about the model server that differs from what should be."""
    router = observed.router
    local = read_local_model(router)
    if isinstance(local, Trouble):
        return _in_trouble(router, local)
    if observed.refused is not None and observed.refused.kind in MODEL_SERVER:
        message = f"the API server refuses {observed.refused.what}: {observed.refused.message}"
        return _in_trouble(router, Trouble(ConditionReason.WRITE_REFUSED, message))
    wanted = wanted_model_server(router, local) if local is not None and local.runtime == OLLAMA else {}
    obstacle = _obstacle(observed, wanted)
    if obstacle is not None:
        return _in_trouble(router, obstacle)
    writes: list[Write] = []
    for kind in MODEL_SERVER:
        found = observed.model_server.get(kind)
        if kind in wanted:
            writes += put_right(wanted[kind], found)
        elif found is not None and _is_to_go(kind, found, router):
            writes.append(Delete(kind, found))
    if local is None:
        judgement = _judged(ConditionReason.NOT_NEEDED, "the router names no local model")
    elif observed.said is None or observed.said.local != local:
        judgement = as_before(router, ConditionType.MODEL_SERVER_READY, "the model server is not looked at yet")
    else:
        judgement = _judged(observed.said.reason, observed.said.message)
    return ModelServerPlan((*writes, *_events(router, judgement)), judgement)


def _judged(reason: ConditionReason, message: str) -> Judgement:
    return Judgement(ConditionType.MODEL_SERVER_READY, "True" if reason in _GOOD else "False", reason, message)


def _in_trouble(router: Obj, trouble: Trouble) -> ModelServerPlan:
    judgement = _judged(trouble.reason, trouble.message)
    is_waiting = trouble.reason is ConditionReason.WAITING_FOR_DELETION
    return ModelServerPlan(tuple(_events(router, judgement)), judgement, is_waiting)


def _obstacle(observed: Observed, wanted: Mapping[Kind, Obj]) -> Trouble | None:
    """Something that is in the way of what is wanted."""
    name = model_server_name(observed.router["metadata"]["name"])
    for kind in wanted:
        found = observed.model_server.get(kind)
        if found is None:
            continue
        if whose(found, observed.router) is Whose.FOREIGN:
            return taken(kind.kind, name)
        if whose(found, observed.router) is Whose.EARLIER or found["metadata"].get("deletionTimestamp"):
            return waiting(kind.kind, name)
    return None


def _is_to_go(kind: Kind, found: Obj, router: Obj) -> bool:
    """Weights took long to come: a claim goes with the router, not before."""
    is_going = found["metadata"].get("deletionTimestamp")
    return kind is not CLAIM and not is_going and whose(found, router) is Whose.OURS


def _events(router: Obj, judgement: Judgement) -> Iterator[PostEvent]:
    """One for a model server that has become ready, and for everything that keeps it from it."""
    before = found_condition(router, ConditionType.MODEL_SERVER_READY)
    if judgement.reason in _ON_THE_WAY or (before.get("status"), before.get("reason")) == (
        judgement.status,
        judgement.reason,
    ):
        return
    if judgement.status == "False":
        yield PostEvent(router, "Warning", EventReason.MODEL_SERVER_NOT_READY, judgement.message)
    elif judgement.status == "True" and before.get("status") == "False":
        yield PostEvent(router, "Normal", EventReason.MODEL_SERVER_READY, judgement.message)

"""What to write for a router: the plan, put together in the order in which it has to be done.

Document, revision, keys, what is in force, then what is said about it. Whatever is cut short after any of these writes
is gone on with from what is there; nothing depends on having been told.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import (
    ACTIVATION,
    INPUTS_DIGEST,
    REVISION_SPEC,
    SPEC_DIGEST,
    SPLIT_FILE,
    STABLE_FILE,
    STABLE_REVISION,
    UNPINNED_REVISION,
    ConditionReason,
    ConditionType,
    EventReason,
    active_name,
    credentials_name,
)
from tierrouter_core.document.codec import document_from_bytes
from tierrouter_core.resources.prices import PriceOf
from tierrouter_operator.planning import children
from tierrouter_operator.planning.asked import Asked
from tierrouter_operator.planning.children import Whose, annotation, brought_to, stable_document, whose
from tierrouter_operator.planning.choice import Choice, Chooser, taken, waiting
from tierrouter_operator.planning.collection import collect
from tierrouter_operator.planning.conditions import found_condition, timestamp
from tierrouter_operator.planning.credentials import Credentials, compose
from tierrouter_operator.planning.history import History, Revision
from tierrouter_operator.planning.kinds import MODEL_SERVER, Obj
from tierrouter_operator.planning.model_server_plan import plan_model_server
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.statuses import revision_status, router_judgements, router_status
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import Plan, PostEvent, Write

_WAIT_S = 2.0


class RouterPlanner:
    """Plans for one state of a router: reads what is asked for once, then answers two questions about it."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._history = History(observed)
        self._trouble = None if _is_leaving(observed) else _refusal(observed) or _obstacle(observed)
        is_to_choose = self._trouble is None and not _is_leaving(observed)
        self._chooser = Chooser(observed, self._history) if is_to_choose else None

    def wanted_prices(self) -> tuple[tuple[str, str, str], ...]:
        """What :meth:`plan` will ask its ``price_of``: ``(provider's name, base URL, model id)``, each once.

        Empty where nothing has to be compiled, which is nearly always.
        """
        return () if self._chooser is None else self._chooser.wanted_prices()

    def plan(self, price_of: PriceOf) -> Plan:
        """Everything that differs from what should be, as writes in their order."""
        if self._trouble is not None:
            return _only_said(self._observed, self._history, self._trouble)
        if self._chooser is None:
            return Plan()
        choice = self._chooser.choose(price_of)
        if isinstance(choice, Trouble):
            return _only_said(self._observed, self._history, choice)
        return _published(self._observed, self._history, choice, self._chooser.asked)


def _refusal(observed: Observed) -> Trouble | None:
    """The API server's last word on a write of the last attempt."""
    if observed.refused is None or observed.refused.kind in MODEL_SERVER:
        return None
    message = f"the API server refuses {observed.refused.what}: {observed.refused.message}"
    return Trouble(ConditionReason.WRITE_REFUSED, message)


def _is_leaving(observed: Observed) -> bool:
    """The garbage collector does what is left to do."""
    return bool(observed.router["metadata"].get("deletionTimestamp"))


def _obstacle(observed: Observed) -> Trouble | None:
    """Somebody else's object in a place that the router can't do without."""
    name = observed.router["metadata"]["name"]
    places = (
        ("ConfigMap", active_name(name), observed.config_maps.get(active_name(name))),
        ("Secret", credentials_name(name), observed.credentials),
    )
    for what, place, obj in places:
        if obj is not None and whose(obj, observed.router) is Whose.EARLIER:
            return waiting(what, place)
        if obj is not None and whose(obj, observed.router) is Whose.FOREIGN:
            return taken(what, place)
    return None


def _published(observed: Observed, history: History, choice: Choice, asked: Asked | Trouble) -> Plan:
    router, revision = observed.router, choice.revision
    document = document_from_bytes(choice.document)
    credentials = compose(observed, document)
    writes: list[Write] = []
    restored = _documents(router, history, choice, writes)
    if credentials.data or observed.credentials is not None:
        writes += brought_to(children.credentials_secret(router, credentials.data), observed.credentials)
    activation = _activation(observed, history, choice)
    wanted = _active(observed, history, choice, activation)
    is_put_right = history.active is not None and annotation(history.active, STABLE_REVISION) == revision.name
    active_writes = brought_to(wanted, history.active)
    writes += active_writes

    protected = {revision.name, history.canary_name, annotation(wanted, UNPINNED_REVISION)}
    protected |= {str(router["spec"].get("pinnedRevision") or "")}
    protected |= observed.fleet.report.served if observed.fleet.report is not None else set()
    kept = _kept(history, revision, protected)
    for each in kept:
        if each.obj is None and each is not revision:
            writes.append(children.router_revision(router, each.name, each.spec))
        obj = each.obj or children.router_revision(router, each.name, each.spec).body
        writes += revision_status(each, obj, revision.name, activation, revision.number)
    deletions, again = collect(observed, history, kept, protected)
    held = _held(choice, asked)
    server = plan_model_server(observed)
    writes += server.writes
    judgements = router_judgements(router, choice, credentials.trouble, held, observed.fleet, server.judgement)
    gone = {name for deletion in deletions for name in deletion.revisions}
    count = sum(each.name not in gone for each in kept)
    writes += router_status(router, judgements, revision.name, history.canary_name, count, observed.fleet, observed.now)
    writes += _events(observed, history, choice, credentials, restored, bool(active_writes) and is_put_right)
    writes += deletions
    is_waiting = choice.trouble is not None and choice.trouble.reason is ConditionReason.WAITING_FOR_DELETION
    return Plan(tuple(writes), _WAIT_S if is_waiting or server.is_waiting else again)


def _documents(router: Obj, history: History, choice: Choice, writes: list[Write]) -> bool:
    """Adds what is missing of the revision in force; whether its document was lost and is put back."""
    revision = choice.revision
    was_there = history.has_own_config_map(revision)
    if not was_there:
        writes.append(children.revision_config_map(router, revision.name, choice.document, revision.spec))
    if revision.obj is None:
        writes.append(children.router_revision(router, revision.name, revision.spec))
    return revision.obj is not None and not was_there


def _kept(history: History, in_force: Revision, protected: Collection[str]) -> tuple[Revision, ...]:
    """Every revision that there is when the plan is done, newest first."""
    others = [
        revision
        for revision in history.revisions
        if revision.name != in_force.name and (revision.obj is not None or revision.name in protected)
    ]
    return tuple(sorted([*others, in_force], key=lambda revision: -revision.number))


def _activation(observed: Observed, history: History, choice: Choice) -> Mapping[str, Any]:
    """Why and since when the revision is in force: as the truth says it, or beginning now."""
    active = history.active
    if active is not None and annotation(active, STABLE_REVISION) == choice.revision.name:
        try:
            found = orjson.loads(annotation(active, ACTIVATION))
            if isinstance(found, dict) and {"time", "reason"} <= found.keys():
                return found
        except orjson.JSONDecodeError:
            pass
    return {"time": timestamp(observed.now), "reason": str(choice.reason), "run": "", "message": choice.message}


def _active(observed: Observed, history: History, choice: Choice, activation: Mapping[str, Any]) -> Obj:
    router, active = observed.router, history.active
    name = choice.revision.name
    is_as_before = (
        active is not None
        and annotation(active, STABLE_REVISION) == name
        and stable_document(active) == choice.document
        and children.generation_of(active) > 0
    )
    generation = children.generation_of(active) if is_as_before else history.next_generation
    salt = digest(str(router["metadata"]["uid"]).encode())[:16]
    annotations = {
        STABLE_REVISION: name,
        ACTIVATION: canonical_json(dict(activation)).decode(),
        INPUTS_DIGEST: choice.inputs_digest,
        SPEC_DIGEST: choice.spec_digest,
        REVISION_SPEC: canonical_json(choice.revision.spec).decode(),
    }
    if router["spec"].get("pinnedRevision"):
        before = history.unpinned or history.stable
        annotations[UNPINNED_REVISION] = name if before is None else before.name
    data = {STABLE_FILE: choice.document.decode(), SPLIT_FILE: children.split_file(0, salt, generation)}
    return children.active_config_map(router, annotations, data)


def _held(choice: Choice, asked: Asked | Trouble) -> str:
    if not choice.is_pinned:
        return ""
    if isinstance(asked, Trouble):
        return f"unpinned, the router could not be published: {asked.message}"
    if asked.inputs_digest != choice.revision.inputs_digest:
        return "what has changed since waits for the pin to go"
    return ""


def _events(
    observed: Observed, history: History, choice: Choice, credentials: Credentials, restored: bool, put_right: bool
) -> list[Write]:
    router, revision = observed.router, choice.revision
    said: list[Write] = []
    if history.active is None or annotation(history.active, STABLE_REVISION) != revision.name:
        if choice.is_pinned:
            reason = EventReason.REVISION_PINNED
        else:
            reason = EventReason.REVISION_CREATED if revision.obj is None else EventReason.REVISION_ACTIVATED
        message = f"revision {revision.number} ({revision.name}) is in force: {choice.message}"
        said.append(PostEvent(router, "Normal", reason, message))
    elif put_right and not choice.is_pinned and choice.document != stable_document(history.active):
        message = f"ConfigMap {active_name(router['metadata']['name'])} was changed by somebody else and is put right"
        said.append(PostEvent(router, "Warning", EventReason.CHILD_RESTORED, message))
    if restored:
        message = f"the ConfigMap of revision {revision.number} ({revision.name}) was gone and is made again"
        said.append(PostEvent(router, "Warning", EventReason.DOCUMENT_RESTORED, message))
    said += _complaint(router, choice.trouble, ConditionType.CONFIG_PUBLISHED, EventReason.CONFIG_REJECTED)
    said += _complaint(router, credentials.trouble, ConditionType.PROVIDERS_READY, EventReason.PROVIDER_NOT_READY)
    return said


_REASONS = {
    ConditionReason.NAME_TAKEN: EventReason.NAME_TAKEN,
    ConditionReason.DOCUMENT_LOST: EventReason.DOCUMENT_LOST,
    ConditionReason.WRITE_REFUSED: EventReason.WRITE_REFUSED,
}


def _complaint(router: Obj, trouble: Trouble | None, type_: ConditionType, reason: EventReason) -> list[Write]:
    """An event for a trouble that the status does not tell of yet."""
    if trouble is None or trouble.reason is ConditionReason.WAITING_FOR_DELETION:
        return []
    said = found_condition(router, type_)
    if said.get("status") == "False" and str(said.get("message", "")).startswith(trouble.message):
        return []
    return [PostEvent(router, "Warning", _REASONS.get(trouble.reason, reason), trouble.message)]


def _only_said(observed: Observed, history: History, trouble: Trouble) -> Plan:
    """Nothing can be written but what is wrong. What is in force, if anything is, stays so."""
    router = observed.router
    stable = history.stable
    document = None if stable is None else history.document_of(stable)
    credentials = compose(observed, None if document is None else document_from_bytes(document))
    published: Choice | Trouble = trouble
    if stable is not None and history.active is not None:
        published = _standing(history, stable, trouble)
    server = plan_model_server(observed)
    judgements = router_judgements(router, published, credentials.trouble, "", observed.fleet, server.judgement)
    name = "" if history.active is None or stable is None else stable.name
    count = len(history.revisions)
    writes: list[Write] = list(server.writes)
    writes += list(router_status(router, judgements, name, history.canary_name, count, observed.fleet, observed.now))
    writes += _complaint(router, trouble, ConditionType.CONFIG_PUBLISHED, EventReason.CONFIG_REJECTED)
    is_waiting = server.is_waiting or trouble.reason is ConditionReason.WAITING_FOR_DELETION
    again = _WAIT_S if is_waiting else None
    return Plan(tuple(writes), again)


def _standing(history: History, stable: Revision, trouble: Trouble) -> Choice:
    """What is in force though nothing could be written."""
    from tierrouter_core.resources.revision import OriginType

    choice = Choice(stable, b"", OriginType.RECOVERY, "", history.inputs_digest, history.spec_digest)
    return replace(choice, trouble=trouble)

"""What to write for a router: the plan, put together in the order in which it has to be done.

Document, revision, keys, what is in force, then what is said about it. Whatever is cut short after any of these writes
is gone on with from what is there; nothing depends on having been told.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from tierrouter_core.contract import (
    CANARY_REVISION,
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
from tierrouter_core.resources.revision import OriginType, Phase
from tierrouter_operator.planning import children
from tierrouter_operator.planning.active import activation_for, active_object
from tierrouter_operator.planning.asked import Asked
from tierrouter_operator.planning.children import Whose, annotation, brought_to, whose
from tierrouter_operator.planning.choice import Choice, Chooser, taken, waiting
from tierrouter_operator.planning.collection import collect
from tierrouter_operator.planning.conditions import as_before
from tierrouter_operator.planning.credentials import compose
from tierrouter_operator.planning.decided import revision_in_use
from tierrouter_operator.planning.history import History, Revision
from tierrouter_operator.planning.kinds import MODEL_SERVER, Obj
from tierrouter_operator.planning.model_server_plan import plan_model_server
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.proposed import Proposed, Proposer, Waiting
from tierrouter_operator.planning.rollout import Stage
from tierrouter_operator.planning.rollout_analysis import core_analysis
from tierrouter_operator.planning.rollout_source import source_events, source_judgements
from tierrouter_operator.planning.rollout_told import (
    proposal_events,
    rollout_events,
    router_judgement,
    said_in_run,
    said_of_dropped,
)
from tierrouter_operator.planning.rollout_verdict import Analysis
from tierrouter_operator.planning.router_events import complaint, router_events
from tierrouter_operator.planning.statuses import revision_status, rolled_phases, router_judgements, router_status
from tierrouter_operator.planning.trial import COUNT_EVERY_S, Rolled, Roller, activation_of
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import Plan, Write

_WAIT_S = 2.0


class RouterPlanner:
    """Plans for one state of a router: reads what is asked for once, then answers two questions about it."""

    def __init__(self, observed: Observed, analysis: Analysis | None = None) -> None:
        """``analysis`` judges canaries; None for the one of the core."""
        self._observed = observed
        self._history = History(observed)
        self._trouble = None if _is_leaving(observed) else _refusal(observed) or _obstacle(observed)
        is_to_choose = self._trouble is None and not _is_leaving(observed)
        self._chooser = Chooser(observed, self._history) if is_to_choose else None
        self._roller = (
            None
            if self._chooser is None
            else Roller(observed, self._history, self._chooser, analysis or core_analysis())
        )
        self._proposer = None if self._chooser is None else Proposer(observed, self._history, self._chooser)

    def wanted_prices(self) -> tuple[tuple[str, str, str], ...]:
        """What :meth:`plan` will ask its ``price_of``: ``(provider's name, base URL, model id)``, each once.

        Empty where nothing has to be compiled, which is nearly always.
        """
        parts = (self._chooser, self._roller, self._proposer)
        return tuple(dict.fromkeys(price for part in parts if part is not None for price in part.wanted_prices()))

    def plan(self, price_of: PriceOf) -> Plan:
        """Everything that differs from what should be, as writes in their order."""
        if self._trouble is not None:
            return _only_said(self._observed, self._history, self._trouble)
        if self._chooser is None or self._roller is None or self._proposer is None:
            return Plan()
        # What has been begun or ended is said of it before anything else is: so no decision is acted on twice. Where
        # its run can't be written, no other decision is begun instead.
        said = [*said_in_run(self._observed, self._history.rollout), *_phase_of_tried(self._history)]
        if said:
            return Plan(tuple(said))
        choice = self._chooser.choose(price_of)
        if isinstance(choice, Trouble):
            return _only_said(self._observed, self._history, choice)
        rolled = self._roller.roll(choice, price_of)
        proposed = self._proposer.propose(rolled, price_of)
        return _published(self._observed, self._history, rolled, proposed, self._chooser.asked)


def _refusal(observed: Observed) -> Trouble | None:
    """The API server's last word on a write of the last attempt."""
    # A run is not the router's own: what can't be said there keeps nothing of it from being done.
    if observed.refused is None or observed.refused.kind in MODEL_SERVER or observed.refused_run is not None:
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


def _published(
    observed: Observed, history: History, rolled: Rolled, proposed: Proposed, asked: Asked | Trouble
) -> Plan:
    router, choice, revision = observed.router, rolled.choice, rolled.choice.revision
    document = document_from_bytes(choice.document)
    credentials = compose(observed, document)
    writes: list[Write] = []
    restored = _documents(router, history, choice.revision, choice.document, writes)
    served = _served(rolled)
    if rolled.tried is not None:
        _documents(router, history, *rolled.tried, writes)
    waits = proposed if isinstance(proposed, Waiting) and proposed.revision.name not in served else None
    if waits is not None:
        _documents(router, history, waits.revision, waits.document, writes)
        served[waits.revision.name] = waits.revision
    if credentials.data or observed.credentials is not None:
        writes += brought_to(children.credentials_secret(router, credentials.data), observed.credentials)
    activation = activation_for(observed, history, choice)
    wanted = active_object(observed, history, rolled, activation, waits)
    is_put_right = history.active is not None and annotation(history.active, STABLE_REVISION) == revision.name
    active_writes = brought_to(wanted, history.active)
    writes += active_writes
    for dropped in rolled.dropped:
        writes += said_of_dropped(observed, dropped)
    if rolled.rollout != history.rollout:
        writes += said_in_run(observed, rolled.rollout)

    protected = _protected(observed, history, rolled) | {annotation(wanted, UNPINNED_REVISION), *served}
    kept = _kept(history, served, protected)
    phases = {**rolled_phases(rolled.rollout)} | ({waits.revision.name: Phase.CANDIDATE} if waits is not None else {})
    for each in kept:
        if each.obj is None and each.name not in served:
            writes.append(children.router_revision(router, each.name, each.spec))
        obj = each.obj or children.router_revision(router, each.name, each.spec).body
        writes += revision_status(each, obj, revision.name, activation, revision.number, phases)
    deletions, again = collect(observed, history, kept, protected)
    held = _held(choice, asked)
    server = plan_model_server(observed)
    writes += server.writes
    rollout = router_judgement(observed, rolled, proposed)
    judgements = router_judgements(router, choice, credentials.trouble, held, observed.fleet, server.judgement, rollout)
    judgements += source_judgements(observed, rolled.rollout)
    gone = {name for deletion in deletions for name in deletion.revisions}
    count = sum(each.name not in gone for each in kept)
    canary = annotation(wanted, CANARY_REVISION)
    writes += router_status(router, judgements, revision.name, canary, count, observed.fleet, observed.now)
    writes += router_events(observed, history, choice, credentials, restored, bool(active_writes) and is_put_right)
    writes += rollout_events(observed, history, rolled)
    writes += source_events(observed, rolled.rollout)
    writes += proposal_events(observed, proposed, rollout)
    writes += deletions
    is_waiting = choice.trouble is not None and choice.trouble.reason is ConditionReason.WAITING_FOR_DELETION
    looks = [_WAIT_S] if is_waiting or server.is_waiting else [again] if again is not None else []
    if rolled.rollout is not None and rolled.rollout.stage is Stage.CANARY:
        looks.append(COUNT_EVERY_S)
    return Plan(tuple(writes), min(looks, default=None))


def _phase_of_tried(history: History) -> Iterator[Write]:
    """The phase of the revision that the newest rollout is about, where its status does not say it."""
    rollout = history.rollout
    revision = None if rollout is None else history.find(rollout.revision)
    if rollout is None or revision is None or revision.obj is None or revision == history.stable:
        return
    in_force = history.stable
    if in_force is not None and rollout.phase is not None:
        activation, phases = activation_of(history), rolled_phases(rollout)
        yield from revision_status(revision, revision.obj, in_force.name, activation, in_force.number, phases)


def _protected(observed: Observed, history: History, rolled: Rolled) -> set[str]:
    """Revisions that something still needs, however old they are."""
    needed = {
        rolled.choice.revision.name,
        history.canary_name,
        str(observed.router["spec"].get("pinnedRevision") or ""),
    }
    if rolled.rollout is not None and rolled.rollout.is_live:
        needed.add(rolled.rollout.revision)
    needed |= set(revision_in_use(observed.runs))
    return needed | (observed.fleet.report.served if observed.fleet.report is not None else set())


def _documents(router: Obj, history: History, revision: Revision, document: bytes, writes: list[Write]) -> bool:
    """Adds what is missing of a revision that is served, or may be; whether its document was lost and is put back."""
    was_there = history.has_own_config_map(revision)
    if not was_there:
        writes.append(children.revision_config_map(router, revision.name, document, revision.spec))
    if revision.obj is None:
        writes.append(children.router_revision(router, revision.name, revision.spec))
    return revision.obj is not None and not was_there


def _served(rolled: Rolled) -> dict[str, Revision]:
    """The revisions that are in force or tried, by name."""
    served = {rolled.choice.revision.name: rolled.choice.revision}
    if rolled.tried is not None:
        served[rolled.tried[0].name] = rolled.tried[0]
    return served


def _kept(history: History, served: Mapping[str, Revision], protected: Collection[str]) -> tuple[Revision, ...]:
    """Every revision that there is when the plan is done, newest first; those that are served, or wait, as they are."""
    others = [
        revision
        for revision in history.revisions
        if revision.name not in served and (revision.obj is not None or revision.name in protected)
    ]
    return tuple(sorted([*others, *served.values()], key=lambda revision: -revision.number))


def _held(choice: Choice, asked: Asked | Trouble) -> str:
    if not choice.is_pinned:
        return ""
    if isinstance(asked, Trouble):
        return f"unpinned, the router could not be published: {asked.message}"
    if asked.inputs_digest != choice.revision.inputs_digest:
        return "what has changed since waits for the pin to go"
    return ""


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
    rollout = as_before(
        router, ConditionType.ROLLOUT_SETTLED, "nothing is in force that something could be tried beside"
    )
    judgements = router_judgements(
        router, published, credentials.trouble, "", observed.fleet, server.judgement, rollout
    )
    name = "" if history.active is None or stable is None else stable.name
    count = len(history.revisions)
    writes: list[Write] = list(server.writes)
    writes += list(router_status(router, judgements, name, history.canary_name, count, observed.fleet, observed.now))
    writes += complaint(router, trouble, ConditionType.CONFIG_PUBLISHED, EventReason.CONFIG_REJECTED)
    is_waiting = server.is_waiting or trouble.reason is ConditionReason.WAITING_FOR_DELETION
    again = _WAIT_S if is_waiting else None
    return Plan(tuple(writes), again)


def _standing(history: History, stable: Revision, trouble: Trouble) -> Choice:
    """What is in force though nothing could be written."""
    choice = Choice(stable, b"", OriginType.RECOVERY, "", history.inputs_digest, history.spec_digest)
    return replace(choice, trouble=trouble)

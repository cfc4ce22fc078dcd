"""What is said of a rollout: in the router's condition, in its run, by events, and to those whom a suite names."""

from dataclasses import replace
from typing import Any, Final

from tierrouter_core.contract import ConditionReason, ConditionType, EventReason
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_operator.planning.conditions import Judgement, found_condition, timestamp
from tierrouter_operator.planning.history import History
from tierrouter_operator.planning.kinds import RUN, Obj
from tierrouter_operator.planning.notices import notices
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.proposed import PassedOver, Proposed, Waiting
from tierrouter_operator.planning.references import suite_of
from tierrouter_operator.planning.rollout import Rollout, Stage
from tierrouter_operator.planning.texts import shortened
from tierrouter_operator.planning.trial import NotActedOn, Rolled
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import MergeStatus, PostEvent, Tell, Write

_TYPE: Final = ConditionType.ROLLOUT_SETTLED
_ENDED: Final = {
    Stage.PROMOTED: (ConditionReason.PROMOTED, "came into force", "Normal", EventReason.ROLLOUT_PROMOTED),
    Stage.ROLLED_BACK: (ConditionReason.ROLLED_BACK, "was rolled back", "Warning", EventReason.ROLLOUT_ROLLED_BACK),
    Stage.GIVEN_UP: (ConditionReason.GIVEN_UP, "was given up", "Warning", EventReason.ROLLOUT_ENDED),
    Stage.REJECTED: (ConditionReason.REJECTED, "was rejected", "Normal", EventReason.ROLLOUT_ENDED),
    Stage.SUPERSEDED: (ConditionReason.SUPERSEDED, "was overtaken", "Normal", EventReason.ROLLOUT_ENDED),
}
_MAX_SAID: Final = 4000


def rollout_judgement(router: str, rollout: Rollout | None) -> Judgement:
    """What is to be said of a rollout, live or over."""
    if rollout is None:
        message = "no regression run has decided on another revision"
        return Judgement(_TYPE, "True", ConditionReason.NOTHING_TO_ROLL_OUT, message)
    name, by = rollout.revision, f"{rollout.origin} by run {rollout.run}: {rollout.message}"
    said = f" {shortened(rollout.said, _MAX_SAID)}" if rollout.said else ""
    end = f"kubectl tierrouter promote {router}, or abort {router}"
    match rollout.stage:
        case Stage.CANDIDATE:
            status, reason = "False", ConditionReason.WAITING_FOR_PROMOTION
            message = f"revision {name} waits for a person ({end}). {by}"
        case Stage.WAITING:
            status, reason = "False", ConditionReason.WAITING_FOR_PROMOTION
            message = f"revision {name} did well and waits for a person ({end}).{said} {by}"
        case Stage.CANARY:
            status, reason = "Unknown", ConditionReason.CANARY_RUNS
            percent = rollout.settings.canary_percent
            message = f"revision {name} is tried with {percent} % of new sessions since {rollout.since}.{said} {by}"
        case Stage.HELD:
            status, reason, message = "Unknown", ConditionReason.ROLLOUT_HELD, f"{rollout.said}. {by}"
        case over:
            reason, what, _, _ = _ENDED[over]
            status, message = "True", f"revision {name} {what}:{said}. {by}"
    return Judgement(_TYPE, status, reason, message)


def router_judgement(observed: Observed, rolled: Rolled, proposed: Proposed = None) -> Judgement:
    """The router's condition: of what is tried, or of why nothing can be; then of what is proposed."""
    name = observed.router["metadata"]["name"]
    refused = observed.refused_run
    if refused is not None:
        meanwhile = rollout_judgement(name, rolled.rollout).message
        message = (
            f"the API server refuses {refused.what}: {shortened(refused.message, _MAX_SAID)}; no other decision begins "
            f"until it says what became of the last. {meanwhile}"
        )
        return Judgement(_TYPE, "False", ConditionReason.WRITE_REFUSED, message)
    if rolled.trouble is not None:
        message = f"a decision can't become a revision: {rolled.trouble.message}"
        return Judgement(_TYPE, "False", ConditionReason.ROLLOUT_BLOCKED, message)
    if proposed is None or (rolled.rollout is not None and rolled.rollout.is_live):
        return rollout_judgement(name, rolled.rollout)
    match proposed:
        case Waiting():
            end = f"kubectl tierrouter promote {name}, or abort {name}"
            message = (
                f"revision {proposed.revision.name} is proposed and waits for a person ({end}). {proposed.message}"
            )
            return Judgement(_TYPE, "False", ConditionReason.WAITING_FOR_PROMOTION, message)
        case Trouble():
            message = f"what is proposed can't become a revision: {proposed.message}"
            return Judgement(_TYPE, "False", ConditionReason.ROLLOUT_BLOCKED, message)
        case PassedOver():
            said = rollout_judgement(name, rolled.rollout)
            return replace(said, message=f"{said.message}; what is proposed is passed over: {proposed.why}")


def proposal_events(observed: Observed, proposed: Proposed, judgement: Judgement) -> list[Write]:
    """An event where a proposal waits now, or can't become a revision, and the condition did not say so yet."""
    if not isinstance(proposed, Waiting | Trouble) or proposed.message not in judgement.message:
        return []
    if found_condition(observed.router, _TYPE).get("message") == judgement.message:
        return []
    is_waiting = isinstance(proposed, Waiting)
    reason = EventReason.ROLLOUT_WAITS if is_waiting else EventReason.ROLLOUT_BLOCKED
    return [PostEvent(observed.router, "Normal" if is_waiting else "Warning", reason, judgement.message)]


def said_in_run(observed: Observed, rollout: Rollout | None) -> list[Write]:
    """The writes after which the run names its revision and says what became of it; none where it does, is gone, or
    can't be written.

    Whoever is to be told is told before: an operator that ends in between tells it once more, rather than never.
    """
    run = None if rollout is None else next((run for run in observed.runs if _name(run) == rollout.run), None)
    if run is None or rollout is None or _phase(run) != RunPhase.DECIDED or observed.refused_run is not None:
        return []
    judgement = rollout_judgement(observed.router["metadata"]["name"], rollout)
    decision = (run.get("status") or {}).get("decision") or {}
    revision = "" if decision.get("revision") else rollout.revision
    return _said(observed, run, judgement, revision)


def said_of_dropped(observed: Observed, dropped: NotActedOn) -> list[Write]:
    """The same for a decision of which nothing is left to be done."""
    judgement = Judgement(_TYPE, "True", ConditionReason.NOT_ACTED_ON, _no_revision(dropped))
    return _said(observed, dropped.run, judgement, "")


def rollout_events(observed: Observed, history: History, rolled: Rolled) -> list[Write]:
    """An event for each step that is being taken."""
    router, said = observed.router, list[Write]()
    for dropped in rolled.dropped:
        said.append(PostEvent(router, "Normal", EventReason.DECISION_NOT_ACTED_ON, _no_revision(dropped)))
    before, now = history.rollout, rolled.rollout
    found = found_condition(router, _TYPE)
    if observed.refused_run is not None:
        if found.get("reason") != ConditionReason.WRITE_REFUSED:
            message = router_judgement(observed, rolled).message
            said.append(PostEvent(router, "Warning", EventReason.WRITE_REFUSED, message))
    elif rolled.trouble is not None:
        judgement = router_judgement(observed, rolled)
        if found.get("message") != judgement.message:
            said.append(PostEvent(router, "Warning", EventReason.ROLLOUT_BLOCKED, judgement.message))
    is_same = before is not None and now is not None and (before.stage, before.nonce) == (now.stage, now.nonce)
    if now is None or is_same:
        return said
    type_, reason = "Normal", EventReason.ROLLOUT_BEGAN
    match now.stage:
        case Stage.CANDIDATE | Stage.WAITING:
            reason = EventReason.ROLLOUT_WAITS
        case Stage.HELD:
            reason = EventReason.ROLLOUT_HELD
        case Stage.CANARY:
            pass
        case over:
            _, _, type_, reason = _ENDED[over]
    said.append(PostEvent(router, type_, reason, rollout_judgement(router["metadata"]["name"], now).message))
    return said


def _no_revision(dropped: NotActedOn) -> str:
    """With the run's name: the same message about another run would be taken for one that was told already."""
    return f"the decision of run {_name(dropped.run)} makes no revision: {dropped.reason}"


def _said(observed: Observed, run: Obj, judgement: Judgement, revision: str) -> list[Write]:
    found = found_condition(run, _TYPE)
    before = tuple(found.get(key) for key in ("status", "reason", "message"))
    if before == (judgement.status, str(judgement.reason), judgement.message) and not revision:
        return []
    now = timestamp(observed.now)
    condition = {
        "type": str(_TYPE),
        "status": judgement.status,
        "observedGeneration": run["metadata"].get("generation", 1),
        "lastTransitionTime": found.get("lastTransitionTime", now) if before[0] == judgement.status else now,
        "reason": str(judgement.reason),
        "message": judgement.message,
    }
    others = [each for each in (run.get("status") or {}).get("conditions") or () if each.get("type") != _TYPE]
    status: dict[str, Any] = {"conditions": [*others, condition]}
    if revision:
        status["decision"] = {"revision": revision}
    metadata = {key: run["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    body = {"apiVersion": RUN.api_version, "kind": RUN.kind, "metadata": metadata, "status": status}
    told: list[Tell] = []
    if before[1] != str(judgement.reason):
        action = ((run.get("status") or {}).get("decision") or {}).get("action")
        told = notices(observed.suites.get(suite_of(run)), str(action or ""), judgement.message)
    return [*told, MergeStatus(body)]


def _name(run: Obj) -> str:
    return str(run["metadata"]["name"])


def _phase(run: Obj) -> str:
    return str((run.get("status") or {}).get("phase") or "")

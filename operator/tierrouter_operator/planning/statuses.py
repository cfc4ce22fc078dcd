"""The statuses of a router and of its revisions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tierrouter_core.contract import ConditionReason, ConditionType
from tierrouter_core.resources.revision import MAX_ACTIVATIONS, OriginType, Phase
from tierrouter_operator.planning.choice import Choice
from tierrouter_operator.planning.conditions import Judgement, status_body, status_write
from tierrouter_operator.planning.history import Revision
from tierrouter_operator.planning.kinds import REVISION, ROUTER, Obj
from tierrouter_operator.planning.rollout import Rollout
from tierrouter_operator.planning.sidecars import Fleet, fleet_counts, fleet_judgements
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import ApplyStatus


def router_judgements(
    router: Obj,
    choice: Choice | Trouble | None,
    credentials: Trouble | None,
    held: str,
    fleet: Fleet,
    server: Judgement,
    rollout: Judgement,
) -> list[Judgement]:
    """All nine conditions.

    Args:
        router: the TierRouter.
        choice: what is in force; a Trouble where nothing is.
        credentials: what is wrong with the providers.
        held: what a pin keeps from being done; empty for nothing.
        fleet: what was seen of its pods.
        server: what is said of its model server; it keeps nobody from serving, since turns spill.
        rollout: what is said of what regression runs have decided; it keeps nobody from serving either.
    """
    published = _published(choice, held)
    if credentials is None:
        reason = ConditionReason.PROVIDERS_READY
        providers = Judgement(ConditionType.PROVIDERS_READY, "True", reason, "every key is there")
    else:
        providers = Judgement(ConditionType.PROVIDERS_READY, "False", credentials.reason, credentials.message)
    bad = [judgement for judgement in (published, providers) if judgement.status != "True"]
    ready = (
        Judgement(ConditionType.READY, "False", bad[0].reason, bad[0].message)
        if bad
        else Judgement(ConditionType.READY, "True", ConditionReason.READY, published.message)
    )
    in_force = choice.revision.name if isinstance(choice, Choice) else ""
    return [ready, published, providers, *fleet_judgements(router, fleet, in_force), server, _budgets(router), rollout]


def _budgets(router: Obj) -> Judgement:
    """Whether limits that are meant for all pods hold for all of them: each sidecar knows its own turns alone."""
    spec = router.get("spec") or {}
    budgets = [each.get("name", "") for each in spec.get("budgets") or () if each.get("scope") == "Router"]
    limits = [f"budget {name}" for name in budgets]
    if (spec.get("deepShare") or {}).get("action") == "RequireHint":
        limits.append("deepShare")
    if not limits:
        message = "no limit is meant for several pods together"
        return Judgement(ConditionType.BUDGETS_SHARED, "True", ConditionReason.NOT_NEEDED, message)
    message = f"{', '.join(limits)}: each pod's sidecar counts its own turns, so together they may have as much each"
    return Judgement(ConditionType.BUDGETS_SHARED, "False", ConditionReason.EACH_FOR_ITSELF, message)


def _published(choice: Choice | Trouble | None, held: str) -> Judgement:
    type_ = ConditionType.CONFIG_PUBLISHED
    if isinstance(choice, Trouble):
        return Judgement(type_, "False", choice.reason, f"{choice.message}; nothing is in force")
    assert choice is not None
    number, name = choice.revision.number, choice.revision.name
    if choice.trouble is not None:
        message = f"{choice.trouble.message}; revision {number} ({name}) stays in force"
        return Judgement(type_, "False", choice.trouble.reason, message)
    if choice.is_pinned:
        message = f"spec.pinnedRevision holds revision {number} ({name}){held and '; '}{held}"
        return Judgement(type_, "True", ConditionReason.PINNED, message)
    return Judgement(type_, "True", ConditionReason.PUBLISHED, f"revision {number} ({name}) is in force")


def router_status(
    router: Obj,
    judgements: Sequence[Judgement],
    active: str,
    canary: str,
    revisions: int,
    fleet: Fleet,
    now: datetime,
) -> Iterator[ApplyStatus]:
    """The router's status, where it differs."""
    found = router.get("status") or {}
    values = {
        "activeRevision": active or None,
        "canaryRevision": canary or None,
        "revisions": revisions,
        **fleet_counts(router, fleet, active),
    }
    gone = [key for key in ("activeRevision", "canaryRevision") if key in found and values[key] is None]
    writes = list(status_write(ROUTER, router, judgements, values, now))
    if gone and not writes:
        # An apply without the field removes it.
        bare = {**router, "status": {key: value for key, value in found.items() if key != "observedGeneration"}}
        writes = list(status_write(ROUTER, bare, judgements, values, now))
    yield from writes


def rolled_phases(rollout: Rollout | None) -> Mapping[str, Phase]:
    """The phase of the revision that the newest rollout is about, where that says it."""
    return {} if rollout is None or rollout.phase is None else {rollout.revision: rollout.phase}


def revision_status(
    revision: Revision,
    obj: Obj,
    in_force: str,
    activation: Mapping[str, Any],
    number_in_force: int,
    phases: Mapping[str, Phase],
) -> Iterator[ApplyStatus]:
    """The status of one revision, where it differs.

    Args:
        revision: the revision.
        obj: its RouterRevision; of one that is only being made, what it will be.
        in_force: the name of the revision that is in force.
        activation: why and since when that is so.
        number_in_force: its number.
        phases: those of revisions that a rollout is about, in force or not, by name.
    """
    found = obj.get("status") or {}
    activations = list(found.get("activations") or ())
    phase = revision.phase
    if revision.name == in_force:
        phase = str(Phase.ACTIVE)
        if not activations or activations[-1] != activation:
            activations = [*activations, dict(activation)][-MAX_ACTIVATIONS:]
    elif revision.name in phases:
        phase = str(phases[revision.name])
    elif phase in ("", Phase.ACTIVE, Phase.CANDIDATE, Phase.CANARY):
        is_rolled_back = activation["reason"] == OriginType.MANUAL and number_in_force < revision.number
        phase = str(Phase.ROLLED_BACK if is_rolled_back and phase == Phase.ACTIVE else Phase.SUPERSEDED)
    status = {"observedGeneration": obj["metadata"].get("generation", 1), "phase": phase, "activations": activations}
    if any(found.get(key) != value for key, value in status.items() if value or key in found):
        yield ApplyStatus(status_body(REVISION, obj, status))

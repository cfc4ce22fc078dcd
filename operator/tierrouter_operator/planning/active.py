"""The ConfigMap that says what is in force, and holds what pods mount."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import (
    ACTIVATION,
    CANARY_FILE,
    CANARY_REVISION,
    INPUTS_DIGEST,
    MOVED,
    PROPOSED_REVISION,
    REVISION_SPEC,
    ROLLOUT,
    SPEC_DIGEST,
    SPLIT_FILE,
    STABLE_FILE,
    STABLE_REVISION,
    UNPINNED_REVISION,
)
from tierrouter_operator.planning import children
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.choice import Choice
from tierrouter_operator.planning.conditions import timestamp
from tierrouter_operator.planning.history import History, Moved
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.proposed import Waiting
from tierrouter_operator.planning.rollout import moved_text, rollout_text
from tierrouter_operator.planning.trial import Rolled, activation_of


def activation_for(observed: Observed, history: History, choice: Choice) -> Mapping[str, Any]:
    """Why and since when the revision is in force: as the truth says it, or beginning now."""
    active = history.active
    if active is not None and annotation(active, STABLE_REVISION) == choice.revision.name:
        found = activation_of(history)
        if found:
            return found
    time = timestamp(observed.now)
    return {"time": time, "reason": str(choice.reason), "run": choice.run, "message": choice.message}


def active_object(
    observed: Observed, history: History, rolled: Rolled, activation: Mapping[str, Any], waits: Waiting | None
) -> Obj:
    """The ConfigMap as it should be.

    Args:
        activation: why and since when its revision is in force.
        waits: the proposal that a person is asked about, if one is.
    """
    router, choice, rollout = observed.router, rolled.choice, rolled.rollout
    name, basis = choice.revision.name, choice.revision
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
        basis = before or basis
    moved = choice.moved
    if moved is not None and moved != Moved(basis.base, basis.overlay):
        annotations[MOVED] = moved_text(moved.base, moved.overlay)
    if rollout is not None:
        annotations[ROLLOUT] = rollout_text(rollout)
        if rollout.is_served:
            annotations[CANARY_REVISION] = rollout.revision
    if waits is not None:
        annotations[PROPOSED_REVISION] = f"{waits.revision.name}@{waits.nonce}"
    return children.active_config_map(router, annotations, _mounted(observed, history, rolled))


def _mounted(observed: Observed, history: History, rolled: Rolled) -> Mapping[str, str]:
    """The files that pods mount: of another bundle than was there, with a higher number."""
    documents, rollout = {STABLE_FILE: rolled.choice.document.decode()}, rolled.rollout
    percent, since = 0, ""
    salt = digest(str(observed.router["metadata"]["uid"]).encode())[:16]
    if rollout is not None and rollout.is_served and rolled.tried is not None:
        documents[CANARY_FILE] = rolled.tried[1].decode()
        percent, salt, since = rollout.settings.canary_percent, rollout.salt, rollout.since

    def of(generation: int) -> Mapping[str, str]:
        return {**documents, SPLIT_FILE: children.split_file(percent, salt, generation, since)}

    active, generation = history.active, children.generation_of(history.active)
    if active is not None and annotation(active, STABLE_REVISION) == rolled.choice.revision.name and generation > 0:
        wanted, there = of(generation), active.get("data") or {}
        if all(there.get(file) == wanted.get(file) for file in (STABLE_FILE, CANARY_FILE, SPLIT_FILE)):
            return wanted
    return of(history.next_generation)

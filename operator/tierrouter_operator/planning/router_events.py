"""What is told of a router as events: what came into force, what was put right, what is wrong."""

from tierrouter_core.contract import STABLE_REVISION, ConditionReason, ConditionType, EventReason, active_name
from tierrouter_operator.planning.children import annotation, stable_document
from tierrouter_operator.planning.choice import Choice
from tierrouter_operator.planning.conditions import found_condition
from tierrouter_operator.planning.credentials import Credentials
from tierrouter_operator.planning.history import History
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.trouble import Trouble
from tierrouter_operator.planning.writes import PostEvent, Write


def router_events(
    observed: Observed, history: History, choice: Choice, credentials: Credentials, restored: bool, put_right: bool
) -> list[Write]:
    """What a plan tells beside the status.

    Args:
        restored: the document of what is in force was lost, and is put back.
        put_right: the ConfigMap that says what is in force was not as it should be.
    """
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
    said += complaint(router, choice.trouble, ConditionType.CONFIG_PUBLISHED, EventReason.CONFIG_REJECTED)
    said += complaint(router, credentials.trouble, ConditionType.PROVIDERS_READY, EventReason.PROVIDER_NOT_READY)
    return said


_REASONS = {
    ConditionReason.NAME_TAKEN: EventReason.NAME_TAKEN,
    ConditionReason.DOCUMENT_LOST: EventReason.DOCUMENT_LOST,
    ConditionReason.WRITE_REFUSED: EventReason.WRITE_REFUSED,
}


def complaint(router: Obj, trouble: Trouble | None, type_: ConditionType, reason: EventReason) -> list[Write]:
    """An event for a trouble that the status does not tell of yet."""
    if trouble is None or trouble.reason is ConditionReason.WAITING_FOR_DELETION:
        return []
    said = found_condition(router, type_)
    if said.get("status") == "False" and str(said.get("message", "")).startswith(trouble.message):
        return []
    return [PostEvent(router, "Warning", _REASONS.get(trouble.reason, reason), trouble.message)]

"""What to write for a ModelProvider: its status, and an event when that turns bad."""

from tierrouter_core.contract import ConditionReason, ConditionType, EventReason
from tierrouter_operator.planning.conditions import Judgement, found_condition, status_write
from tierrouter_operator.planning.kinds import PROVIDER
from tierrouter_operator.planning.observed import ObservedProvider
from tierrouter_operator.planning.providers import judge
from tierrouter_operator.planning.writes import Plan, PostEvent, Write


def plan_provider(observed: ObservedProvider) -> Plan:
    """The plan for one ModelProvider."""
    obj = observed.provider
    if obj["metadata"].get("deletionTimestamp"):
        return Plan()
    judged = judge(obj, observed.secret)
    if judged.trouble is not None:
        ready = Judgement(ConditionType.READY, "False", judged.trouble.reason, judged.trouble.message)
    elif judged.needs_key:
        ready = Judgement(ConditionType.READY, "True", ConditionReason.READY, f"its key may go to {judged.origin}")
    else:
        ready = Judgement(ConditionType.READY, "True", ConditionReason.NO_CREDENTIAL, "it needs no key")
    writes: list[Write] = list(status_write(PROVIDER, obj, [ready], {}, observed.now))
    before = found_condition(obj, ConditionType.READY)
    if judged.trouble is not None and before.get("message") != judged.trouble.message:
        writes.append(PostEvent(obj, "Warning", EventReason.PROVIDER_NOT_READY, judged.trouble.message))
    return Plan(tuple(writes))

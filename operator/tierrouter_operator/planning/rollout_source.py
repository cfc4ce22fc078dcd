"""What is said of whose counts a canary is judged by, where the operator was told of a Prometheus."""

from collections.abc import Iterator

from tierrouter_core.contract import ConditionReason, ConditionType, EventReason
from tierrouter_core.rollout.sources import MAY_LAG_S
from tierrouter_operator.planning.conditions import Judgement, found_condition
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.rollout import Rollout, Stage, age_s
from tierrouter_operator.planning.writes import PostEvent

_TYPE = ConditionType.PROMETHEUS_USED


def source_judgements(observed: Observed, rollout: Rollout | None) -> Iterator[Judgement]:
    """The condition, while a canary is counted; it goes with the canary. None without a Prometheus."""
    counted = observed.fleet.counted
    if rollout is None or rollout.stage is not Stage.CANARY or counted is None or counted.trial != rollout.trial:
        return
    problem = counted.prometheus
    if problem is None:
        return
    if not problem:
        message = "the canary is judged by what Prometheus counts"
        yield Judgement(_TYPE, "True", ConditionReason.COUNTED_BY_PROMETHEUS, message)
        return
    # What has just begun was not scraped yet.
    status = "Unknown" if age_s(rollout, observed.now) < MAY_LAG_S else "False"
    message = f"Prometheus {problem}; the canary is judged by what the sidecars say themselves"
    yield Judgement(_TYPE, status, ConditionReason.COUNTED_BY_SIDECARS, message)


def source_events(observed: Observed, rollout: Rollout | None) -> Iterator[PostEvent]:
    """Once each time that Prometheus can't be used any more."""
    for judgement in source_judgements(observed, rollout):
        if judgement.status == "False" and found_condition(observed.router, _TYPE).get("status") != "False":
            yield PostEvent(observed.router, "Warning", EventReason.PROMETHEUS_UNUSABLE, judgement.message)

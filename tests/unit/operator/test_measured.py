"""What the operator's metrics say of routers and suites, as they are seen and as plans are done."""

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest
from rollout_world import RolloutWorld
from suite_world import SuiteWorld

from tierrouter_core.contract import ABORT
from tierrouter_core.observability import operator as m
from tierrouter_core.observability.metric import Metric
from tierrouter_core.regression.words import RunCondition
from tierrouter_core.resources.regression import RunAction
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.measure import Measure
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import ROUTER, RUN, SUITE, Key
from tierrouter_operator.planning.measured import overdue_s, router_samples, suite_samples
from tierrouter_operator.planning.sidecars import NOTHING_SEEN, Census, Fleet, Laggard, SidecarReport, SidecarState
from tierrouter_operator.planning.writes import Write
from tierrouter_operator.store import Store

CODING = {"namespace": "agents", "router": "coding"}
LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def router(*conditions: tuple[str, str, str], **spec: Any) -> dict[str, Any]:
    said = [{"type": type_, "status": status, "reason": reason} for type_, status, reason in conditions]
    metadata = {"namespace": "agents", "name": "coding", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": said}}


def of(metric: Metric, samples: Any) -> dict[tuple[str, ...], float]:
    return {sample.labels[2:]: sample.value for sample in samples if sample.metric is metric}


def test_a_router_is_ready_when_its_condition_is_true() -> None:
    for status, value in (("True", 1), ("False", 0), ("Unknown", 0)):
        assert of(m.ROUTER_READY, router_samples(router(("Ready", status, "")), NOTHING_SEEN)) == {(): value}
    assert of(m.ROUTER_READY, router_samples(router(), NOTHING_SEEN)) == {(): 0}


def test_sidecars_are_told_apart_by_what_they_serve_once_they_were_looked_at() -> None:
    assert of(m.SIDECARS, router_samples(router(), NOTHING_SEEN)) == {}
    laggards = (
        Laggard("a", "serves coding-0"),
        Laggard("b", "bad", SidecarState.REFUSING),
        Laggard("c", "", SidecarState.SILENT),
    )
    fleet = Fleet(SidecarReport(asked_for="coding-1", sidecars=8, laggards=laggards), Census(("bare", "bald")))
    samples = list(router_samples(router(), fleet))
    assert of(m.SIDECARS, samples) == {("current",): 5, ("lagging",): 1, ("refusing",): 1, ("silent",): 1}
    assert of(m.PODS_NOT_INJECTED, samples) == {(): 2}


def test_a_canary_is_seen_while_it_is_tried() -> None:
    for reason, value in (("CanaryRuns", 1), ("WaitingForPromotion", 0), ("Promoted", 0)):
        found = router(("RolloutSettled", "Unknown", reason))
        assert of(m.ROLLOUT_ACTIVE, router_samples(found, NOTHING_SEEN)) == {(): value}


def test_a_model_server_has_a_series_only_where_the_router_asks_for_one() -> None:
    assert of(m.MODEL_SERVER_READY, router_samples(router(), NOTHING_SEEN)) == {}
    local = {"runtime": "Ollama", "model": "qwen3.6:27b"}
    for status, value in (("True", 1), ("False", 0)):
        found = router(("ModelServerReady", status, ""), localModel=local)
        assert of(m.MODEL_SERVER_READY, router_samples(found, NOTHING_SEEN)) == {("qwen3.6:27b",): value}


def test_a_finished_run_gives_its_end_and_the_accuracy_of_each_tier() -> None:
    world = SuiteWorld()
    assert of(m.SUITE_LAST_RUN, suite_samples(world.suite, world.runs, world.now)) == {}
    world.run_now()
    world.settle()
    assert of(m.TIER_ACCURACY, suite_samples(world.suite, world.runs, world.now)) == {}
    world.finish(resolved=31)
    world.settle()
    samples = list(suite_samples(world.suite, world.runs, world.now))
    assert of(m.SUITE_LAST_RUN, samples) == {("coding",): world.now.timestamp()}
    assert of(m.TIER_ACCURACY, samples) == {("coding", "routine"): 31 / 40, ("coding", "deep"): 31 / 40}


def suite(
    *, ready: str = "True", since: str = "2026-03-01T00:00:00Z", suspend: bool = False, **status: str
) -> dict[str, Any]:
    condition = {"type": RunCondition.READY, "status": ready, "lastTransitionTime": since}
    spec = {"router": "coding", "schedule": "0 3 * * *", "suspend": suspend}
    return {
        "metadata": {"namespace": "agents", "name": "nightly"},
        "spec": spec,
        "status": {**status, "conditions": [condition]},
    }


NOW = datetime.fromisoformat("2026-03-05T04:00:00+00:00")


@pytest.mark.parametrize(
    ("found", "hours"),
    [
        (suite(nextScheduleTime="2026-03-06T03:00:00Z", lastScheduleTime="2026-03-05T03:00:00Z"), 0),
        (suite(nextScheduleTime="2026-03-05T03:00:00Z"), 1),
        (suite(nextScheduleTime="2026-03-05T03:00:00Z", suspend=True), 0),
        # Nights on which no run could begin are passed over by the schedule, and are late all the same.
        (suite(ready="False", since="2026-03-02T12:00:00Z", nextScheduleTime="2026-03-06T03:00:00Z"), 49),
        (suite(ready="False", since="2026-03-05T03:30:00Z", nextScheduleTime="2026-03-06T03:00:00Z"), 0),
        (suite(ready="False", since="2026-03-02T12:00:00Z", lastScheduleTime="2026-03-05T03:00:00Z"), 0),
        (suite(), 0),
    ],
)  # fmt: skip
def test_a_run_is_late_from_the_time_at_which_it_should_have_begun(found: dict[str, Any], hours: int) -> None:
    assert overdue_s(found, NOW) == hours * 3600


class Watched:
    """What an operator counts whose plans are done in a world."""

    def __init__(self, world: RolloutWorld, began: datetime = LONG_AGO) -> None:
        self.world, self.store, self.metrics = world, Store(), Metrics()
        self.measure = Measure(self.store, self.metrics, lambda key: NOTHING_SEEN, began)
        self.look()

    def look(self) -> None:
        """The store sees what there is, and somebody asks for metrics."""
        for kind, name in ((ROUTER, "coding"), (SUITE, "nightly")):
            obj = copy.deepcopy(self.world.router if kind is ROUTER else self.world.objects[SUITE, "nightly"])
            obj["metadata"]["resourceVersion"] = str(id(obj))
            self.store.put(Key(kind, "agents", name), obj)
        self.measure.refresh()

    def count(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "tierrouter_operator_rollouts_total", {**CODING, "outcome": outcome}
        )


def test_how_a_trial_ends_is_counted_once_and_from_0_on() -> None:
    world = RolloutWorld()
    watched = Watched(world)
    assert watched.count("rolled_back") == watched.count("promoted") == 0
    world.decide(file_count=7)
    writes: list[Write] = world.settle(after=watched.measure.wrote)
    assert watched.count("rolled_back") == 0
    world.count(500)
    world.verdicts.action = Action.ROLL_BACK
    writes += world.settle(after=watched.measure.wrote)
    for write in writes:
        watched.measure.wrote(write)
    assert watched.count("rolled_back") == 1
    world.decide("nightly-2", file_count=6)
    world.settle(after=watched.measure.wrote)
    world.annotate(ABORT, f"{world.rollout['revision']}@{world.rollout['since']}")
    world.settle(after=watched.measure.wrote)
    assert watched.count("rolled_back") == 2
    assert watched.count("promoted") == 0


def test_what_an_operator_before_this_one_has_counted_is_not_counted_again() -> None:
    world = RolloutWorld()
    watched = Watched(world, began=world.now + timedelta(hours=1))
    world.decide(file_count=7)
    world.settle(after=watched.measure.wrote)
    world.count(500)
    world.verdicts.action = Action.ROLL_BACK
    world.settle(after=watched.measure.wrote)
    assert watched.count("rolled_back") == 0


def test_a_decision_is_counted_for_the_router_of_its_suite_once() -> None:
    world, store, metrics = SuiteWorld(), Store(), Metrics()
    world.decide.action = RunAction.REJECT
    measure = Measure(store, metrics, lambda key: NOTHING_SEEN, LONG_AGO)
    written: list[Write] = []
    do = world.do
    world.do = lambda write: (do(write), written.append(write))[0]  # type: ignore[method-assign, func-returns-value]
    world.run_now()
    world.settle()
    world.finish()
    for kind, obj in ((SUITE, world.suite), (RUN, world.run)):
        store.put(Key(kind, "agents", obj["metadata"]["name"]), obj)
    for write in written * 2:
        measure.wrote(write)
    labels = {**CODING, "decision": "Reject"}
    assert metrics.registry.get_sample_value("tierrouter_operator_regression_decisions_total", labels) == 1


def test_of_a_router_that_is_gone_no_series_is_left() -> None:
    watched = Watched(RolloutWorld())
    assert watched.metrics.registry.get_sample_value("tierrouter_operator_router_ready", CODING) == 1
    watched.store.remove(Key(ROUTER, "agents", "coding"))
    watched.measure.refresh()
    assert watched.metrics.registry.get_sample_value("tierrouter_operator_router_ready", CODING) is None
    assert watched.count("promoted") is None

"""What is said of whose counts a canary is judged by."""

from datetime import timedelta

import pytest
from rollout_world import RolloutWorld

from tierrouter_core.resources.guards import Rollout as Settings
from tierrouter_core.resources.revision import OriginType
from tierrouter_core.rollout.analysis import Action
from tierrouter_core.rollout.arms import Arms, Figure, arm_of
from tierrouter_core.rollout.counters import arms_to_json
from tierrouter_operator.planning.rollout import rollout_from
from tierrouter_operator.planning.rollout_analysis import core_analysis
from tierrouter_operator.planning.rollout_verdict import Question

AWAY = "answers with status 503"
GOOD = Arms(arm_of([{}] * 90, [10] * 90), arm_of([{}] * 30, [10] * 30))
BAD = Arms(GOOD.stable, arm_of([{Figure.ERRORS: 9}] * 30, [10] * 30))


@pytest.fixture
def world() -> RolloutWorld:
    world = RolloutWorld()
    world.decide(file_count=7)
    world.settle()
    return world


def unusable(world: RolloutWorld) -> int:
    return [str(event.reason) for event in world.events].count("PrometheusUnusable")


def conditions(world: RolloutWorld) -> set[str]:
    return {each["type"] for each in world.router["status"]["conditions"]}


def test_without_a_prometheus_nothing_is_said_of_it(world: RolloutWorld) -> None:
    world.count(20)
    assert world.settle() == []
    assert "PrometheusUsed" not in conditions(world)


def test_it_is_said_who_counts(world: RolloutWorld) -> None:
    world.count(20, prometheus="")
    world.settle()
    assert world.condition("PrometheusUsed")["status"] == "True"
    assert world.condition("PrometheusUsed")["reason"] == "CountedByPrometheus"
    world.now += timedelta(minutes=5)
    world.count(20, prometheus=AWAY)
    world.settle()
    assert world.condition("PrometheusUsed")["status"] == "False"
    assert world.condition("PrometheusUsed")["reason"] == "CountedBySidecars"
    assert AWAY in world.condition("PrometheusUsed")["message"]
    assert unusable(world) == 1
    assert world.condition("Ready")["status"] == "True"


def test_one_event_tells_that_it_is_gone_however_long_that_lasts(world: RolloutWorld) -> None:
    world.now += timedelta(minutes=5)
    for problem in (AWAY, AWAY, "can't be reached (ClientOSError)"):
        world.count(20, prometheus=problem)
        world.settle()
        world.now += timedelta(minutes=1)
    assert unusable(world) == 1
    for problem in ("", AWAY):
        world.count(20, prometheus=problem)
        world.settle()
    assert unusable(world) == 2


def test_what_has_just_begun_was_not_scraped_yet(world: RolloutWorld) -> None:
    world.count(20, prometheus="has no series tierrouter_trial_count of the trial")
    world.settle()
    assert world.condition("PrometheusUsed")["status"] == "Unknown"
    assert unusable(world) == 0


def test_the_condition_goes_with_the_canary(world: RolloutWorld) -> None:
    world.count(20, prometheus="")
    world.settle()
    world.judge(Action.ROLL_BACK)
    world.settle()
    assert "PrometheusUsed" not in conditions(world)


def verdict(told: Arms, answer: Arms | str, world: RolloutWorld) -> tuple[Action, str]:
    """What follows, as the operator asks: sidecars have told, and Prometheus has answered."""
    analysis = core_analysis()
    live = rollout_from(world.active["metadata"]["annotations"]["tierrouter.dev/rollout"])
    assert live is not None
    said = {"a": {"counters": {"instance": "1", "trial": {"id": live.trial, "arms": arms_to_json(told)}}}}
    counts = analysis.after_look(analysis.gathered({}), said, ["a"], live.trial)
    counts = analysis.after_answer(counts, answer, 0.0)
    question = Question(
        settings=Settings(),
        origin=OriginType.REGRESSION,
        since=world.now,
        age_s=1800.0,
        looks={},
        counts=counts,
    )
    found = analysis.judge(question)
    return found.action, found.reason


def test_prometheus_judges_where_it_can_be_used_and_the_reason_says_so(world: RolloutWorld) -> None:
    action, reason = verdict(GOOD, BAD, world)
    assert action is Action.ROLL_BACK
    assert reason.endswith("(counted by Prometheus)")
    action, reason = verdict(BAD, GOOD, world)
    assert action is Action.PROMOTE


def test_the_sidecars_do_where_it_can_not_and_the_reason_says_why(world: RolloutWorld) -> None:
    action, reason = verdict(GOOD, AWAY, world)
    assert action is Action.PROMOTE
    assert reason.endswith("(counted by the sidecars, for Prometheus answers with status 503)")

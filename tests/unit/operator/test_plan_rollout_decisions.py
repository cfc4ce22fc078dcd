"""Which decisions of regression runs are tried, from what they begin, and which move nothing."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from rollout_world import RolloutWorld, tried

from tierrouter_core.contract import MOVED
from tierrouter_core.rollout.analysis import Action


@pytest.fixture
def world() -> RolloutWorld:
    return RolloutWorld()


def models(document: Mapping[str, Any]) -> Mapping[str, str]:
    """The model of each tier."""
    return {tier["name"]: tier["model"] for tier in document["tiers"]}


def test_decisions_wait_while_a_revision_is_pinned(world: RolloutWorld) -> None:
    world.spec["pinnedRevision"] = world.first
    world.change()
    world.settle()
    world.decide(file_count=7)
    assert world.settle() == []
    del world.spec["pinnedRevision"]
    world.change()
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 7


def test_a_decision_of_another_suite_waits_for_the_canary_and_moves_its_own_step_alone(world: RolloutWorld) -> None:
    world.add_suite("weekly")
    world.decide(file_count=7)
    world.settle()
    world.decide("weekly-1", suite="weekly", planning_depth=5)
    world.settle()
    assert world.rollout["run"] == "nightly-1"
    world.judge(Action.PROMOTE)
    world.verdicts.action = Action.WAIT
    world.settle()
    assert world.rollout["run"] == "weekly-1"
    assert world.canary["thresholds"] == {"file_count": 7, "planning_depth": 5, "tool_errors": 3}


def test_a_step_that_was_undone_while_a_run_went_on_is_made_again_where_the_run_decides_so() -> None:
    world = RolloutWorld(strategy="Immediate")
    world.decide("nightly-1", file_count=7)
    world.settle()
    tested = world.in_force
    world.decide("nightly-2", action="Recover")
    world.settle()
    world.decide("nightly-3", tested=tested, began=world.moved(), file_count=7)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 7
    assert world.said_in("nightly-3")["reason"] == "Promoted"


def test_a_decision_moves_on_from_what_the_user_had_set_before_it_was_made(world: RolloutWorld) -> None:
    tested = world.in_force
    world.threshold("file_count", 12)
    world.settle()
    world.decide(tested=tested, began=world.moved(), file_count=11)
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 11


def test_what_the_user_sets_after_a_decision_was_made_is_the_users(world: RolloutWorld) -> None:
    world.decide(began=world.moved(), file_count=7)
    world.threshold("file_count", 12)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 12
    assert world.canary == {}
    assert world.said_in()["reason"] == "NotActedOn"


def test_of_two_decisions_of_a_suite_that_wait_only_the_later_counts(world: RolloutWorld) -> None:
    world.decide("nightly-1", file_count=7)
    world.now = world.now.replace(hour=world.now.hour + 1)
    world.decide("nightly-2", file_count=6)
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 6
    assert world.said_in("nightly-1")["reason"] == "NotActedOn"
    assert world.made_by("nightly-1") == ""


def test_a_candidate_gives_way_to_a_later_decision_of_its_suite() -> None:
    world = RolloutWorld(strategy="Manual")
    world.decide(file_count=7)
    world.settle()
    world.decide("nightly-2", file_count=6)
    world.settle()
    assert world.rollout["run"] == "nightly-2"
    assert world.said_in("nightly-1")["reason"] == "Superseded"


@pytest.mark.parametrize("why", ["in force already", "the revision is gone", "nothing in it", "set by the user"])
def test_a_decision_of_which_nothing_is_left_makes_no_revision_and_says_so(world: RolloutWorld, why: str) -> None:
    if why == "in force already":
        tried(world)
        world.judge(Action.PROMOTE)
        world.decide("nightly-2", file_count=7, tested=world.first)
    elif why == "the revision is gone":
        world.decide("nightly-2", file_count=7, tested="coding-0000000000")
    elif why == "set by the user":
        world.decide("nightly-2", file_count=7)
        world.threshold("file_count", 20)
    else:
        world.decide("nightly-2")
    count, before = len(world.revisions), world.stable["thresholds"]
    world.verdicts.action = Action.WAIT
    world.settle()
    assert len(world.revisions) - count == (1 if why == "set by the user" else 0)
    assert world.said_in("nightly-2")["reason"] == "NotActedOn"
    assert world.stable["thresholds"] == (before | {"file_count": 20} if why == "set by the user" else before)


@pytest.mark.parametrize("action", ["Nothing", "Reject"])
def test_a_run_that_decides_nothing_moves_nothing(world: RolloutWorld, action: str) -> None:
    world.decide(action=action, file_count=2)
    assert world.settle() == []


def test_values_of_a_decision_stay_within_bounds(world: RolloutWorld) -> None:
    world.decide(file_count=400)
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 40


def test_a_promoted_model_serves_the_tier(world: RolloutWorld) -> None:
    world.decide(action="Promote", tiers={"routine": "deepseek-v4-flash"}, file_count=9)
    world.settle()
    assert models(world.canary)["routine"] == "deepseek-v4-flash"
    world.judge(Action.PROMOTE)
    assert models(world.stable)["routine"] == "deepseek-v4-flash"
    assert world.stable["thresholds"]["file_count"] == 9


def test_a_model_that_the_provider_does_not_have_is_not_tried(world: RolloutWorld) -> None:
    world.decide(action="Promote", tiers={"routine": "no-such-model"})
    world.settle()
    assert world.said_in()["reason"] == "NotActedOn"


def test_a_revision_that_was_there_for_other_reasons_holds_what_the_run_decided(world: RolloutWorld) -> None:
    world.threshold("file_count", 7)
    world.settle()
    seven = world.in_force
    world.threshold("file_count", 8)
    world.settle()
    world.decide(file_count=7)
    world.settle()
    assert world.rollout["revision"] == seven, "equal documents are one revision"
    world.judge(Action.PROMOTE)
    assert world.in_force == seven
    assert orjson.loads(world.active["metadata"]["annotations"][MOVED])["overlay"]["thresholds"] == {"file_count": 7}
    assert world.settle() == [], "and the spec, which says 8, does not take it back"
    world.threshold("planning_depth", 9)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 7
    assert MOVED not in world.active["metadata"]["annotations"], "that revision's own spec says it"

"""What becomes of a decision can't be written into its run: that is said, and holds up nothing else of the router."""

import pytest
from rollout_world import RolloutWorld

from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.kinds import RUN
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.writes import MergeStatus

WORDS = "regressionruns/status is forbidden"


@pytest.fixture
def world() -> RolloutWorld:
    """A canary runs, and its run says so."""
    world = RolloutWorld()
    world.decide(file_count=7)
    world.settle()
    return world


def refuse(world: RolloutWorld) -> None:
    world.refused = Refusal("RegressionRun agents/nightly-1", RUN, WORDS)


def refusals(world: RolloutWorld) -> int:
    return [str(event.reason) for event in world.events].count("WriteRefused")


def test_what_the_user_changes_is_in_force_all_the_same(world: RolloutWorld) -> None:
    refuse(world)
    world.threshold("planning_depth", 9)
    writes = world.settle()
    assert world.stable["thresholds"]["planning_depth"] == 9
    assert world.condition("ConfigPublished")["status"] == "True"
    assert world.condition("Ready")["status"] == "True"
    assert not any(isinstance(write, MergeStatus) for write in writes)
    said = world.condition("RolloutSettled")
    assert (said["status"], said["reason"]) == ("False", "WriteRefused")
    assert WORDS in said["message"] and "nightly-1" in said["message"]


def test_the_canary_goes_on_to_its_end(world: RolloutWorld) -> None:
    refuse(world)
    world.judge(Action.ROLL_BACK)
    assert world.in_force == world.first
    assert world.canary == {}
    assert world.rollout["stage"] == "RolledBack"
    assert world.said_in()["reason"] == "CanaryRuns", "its run can't say so yet"
    assert "was rolled back" in world.condition("RolloutSettled")["message"]


def test_no_other_decision_begins_so_that_none_is_acted_on_twice(world: RolloutWorld) -> None:
    refuse(world)
    world.judge(Action.PROMOTE)
    promoted = world.in_force
    world.decide("nightly-2", file_count=7, planning_depth=5)
    world.settle()
    assert world.in_force == promoted
    assert world.rollout["run"] == "nightly-1"
    assert world.made_by("nightly-2") == ""
    world.refused = None
    world.settle()
    assert world.said_in("nightly-1")["reason"] == "Promoted"
    assert world.rollout["run"] == "nightly-2"
    assert world.canary["thresholds"] == {**world.stable["thresholds"], "planning_depth": 5}


def test_one_event_tells_of_it_however_long_it_lasts(world: RolloutWorld) -> None:
    refuse(world)
    for depth in (7, 8, 9):
        world.threshold("planning_depth", depth)
        world.settle()
    assert refusals(world) == 1
    world.refused = None
    world.settle()
    assert world.condition("RolloutSettled")["reason"] != "WriteRefused"
    assert refusals(world) == 1

"""How a decision of a regression run comes into force, and what ends a canary before."""

import pytest
from rollout_world import RolloutWorld, tried

from tierrouter_core.contract import ABORT, CANARY_REVISION, PROMOTE, ROLLOUT
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, RUN, SUITE
from tierrouter_operator.planning.sidecars import NOTHING_SEEN


@pytest.fixture
def world() -> RolloutWorld:
    return RolloutWorld()


def test_a_decision_is_tried_on_some_of_the_new_sessions(world: RolloutWorld) -> None:
    world.decide(file_count=7)
    world.settle()
    name = world.rollout["revision"]
    assert world.in_force == world.first
    assert world.stable["thresholds"]["file_count"] == 8
    assert world.canary["thresholds"]["file_count"] == 7
    assert world.split["percent"] == 10
    assert world.split["since"] == world.rollout["since"]
    assert world.active["metadata"]["annotations"][CANARY_REVISION] == name
    revision = world.revisions[-1]
    assert revision["metadata"]["name"] == name
    assert revision["spec"]["overlay"] == {"thresholds": {"file_count": 7}, "tiers": {}}
    assert revision["spec"]["origin"] == {
        "type": "Regression",
        "run": "nightly-1",
        "message": "routine solved 90 % (nightly-1)",
    }
    assert (world.phase(world.first), world.phase(name)) == ("Active", "Canary")
    assert world.made_by() == name
    assert world.said_in()["reason"] == "CanaryRuns"
    assert world.router["status"]["canaryRevision"] == name
    assert world.condition("RolloutSettled")["status"] == "Unknown"
    assert world.condition("Ready")["status"] == "True"
    assert "RolloutBegan" in [str(event.reason) for event in world.events]


def test_nothing_is_written_while_it_is_waited_for_counts_but_it_is_looked_at_again(world: RolloutWorld) -> None:
    tried(world)
    world.count(20)
    plan = world.plan()
    assert plan.writes == ()
    assert plan.look_again_after_s == 10


def test_nothing_is_judged_before_sidecars_were_asked(world: RolloutWorld) -> None:
    tried(world)
    world.verdicts.action = Action.GIVE_UP
    world.fleet = NOTHING_SEEN
    assert world.settle() == []
    assert world.verdicts.asked == []


def test_each_look_is_written_down_with_what_was_counted(world: RolloutWorld) -> None:
    tried(world)
    world.judge(Action.WAIT, turns=120)
    assert world.rollout["looks"] == {"used": 1}
    assert world.rollout["counted"] == {"turns": 120}
    assert "120 turns" in world.said_in()["message"]


def test_one_that_does_well_comes_into_force(world: RolloutWorld) -> None:
    name = tried(world)
    world.judge(Action.PROMOTE)
    assert world.in_force == name
    assert world.stable["thresholds"]["file_count"] == 7
    assert world.canary == {}
    assert world.split["percent"] == 0
    assert (world.phase(world.first), world.phase(name)) == ("Superseded", "Active")
    (activation,) = world.revisions[-1]["status"]["activations"]
    assert (activation["reason"], activation["run"]) == ("Regression", "nightly-1")
    assert world.said_in()["reason"] == "Promoted"
    assert "500 turns" in world.said_in()["message"]
    assert world.condition("RolloutSettled")["status"] == "True"
    assert "canaryRevision" not in world.router["status"]
    assert world.plan().writes == ()


def test_the_overlay_in_force_is_kept_by_the_next_change_of_the_spec(world: RolloutWorld) -> None:
    tried(world)
    world.judge(Action.PROMOTE)
    world.threshold("planning_depth", 9)
    world.settle()
    assert world.stable["thresholds"] == {"file_count": 7, "planning_depth": 9, "tool_errors": 3}
    world.threshold("file_count", 12)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 12
    assert world.revisions[-1]["spec"]["overlay"]["thresholds"] == {}


@pytest.mark.parametrize(
    ("action", "phase", "reason"),
    [(Action.ROLL_BACK, "RolledBack", "RolledBack"), (Action.GIVE_UP, "Rejected", "GivenUp")],
)
def test_one_that_does_badly_goes_and_is_not_tried_again_for_the_same_run(
    world: RolloutWorld, action: Action, phase: str, reason: str
) -> None:
    name = tried(world)
    world.judge(action)
    assert world.in_force == world.first
    assert world.canary == {}
    assert world.phase(name) == phase
    assert world.said_in()["reason"] == reason
    assert world.said_in()["status"] == "True"
    world.verdicts.action = Action.WAIT
    world.threshold("planning_depth", 9)
    world.settle()
    assert world.canary == {}
    assert world.stable["thresholds"]["file_count"] == 8


def test_new_evidence_tries_the_same_revision_again_under_another_trial(world: RolloutWorld) -> None:
    name = tried(world)
    before = world.rollout
    world.judge(Action.ROLL_BACK)
    world.verdicts.action = Action.WAIT
    world.decide("nightly-2", file_count=7)
    world.settle()
    assert world.rollout["revision"] == name
    assert world.rollout["run"] == "nightly-2"
    assert (world.rollout["salt"], world.rollout["since"]) != (before["salt"], before["since"])
    assert world.made_by("nightly-2") == name
    assert world.phase(name) == "Canary"


def test_immediate_acts_at_once() -> None:
    world = RolloutWorld(strategy="Immediate")
    world.decide(file_count=7)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 7
    assert world.made_by() == world.in_force
    assert world.revisions[-1]["status"]["activations"][0]["run"] == "nightly-1"
    assert world.said_in()["reason"] == "Promoted"


def test_a_recovery_acts_at_once_whatever_the_strategy_is(world: RolloutWorld) -> None:
    tried(world)
    world.judge(Action.PROMOTE)
    world.verdicts.action = Action.WAIT
    world.decide("nightly-2", action="Recover")
    world.settle()
    assert world.in_force == world.first
    assert world.made_by("nightly-2") == world.first
    assert world.revisions[0]["status"]["activations"][-1]["reason"] == "Recovery"
    assert len(world.revisions) == 2


def test_manual_waits_for_a_person() -> None:
    world = RolloutWorld(strategy="Manual")
    world.decide(file_count=7)
    world.settle()
    name = world.rollout["revision"]
    assert world.canary == {}
    assert world.phase(name) == "Candidate"
    assert world.condition("RolloutSettled")["status"] == "False"
    assert "kubectl tierrouter promote coding" in world.condition("RolloutSettled")["message"]
    assert world.plan().look_again_after_s is None
    world.annotate(PROMOTE, f"{name}@{world.rollout['since']}")
    world.settle()
    assert world.in_force == name
    assert world.said_in()["reason"] == "Promoted"


def test_without_auto_promote_a_good_canary_waits_for_a_person() -> None:
    world = RolloutWorld(autoPromote=False)
    name = tried(world)
    world.judge(Action.PROMOTE)
    assert world.in_force == world.first
    assert world.canary["thresholds"]["file_count"] == 7
    assert world.condition("RolloutSettled")["reason"] == "WaitingForPromotion"
    world.annotate(PROMOTE, f"{name}@{world.rollout['since']}")
    world.settle()
    assert world.in_force == name


def test_a_person_ends_a_canary(world: RolloutWorld) -> None:
    name = tried(world)
    world.annotate(ABORT, f"{name}@{world.rollout['since']}")
    world.settle()
    assert world.canary == {}
    assert world.phase(name) == "RolledBack"
    assert world.said_in()["reason"] == "RolledBack"


def test_a_person_rejects_a_candidate() -> None:
    world = RolloutWorld(strategy="Manual")
    world.decide(file_count=7)
    world.settle()
    world.annotate(ABORT, f"{world.rollout['revision']}@{world.rollout['since']}")
    world.settle()
    assert world.phase(world.rollout["revision"]) == "Rejected"


def test_a_word_on_another_trial_says_nothing(world: RolloutWorld) -> None:
    name = tried(world)
    world.annotate(PROMOTE, f"{name}@2020-01-01T00:00:00Z")
    world.annotate(ABORT, f"{name}@2020-01-01T00:00:00Z")
    assert world.settle() == []


def test_a_changed_spec_ends_a_canary_and_its_decision_is_tried_again_on_that(world: RolloutWorld) -> None:
    old = tried(world)
    world.threshold("planning_depth", 9)
    world.settle()
    new = world.rollout["revision"]
    assert new != old
    assert world.stable["thresholds"] == {"file_count": 8, "planning_depth": 9, "tool_errors": 3}
    assert world.canary["thresholds"] == {"file_count": 7, "planning_depth": 9, "tool_errors": 3}
    assert world.phase(old) == "Superseded"
    assert world.rollout["run"] == "nightly-1"
    assert world.made_by() == old, "set once"
    world.judge(Action.PROMOTE)
    assert world.stable["thresholds"] == {"file_count": 7, "planning_depth": 9, "tool_errors": 3}


def test_a_changed_provider_ends_it_too(world: RolloutWorld) -> None:
    tried(world)
    world.providers["openai"]["spec"]["baseURL"] = "https://gateway.example.com/v1"
    world.settle()
    assert "gateway.example.com" in str(world.canary["providers"])


def test_a_field_that_the_user_sets_meanwhile_is_the_users_and_nothing_is_left_to_try(world: RolloutWorld) -> None:
    tried(world)
    world.threshold("file_count", 20)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 20
    assert world.canary == {}
    assert world.said_in()["reason"] == "Superseded"


def test_a_pin_holds_a_canary_and_it_begins_anew_when_the_pin_is_gone(world: RolloutWorld) -> None:
    tried(world)
    world.judge(Action.WAIT, turns=50)
    since = world.rollout["since"]
    world.spec["pinnedRevision"] = world.first
    world.change()
    world.settle()
    assert world.canary == {}
    assert world.condition("RolloutSettled")["reason"] == "RolloutHeld"
    del world.spec["pinnedRevision"]
    world.change()
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 7
    assert world.rollout["since"] > since
    assert "looks" not in world.rollout


def test_a_lost_active_config_map_begins_the_canary_anew(world: RolloutWorld) -> None:
    name = tried(world)
    del world.objects[CONFIG_MAP, "coding-active"]
    world.settle()
    assert world.in_force == world.first
    assert world.rollout["revision"] == name
    assert world.canary["thresholds"]["file_count"] == 7


@pytest.mark.parametrize("lost", ["its document", "its revision", "both"])
def test_a_canary_whose_objects_are_deleted_is_made_whole(world: RolloutWorld, lost: str) -> None:
    name = tried(world)
    if lost != "its revision":
        del world.objects[CONFIG_MAP, name]
    if lost != "its document":
        del world.objects[REVISION, name]
    world.settle()
    assert (CONFIG_MAP, name) in world.objects
    assert (REVISION, name) in world.objects
    assert world.canary["thresholds"]["file_count"] == 7


def test_a_run_that_is_deleted_leaves_its_canary_to_its_end(world: RolloutWorld) -> None:
    name = tried(world)
    del world.objects[RUN, "nightly-1"]
    world.settle()
    world.judge(Action.PROMOTE)
    assert world.in_force == name


def test_a_spec_that_is_wrong_leaves_the_canary_and_its_verdict(world: RolloutWorld) -> None:
    name = tried(world)
    world.spec["rules"][0]["when"] = "nonsense &&"
    world.change()
    world.settle()
    assert world.canary["thresholds"]["file_count"] == 7
    world.judge(Action.PROMOTE)
    assert world.in_force == name
    assert world.condition("ConfigPublished")["status"] == "False"


def test_settings_are_those_of_its_beginning(world: RolloutWorld) -> None:
    tried(world)
    world.spec["rollout"] = {"canaryPercent": 50, "autoPromote": False}
    world.change()
    world.settle()
    assert world.split["percent"] == 10
    world.judge(Action.PROMOTE)
    assert world.stable["thresholds"]["file_count"] == 7


def test_a_clock_that_jumps_back_makes_no_negative_age(world: RolloutWorld) -> None:
    tried(world)
    world.now = world.now.replace(year=2020)
    world.count(100)
    world.settle()
    assert world.verdicts.asked[-1].age_s == 0


def test_revisions_that_runs_test_are_not_collected(world: RolloutWorld) -> None:
    world.spec["revisionHistoryLimit"] = 1
    world.decide("nightly-1", file_count=7)
    world.run()["status"]["phase"] = "Running"
    for value in (9, 10, 11):
        world.threshold("file_count", value)
        world.settle(wait=True)
    assert world.first in [obj["metadata"]["name"] for obj in world.revisions]


def test_whoever_is_named_is_told_each_step_once(world: RolloutWorld) -> None:
    tried(world)
    world.judge(Action.WAIT)
    world.judge(Action.ROLL_BACK)
    assert [(tell.secret, tell.key) for tell in world.told] == [("slack", "url")] * 2
    assert "is tried with 10 %" in world.told[0].text
    assert "was rolled back" in world.told[1].text


def test_each_decision_that_makes_no_revision_is_told_by_the_name_of_its_run(world: RolloutWorld) -> None:
    for name in ("nightly-1", "nightly-2"):
        world.decide(name, file_count=8)
        world.settle()
    first, second = (tell.text for tell in world.told)
    assert "the decision of run nightly-1 makes no revision: nothing of it is left to be done" in first
    assert second == first.replace("nightly-1", "nightly-2")


def test_steps_of_a_decision_that_nobody_wants_to_hear_of_are_not_told(world: RolloutWorld) -> None:
    world.objects[SUITE, "nightly"]["spec"]["notify"]["about"] = ["Promote", "Failed"]
    tried(world)
    world.judge(Action.ROLL_BACK)
    assert world.told == []
    world.decide("nightly-2", action="Promote", file_count=9)
    world.settle()
    assert ["is tried with 10 %" in tell.text for tell in world.told] == [True]


def test_an_annotation_that_somebody_has_written_nonsense_into_is_no_rollout(world: RolloutWorld) -> None:
    for text in ("nonsense", "[]", '{"run": 1}', "{}"):
        world.active["metadata"]["annotations"][ROLLOUT] = text
        world.settle()
        assert world.in_force == world.first
    assert ROLLOUT not in world.active["metadata"]["annotations"]

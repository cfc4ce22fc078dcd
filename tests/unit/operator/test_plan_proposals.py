"""What becomes of a spec that is proposed for a router: a revision that waits, and nothing more."""

from typing import Any

import pytest
from rollout_world import RolloutWorld

from tierrouter_core.contract import PROPOSAL, PROPOSED_REVISION
from tierrouter_core.resources.proposal import Proposal, asked_digest, proposal_text
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION
from tierrouter_operator.planning.writes import Create

SAID = "tune: saves 40.0 % at a quality of 97.0 % (95 % sure of 94.0 %)"


@pytest.fixture
def world() -> RolloutWorld:
    return RolloutWorld()


def proposed_spec(world: RolloutWorld, **changes: Any) -> dict[str, Any]:
    """The router's spec with another tier by default."""
    return {**world.spec, "defaultTier": "reasoning", **changes}


def propose(world: RolloutWorld, spec: dict[str, Any] | None = None) -> Proposal:
    proposal = Proposal(
        spec=spec or proposed_spec(world), made_from=asked_digest(world.spec), message=SAID, expected={"saving": 0.4}
    )
    world.annotate(PROPOSAL, proposal_text(proposal))
    world.settle()
    return proposal


def waits(world: RolloutWorld) -> str:
    """The revision that waits, by the active ConfigMap; empty for none."""
    return str(world.active["metadata"]["annotations"].get(PROPOSED_REVISION, "")).partition("@")[0]


def test_a_proposal_becomes_a_manual_revision_that_serves_nobody(world: RolloutWorld) -> None:
    before = world.stable
    proposal = propose(world)
    name = waits(world)
    made = next(each for each in world.revisions if each["metadata"]["name"] == name)
    assert made["spec"]["origin"] == {"type": "Manual", "run": "", "message": SAID}
    assert world.phase(name) == "Candidate"
    assert world.active["metadata"]["annotations"][PROPOSED_REVISION] == f"{name}@{proposal.nonce}"
    assert (CONFIG_MAP, name) in world.objects
    assert world.in_force == world.first
    assert world.canary == {}
    assert world.stable == before


def test_it_is_said_that_it_waits_and_what_to_expect_of_it(world: RolloutWorld) -> None:
    propose(world)
    said = world.condition("RolloutSettled")
    assert (said["status"], said["reason"]) == ("False", "WaitingForPromotion")
    assert SAID in said["message"]
    assert "kubectl tierrouter promote coding" in said["message"]
    assert [event.message for event in world.events if event.reason == "RolloutWaits"] == [said["message"]]
    assert world.condition("Ready")["status"] == "True"


def test_once_made_nothing_more_is_written(world: RolloutWorld) -> None:
    propose(world)
    assert world.settle() == []


def test_when_its_spec_is_the_routers_the_very_revision_is_in_force_by_its_own_reason(world: RolloutWorld) -> None:
    proposal = propose(world)
    name = waits(world)
    world.router["spec"] = dict(proposal.spec)
    world.router["metadata"]["annotations"].pop(PROPOSAL)
    world.change()
    written = world.settle()
    assert world.in_force == name
    assert not any(isinstance(each, Create) for each in written)
    activation = next(each for each in world.revisions if each["metadata"]["name"] == name)["status"]["activations"][-1]
    assert (activation["reason"], activation["message"]) == ("Manual", SAID)
    assert (world.phase(name), world.phase(world.first)) == ("Active", "Superseded")
    assert PROPOSED_REVISION not in world.active["metadata"]["annotations"]
    assert world.condition("RolloutSettled")["status"] == "True"


def test_a_file_that_brings_the_same_spec_while_it_is_proposed_does_too(world: RolloutWorld) -> None:
    proposal = propose(world)
    name = waits(world)
    world.router["spec"] = dict(proposal.spec)
    world.change()
    world.settle()
    assert world.in_force == name
    assert "it is in force" in world.condition("RolloutSettled")["message"]


def test_one_that_is_taken_back_waits_no_more(world: RolloutWorld) -> None:
    propose(world)
    name = waits(world)
    world.router["metadata"]["annotations"].pop(PROPOSAL)
    world.settle()
    assert waits(world) == ""
    assert world.phase(name) == "Superseded"
    assert world.condition("RolloutSettled")["status"] == "True"
    assert world.in_force == world.first


def test_a_change_of_the_spec_makes_it_out_of_date(world: RolloutWorld) -> None:
    propose(world)
    world.threshold("file_count", 9)
    world.settle()
    assert waits(world) == ""
    said = world.condition("RolloutSettled")
    assert said["status"] == "True"
    assert "passed over: the spec has changed since it was made; tune again" in said["message"]


def test_how_revisions_are_held_and_rolled_out_is_no_part_of_it(world: RolloutWorld) -> None:
    propose(world)
    world.spec["rollout"] = {"strategy": "Manual"}
    world.spec["pinnedRevision"] = world.first
    world.change()
    world.settle()
    assert waits(world) != ""
    assert world.in_force == world.first


def test_a_regression_goes_its_own_way_meanwhile(world: RolloutWorld) -> None:
    propose(world)
    name = waits(world)
    world.decide(file_count=7)
    world.settle()
    assert world.rollout["stage"] == "Canary"
    assert world.canary["thresholds"]["file_count"] == 7
    assert world.condition("RolloutSettled")["reason"] == "CanaryRuns"
    assert waits(world) == name
    assert len({each["spec"]["number"] for each in world.revisions}) == len(world.revisions)


def test_what_runs_have_moved_since_is_in_it(world: RolloutWorld) -> None:
    world.spec["rollout"] = {"strategy": "Immediate"}
    world.change()
    propose(world)
    before = waits(world)
    world.decide(file_count=7)
    world.settle()
    name = waits(world)
    made = next(each for each in world.revisions if each["metadata"]["name"] == name)
    assert made["spec"]["overlay"]["thresholds"] == {"file_count": 7}
    assert (world.phase(name), world.phase(before)) == ("Candidate", "Superseded")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"defaultTier": "nowhere"}, "nowhere"),
        ({"rules": [{"name": "broken", "when": "task.unknown > 1", "tier": "deep"}]}, "task.unknown"),
    ],
)
def test_one_that_can_not_be_compiled_is_named_and_changes_nothing(
    world: RolloutWorld, spec: dict[str, Any], said: str
) -> None:
    propose(world, proposed_spec(world, **spec))
    condition = world.condition("RolloutSettled")
    assert (condition["status"], condition["reason"]) == ("False", "RolloutBlocked")
    assert said in condition["message"]
    assert "RolloutBlocked" in [str(event.reason) for event in world.events]
    assert world.in_force == world.first
    assert len(world.revisions) == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"spec": 1}', '{"spec": {}, "madeFrom": "x"}', "null"])
def test_nonsense_in_its_place_is_said_and_does_no_harm(world: RolloutWorld, text: str) -> None:
    world.annotate(PROPOSAL, text)
    world.settle()
    condition = world.condition("RolloutSettled")
    assert (condition["status"], condition["reason"]) == ("False", "RolloutBlocked")
    assert "no proposal" in condition["message"]
    assert world.in_force == world.first


def test_an_operator_that_ends_after_any_write_goes_on_with_the_same_revision() -> None:
    whole = RolloutWorld()
    propose(whole)
    for cut in range(1, 12):
        world = RolloutWorld()
        world.annotate(
            PROPOSAL,
            proposal_text(Proposal(spec=proposed_spec(world), made_from=asked_digest(world.spec), message=SAID)),
        )
        for write in world.plan().writes[:cut]:
            world.do(write)
        world.settle()
        assert waits(world) == waits(whole)
        assert [each["spec"]["number"] for each in world.revisions] == [1, 2]


def test_what_a_run_has_decided_on_already_keeps_what_became_of_it(world: RolloutWorld) -> None:
    world.decide(file_count=7)
    world.settle()
    name = world.rollout["revision"]
    world.judge(Action.ROLL_BACK)
    thresholds = [{**each, "value": 7} if each["name"] == "file_count" else each for each in world.spec["thresholds"]]
    propose(world, {**world.spec, "thresholds": thresholds})
    assert world.phase(name) == "RolledBack"
    assert waits(world) == ""
    assert f"passed over: it is revision {name}" in world.condition("RolloutSettled")["message"]


def test_its_revision_is_kept_however_many_come_after_it(world: RolloutWorld) -> None:
    world.spec["revisionHistoryLimit"] = 1
    world.change()
    propose(world)
    name = waits(world)
    for value in (7, 6, 5):
        world.decide(f"nightly-{value}", file_count=value)
        world.settle()
    assert (REVISION, waits(world)) in world.objects
    assert waits(world) == name

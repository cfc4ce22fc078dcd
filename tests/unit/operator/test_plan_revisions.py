"""What becomes of a router's changes: new revisions, old ones again, or nothing."""

import copy

import orjson
import pytest
from router_world import World

from tierrouter_core.contract import (
    ACTIVATION,
    DOCUMENT_FILE,
    INPUTS_DIGEST,
    SPLIT_FILE,
    STABLE_REVISION,
    UNPINNED_REVISION,
    active_name,
)
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, kind_of
from tierrouter_operator.planning.plan import RouterPlanner
from tierrouter_operator.planning.writes import ApplyStatus, Create, DeleteRevisions, PostEvent


@pytest.fixture
def world() -> World:
    world = World()
    world.settle()
    return world


def names(world: World) -> list[str]:
    return [obj["metadata"]["name"] for obj in world.revisions]


def test_a_new_router_gets_its_first_revision_in_the_order_of_the_contract() -> None:
    world = World()
    plan = world.plan()
    made = [(type(write).__name__, kind_of(write.body).kind) for write in plan.writes if hasattr(write, "body")]
    assert made == [
        ("Create", "ConfigMap"),
        ("Create", "RouterRevision"),
        ("Create", "Secret"),
        ("Create", "ConfigMap"),
        ("ApplyStatus", "RouterRevision"),
        ("ApplyStatus", "TierRouter"),
    ]
    world.settle()
    (revision,) = world.revisions
    name = revision["metadata"]["name"]
    assert name == f"coding-{revision['spec']['documentDigest'][:10]}"
    assert world.active["metadata"]["annotations"][STABLE_REVISION] == name
    assert world.objects[CONFIG_MAP, name]["immutable"] is True
    assert world.objects[CONFIG_MAP, name]["data"][DOCUMENT_FILE] == world.active["data"]["stable.json"]
    assert revision["spec"]["number"] == 1
    assert revision["status"]["phase"] == "Active"
    assert revision["status"]["activations"] == [orjson.loads(world.active["metadata"]["annotations"][ACTIVATION])]
    assert world.router["status"]["activeRevision"] == name
    assert world.router["status"]["revisions"] == 1
    assert world.condition("Ready")["status"] == "True"
    assert world.keys["openrouter.key"] == "key-of-openrouter"
    assert world.keys["openrouter.origin"] == "https://openrouter.ai"


def test_what_is_as_it_should_be_is_not_written_again(world: World) -> None:
    assert world.plan().writes == ()


def test_a_changed_threshold_is_a_new_revision_in_seven_requests(world: World) -> None:
    world.threshold("file_count", 6)
    writes = world.settle()
    assert len(writes) == 7
    old, new = world.revisions
    assert (old["status"]["phase"], new["status"]["phase"]) == ("Superseded", "Active")
    assert new["spec"]["origin"]["type"] == "SpecChange"
    assert "file_count" in new["spec"]["origin"]["message"]
    assert "8 -> 6" in new["spec"]["origin"]["message"]
    assert new["spec"]["base"]["thresholds"]["file_count"] == 6
    assert world.stable["thresholds"]["file_count"] == 6
    assert orjson.loads(world.active["data"][SPLIT_FILE])["generation"] == 2


def test_returning_to_what_was_is_the_old_revision_again(world: World) -> None:
    world.threshold("file_count", 6)
    world.settle()
    world.threshold("file_count", 8)
    writes = world.settle()
    first, second = world.revisions
    assert not [write for write in writes if isinstance(write, Create)]
    assert (first["status"]["phase"], second["status"]["phase"]) == ("Active", "Superseded")
    assert len(first["status"]["activations"]) == 2


@pytest.mark.parametrize("change", ["default spelled out", "order of thresholds", "labels", "history limit"])
def test_a_change_that_means_nothing_makes_no_revision(world: World, change: str) -> None:
    if change == "default spelled out":
        world.spec["responseModel"] = "Upstream"
        world.spec["tiers"][0]["maxTokensPolicy"] = "Default"
    elif change == "order of thresholds":
        world.spec["thresholds"].reverse()
    elif change == "labels":
        world.router["metadata"]["labels"] = {"team": "a"}
    else:
        world.spec["revisionHistoryLimit"] = 20
    world.change()
    writes = world.settle()
    assert len(world.revisions) == 1
    assert all(isinstance(write, ApplyStatus) for write in writes), "only observedGeneration"


def test_a_change_that_the_document_does_not_have_adopts_the_revision(world: World) -> None:
    before = world.active["metadata"]["annotations"][INPUTS_DIGEST]
    world.spec["ledger"] = {"persistentVolumeClaim": "turns"}
    world.change()
    world.settle()
    assert len(world.revisions) == 1
    assert world.active["metadata"]["annotations"][INPUTS_DIGEST] != before
    assert world.plan().writes == ()


def test_other_prices_make_no_revision_of_equal_inputs(world: World) -> None:
    observed = world.observed()

    def never(*asked: str) -> None:
        raise AssertionError("prices are asked for though nothing has to be compiled")

    assert RouterPlanner(observed).plan(never).writes == ()


def test_a_changed_provider_is_a_revision_by_provider_change(world: World) -> None:
    world.providers["openrouter"]["spec"]["baseURL"] = "https://gateway.example.com/v1"
    world.settle()
    assert [obj["spec"]["origin"]["type"] for obj in world.revisions] == ["SpecChange", "ProviderChange"]
    assert "gateway.example.com" in world.revisions[-1]["spec"]["origin"]["message"]
    assert world.keys["openrouter.origin"] == "https://gateway.example.com"


def test_a_provider_that_the_router_does_not_use_changes_nothing(world: World) -> None:
    other = copy.deepcopy(world.providers["openrouter"])
    other["metadata"] |= {"name": "other", "uid": "other"}
    world.providers["other"] = other
    assert world.plan().writes == ()


def test_twenty_changes_give_twenty_revisions(world: World) -> None:
    world.spec["revisionHistoryLimit"] = 25
    for value in range(10, 29):
        world.threshold("file_count", value)
        world.settle(wait=True)
    assert [obj["spec"]["number"] for obj in world.revisions] == list(range(1, 21))


def test_older_ones_are_collected_when_changes_have_come_to_rest(world: World) -> None:
    for value in range(10, 29):
        world.threshold("file_count", value)
        writes = world.settle()
        assert not [write for write in writes if isinstance(write, DeleteRevisions)] or len(world.revisions) <= 11
    world.settle(wait=True)
    assert [obj["spec"]["number"] for obj in world.revisions] == list(range(11, 21))
    documents = {name for kind, name in world.objects if kind == CONFIG_MAP} - {active_name("coding")}
    assert documents == set(names(world))
    assert world.router["status"]["revisions"] == 10


def test_a_pinned_revision_and_the_one_it_keeps_out_are_never_collected(world: World) -> None:
    first = names(world)[0]
    world.threshold("file_count", 6)
    world.settle()
    second = names(world)[1]
    world.spec["revisionHistoryLimit"] = 1
    world.spec["pinnedRevision"] = first
    world.change()
    world.settle(wait=True)
    assert names(world) == [first, second]
    assert world.active["metadata"]["annotations"][UNPINNED_REVISION] == second


def test_a_pin_rolls_back_and_holds_and_its_end_brings_the_newest_back(world: World) -> None:
    first = names(world)[0]
    world.threshold("file_count", 6)
    world.settle()
    world.spec["pinnedRevision"] = first
    world.change()
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 8
    assert [obj["status"]["phase"] for obj in world.revisions] == ["Active", "RolledBack"]
    assert world.condition("ConfigPublished")["reason"] == "Pinned"

    world.threshold("file_count", 5)
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 8
    assert "waits for the pin" in world.condition("ConfigPublished")["message"]
    assert len(world.revisions) == 2

    world.spec["pinnedRevision"] = ""
    world.change()
    world.settle()
    assert world.stable["thresholds"]["file_count"] == 5
    assert UNPINNED_REVISION not in world.active["metadata"]["annotations"]
    assert world.condition("Ready")["status"] == "True"


def test_a_pin_on_nothing_leaves_what_is_in_force_and_says_what_there_is(world: World) -> None:
    first = names(world)[0]
    world.spec["pinnedRevision"] = "coding-nothing"
    world.change()
    world.settle()
    assert world.router["status"]["activeRevision"] == first
    assert world.condition("Ready")["reason"] == "PinMissing"
    assert first in world.condition("ConfigPublished")["message"]


def test_an_overlay_is_kept_for_fields_that_the_user_leaves_alone(world: World) -> None:
    spec = copy.deepcopy(world.revisions[0]["spec"])
    # As a regression run would have made it.
    spec["overlay"] = {"thresholds": {"file_count": 7, "tool_errors": 2}, "tiers": {}}
    world.revisions[0]["spec"] = spec
    world.threshold("file_count", 12)
    world.settle()
    assert world.stable["thresholds"] == {"file_count": 12, "planning_depth": 6, "tool_errors": 2}
    assert world.revisions[-1]["spec"]["overlay"]["thresholds"] == {"tool_errors": 2}
    world.settle()
    world.threshold("planning_depth", 5)
    world.settle()
    assert world.stable["thresholds"] == {"file_count": 12, "planning_depth": 5, "tool_errors": 2}


def test_the_events_say_what_came_into_force(world: World) -> None:
    world.threshold("file_count", 6)
    (event,) = [write for write in world.settle() if isinstance(write, PostEvent)]
    assert event.reason == "RevisionCreated"
    assert "revision 2" in event.message


def test_statuses_that_were_wiped_are_made_again_from_the_active_config_map(world: World) -> None:
    world.threshold("file_count", 6)
    world.settle()
    first = names(world)[0]
    world.spec["pinnedRevision"] = first
    world.change()
    world.settle()
    activation = world.active["metadata"]["annotations"][ACTIVATION]
    for obj in (world.router, *world.revisions):
        obj.pop("status")
    world.settle()
    assert world.router["status"]["activeRevision"] == first
    assert world.revisions[0]["status"]["phase"] == "Active"
    assert world.active["metadata"]["annotations"][ACTIVATION] == activation
    assert len(world.revisions) == 2


def test_a_lost_router_revision_is_made_again_as_it_was(world: World) -> None:
    before = copy.deepcopy(world.revisions[0]["spec"])
    del world.objects[REVISION, names(world)[0]]
    world.settle()
    assert [obj["spec"] for obj in world.revisions] == [before]


def test_a_router_that_is_being_deleted_is_left_to_the_garbage_collector(world: World) -> None:
    world.router["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.threshold("file_count", 6)
    assert world.plan().writes == ()

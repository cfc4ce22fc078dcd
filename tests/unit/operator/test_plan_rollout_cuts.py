"""Wherever the operator dies between two writes of a rollout, the next one comes to the same end, and nothing twice."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_world import RolloutWorld

from tierrouter_core.contract import ABORT, PROMOTE, STABLE_FILE, STABLE_REVISION, active_name
from tierrouter_core.document.codec import named_document_from_bytes
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.kinds import CONFIG_MAP, RUN

Act = Callable[[RolloutWorld], Any]


def decides(world: RolloutWorld) -> None:
    world.decide(file_count=7)


def is_tried(world: RolloutWorld) -> None:
    decides(world)
    world.settle()
    world.count(500)
    world.verdicts.looks = {"used": 1}


def verdict(action: Action) -> Act:
    def act(world: RolloutWorld) -> None:
        world.verdicts.action = action

    return act


def in_force(world: RolloutWorld) -> None:
    is_tried(world)
    world.verdicts.action = Action.PROMOTE
    world.settle()
    world.verdicts.action = Action.WAIT


def word(name: str) -> Act:
    def act(world: RolloutWorld) -> None:
        world.annotate(name, f"{world.rollout['revision']}@{world.rollout['since']}")

    return act


def nothing(world: RolloutWorld) -> None:
    pass


def pins(world: RolloutWorld) -> None:
    world.spec["pinnedRevision"] = world.first
    world.change()


CASES: dict[str, tuple[dict[str, Any], Act, Act]] = {
    "a canary begins": ({}, nothing, decides),
    "a candidate begins": ({"strategy": "Manual"}, nothing, decides),
    "an immediate one": ({"strategy": "Immediate"}, nothing, decides),
    "promoted": ({}, is_tried, verdict(Action.PROMOTE)),
    "rolled back": ({}, is_tried, verdict(Action.ROLL_BACK)),
    "given up": ({}, is_tried, verdict(Action.GIVE_UP)),
    "waits for a person": ({"autoPromote": False}, is_tried, verdict(Action.PROMOTE)),
    "promoted by a person": ({}, is_tried, word(PROMOTE)),
    "aborted": ({}, is_tried, word(ABORT)),
    "recovered": ({}, in_force, lambda world: world.decide("nightly-2", action="Recover")),
    "the spec changes": ({}, is_tried, lambda world: world.threshold("planning_depth", 9)),
    "the user takes the field": ({}, is_tried, lambda world: world.threshold("file_count", 9)),
    "pinned": ({}, is_tried, pins),
    "not acted on": ({}, nothing, lambda world: world.decide(file_count=8)),
}


class Died(Exception):
    """The operator."""


def outcome(world: RolloutWorld) -> dict[str, Any]:
    """Everything but times and what is drawn."""
    rollout = {key: world.rollout.get(key) for key in ("run", "revision", "stage", "overlay", "before", "base")}
    return {
        "in force": world.in_force,
        "stable": world.stable["thresholds"],
        "canary": world.canary.get("thresholds"),
        "percent": world.split["percent"],
        "rollout": rollout,
        "revisions": [
            (
                obj["metadata"]["name"],
                obj["spec"]["number"],
                obj["spec"]["overlay"],
                obj["spec"]["origin"]["run"],
                obj["status"]["phase"],
                [(each["reason"], each["run"]) for each in obj["status"]["activations"]],
            )
            for obj in world.revisions
        ],
        "runs": {
            name: (obj["status"]["decision"].get("revision"), world.said_in(name).get("reason"))
            for (kind, name), obj in world.objects.items()
            if kind is RUN
        },
        "condition": world.condition("RolloutSettled")["reason"],
    }


@pytest.mark.parametrize("name", CASES)
def test_it_comes_to_the_same_end_from_every_prefix_of_its_writes(name: str) -> None:
    rollout, before, act = CASES[name]

    def prepared() -> RolloutWorld:
        world = RolloutWorld(**rollout)
        before(world)
        world.settle()
        act(world)
        return world

    whole = prepared()
    writes = len(whole.settle())
    expected = outcome(whole)
    assert writes > 1
    for cut in range(1, writes):
        world, done = prepared(), 0

        def died(_: Any, cut: int = cut) -> None:
            nonlocal done
            done += 1
            if done == cut:
                raise Died

        with pytest.raises(Died):
            world.settle(after=died)
        world.settle()
        assert outcome(world) == expected, f"after {cut} of {writes} writes"
        assert world.settle() == []


STEP = st.one_of(
    st.tuples(st.just("decide"), st.tuples(st.sampled_from(["Regress", "Promote", "Recover"]), st.integers(1, 12))),
    st.tuples(st.just("verdict"), st.sampled_from(list(Action))),
    st.tuples(st.just("threshold"), st.integers(1, 12)),
    st.tuples(st.just("other threshold"), st.integers(2, 12)),
    st.tuples(st.just("rule"), st.booleans()),
    st.tuples(st.just("pin"), st.integers(0, 9)),
    st.tuples(st.just("unpin"), st.none()),
    st.tuples(st.just("word"), st.sampled_from([PROMOTE, ABORT])),
    st.tuples(st.just("strategy"), st.sampled_from(["Canary", "Manual", "Immediate"])),
    st.tuples(st.just("lose the active"), st.none()),
    st.tuples(st.just("settle"), st.none()),
    st.tuples(st.just("die after"), st.integers(1, 9)),
)


def _do(world: RolloutWorld, what: str, value: Any, made: list[str]) -> None:
    match what:
        case "decide":
            action, count = value
            made.append(f"run-{len(made)}")
            moved = {} if action == "Recover" else {"file_count": count}
            world.decide(made[-1], action=action, tested=world.first, **moved)
        case "verdict" if world.is_tried:
            world.count(300)
            world.verdicts.action = value
            world.verdicts.looks = {"used": len(made)}
        case "threshold":
            world.threshold("file_count", value)
        case "other threshold":
            world.threshold("planning_depth", value)
        case "rule":
            world.spec["rules"][0]["when"] = "task.sandboxed" if value else "task.sandboxed &&"
            world.change()
        case "pin":
            world.spec["pinnedRevision"] = world.revisions[value % len(world.revisions)]["metadata"]["name"]
            world.change()
        case "unpin":
            world.spec.pop("pinnedRevision", None)
            world.change()
        case "word" if (CONFIG_MAP, active_name("coding")) in world.objects and world.rollout:
            word(value)(world)
        case "strategy":
            world.spec["rollout"] = {"strategy": value}
            world.change()
        case "lose the active":
            world.objects.pop((CONFIG_MAP, active_name("coding")), None)
        case "settle":
            world.settle()
        case "die after":
            for write in world.plan().writes[:value]:
                world.do(write)
    world.now = world.now.replace(second=(world.now.second + 1) % 60)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=14))
def test_whatever_happens_no_decision_acts_twice_and_nothing_leaves_its_bounds(steps: list[tuple[str, Any]]) -> None:
    world, made = RolloutWorld(), list[str]()
    world.settle()
    for what, value in steps:
        _do(world, what, value, made)
        if (CONFIG_MAP, active_name("coding")) not in world.objects:
            continue
        _, name = named_document_from_bytes(world.active["data"][STABLE_FILE].encode())
        assert name == world.active["metadata"]["annotations"][STABLE_REVISION]
        if world.is_tried:
            assert world.canary, "what the annotation names is there"
    _do(world, "rule", True, made)
    _do(world, "unpin", None, made)
    world.verdicts.action = Action.WAIT
    world.settle()

    assert world.plan().writes == ()
    bounds = {each["name"]: (each["min"], each["max"]) for each in world.spec["thresholds"]}
    for document in filter(None, (world.stable, world.canary)):
        for name, value in document["thresholds"].items():
            assert bounds[name][0] <= value <= bounds[name][1]
    activations = [each for obj in world.revisions for each in obj["status"]["activations"]]
    runs = [each["run"] for each in activations if each["run"]]
    assert len(runs) == len(set(runs)), "a decision comes into force once"
    for run in made:
        said = world.said_in(run)
        if not said:
            assert world.is_tried, "a decision is told of, unless it waits for the canary of another to end"
            continue
        assert said["status"] == "True" or world.rollout["run"] == run, "only one is under way"

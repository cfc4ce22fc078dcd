"""Counts add up over pods: in any order, over restarts, and with those that end unseen."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierrouter_core.canonical import canonical_json
from tierrouter_core.rollout.arms import FIGURES, Arm, Arms, Figure, added_up, arm_from_json, arm_of, arm_to_json
from tierrouter_core.rollout.counters import (
    MOST_ENDED,
    Gathered,
    Told,
    after_look,
    arms_to_json,
    gathered_from_json,
    gathered_to_json,
    told_from_status,
)

SESSION = st.fixed_dictionaries({figure: st.integers(0, 30) for figure in FIGURES})
SESSIONS = st.lists(st.tuples(SESSION, st.integers(1, 60)), max_size=6)
ARM = SESSIONS.map(lambda many: arm_of([each for each, _ in many], [n for _, n in many]))
ARMS = st.builds(Arms, ARM, ARM)


def some(turns: int) -> Arms:
    return Arms(arm_of([{Figure.ERRORS: 1}], [turns]), arm_of([{}], [turns]))


@given(ARM)
def test_what_a_sidecar_says_is_read(arm: Arm) -> None:
    assert arm_from_json(arm_to_json(arm)) == arm


@given(ARM)
def test_sums_over_sessions_are_those_of_the_sessions(arm: Arm) -> None:
    assert arm.turns_squared * max(arm.sessions, 1) >= arm.turns**2, "Cauchy and Schwarz"
    for figure in FIGURES:
        sums = arm.of(figure)
        assert sums.products**2 <= sums.squares * arm.turns_squared


@given(st.lists(ARMS, max_size=6), st.randoms())
def test_the_order_of_pods_is_of_no_matter(many: list[Arms], rng: random.Random) -> None:
    pods = {f"pod-{at}": Told(f"i-{at}", arms) for at, arms in enumerate(many)}
    names = list(pods)
    one_by_one = Gathered()
    rng.shuffle(names)
    for name in names:
        one_by_one = after_look(one_by_one, {name: pods[name]}, pods)
    assert one_by_one.arms == after_look(Gathered(), pods, pods).arms == added_up(many)


@given(ARMS, ARMS, ARMS)
def test_a_restart_loses_nothing(before: Arms, after: Arms, other: Arms) -> None:
    seen = after_look(Gathered(), {"a": Told("1", before), "b": Told("9", other)}, ["a", "b"])
    seen = after_look(seen, {"a": Told("2", after), "b": None}, ["a", "b"])
    assert seen.arms == before + after + other
    assert seen.ended == 1


@given(ARMS, ARMS)
def test_a_pod_that_ends_is_counted_for_good_and_told_of(mine: Arms, other: Arms) -> None:
    seen = after_look(Gathered(), {"a": Told("1", mine), "b": Told("2", other)}, ["a", "b"])
    seen = after_look(seen, {"b": Told("2", other)}, ["b"])
    assert (seen.arms, seen.ended) == (mine + other, 1)


def test_one_that_was_only_out_of_reach_is_not_counted_twice() -> None:
    seen = after_look(Gathered(), {"a": Told("1", some(3))}, ["a"])
    seen = after_look(seen, {}, [])
    seen = after_look(seen, {"a": Told("1", some(5))}, ["a"])
    assert seen.arms == some(5)


def test_counts_that_went_backwards_are_an_answer_that_came_late() -> None:
    seen = after_look(Gathered(), {"a": Told("1", some(5))}, ["a"])
    assert after_look(seen, {"a": Told("1", some(3))}, ["a"]).arms == some(5)


@settings(max_examples=30)
@given(st.lists(ARMS, max_size=8), st.integers(0, 8))
def test_an_operator_that_restarts_goes_on_where_it_was(many: list[Arms], ended: int) -> None:
    pods = {f"pod-{at}": Told(f"i-{at}", arms) for at, arms in enumerate(many)}
    seen = after_look(Gathered(), pods, pods)
    seen = after_look(seen, {}, list(pods)[ended:])
    again = gathered_from_json(gathered_to_json(seen))
    assert again == seen
    assert again.arms == added_up(many)


def test_what_is_written_down_is_bounded_and_those_that_ended_are_never_left_out() -> None:
    pods = {f"{at:036}": Told(f"{at:016x}", some(10**4)) for at in range(3000)}
    seen = after_look(Gathered(), pods, pods)
    seen = after_look(seen, {}, list(pods)[1000:])
    assert seen.ended == 1000
    assert len(seen.by_instance) == 2000 + MOST_ENDED
    written = gathered_to_json(seen)
    assert len(canonical_json(written)) < 64 * 1024
    read = gathered_from_json(written)
    # The running ones say it all again.
    assert after_look(read, {pod: pods[pod] for pod in list(pods)[1000:]}, list(pods)[1000:]).arms == seen.arms


def status(**changes: Any) -> dict[str, Any]:
    trial = {"id": "t", "arms": arms_to_json(some(3))} | changes
    return {"counters": {"instance": "1", "revisions": {}, "trial": trial}}


def test_what_another_trial_counted_is_no_part_of_this_one() -> None:
    assert told_from_status(status(), "t") == Told("1", some(3))
    assert told_from_status(status(id="another"), "t") is None


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"counters": None},
        {"counters": {"instance": "", "trial": {"id": "t", "arms": {}}}},
        {"counters": {"instance": "1", "trial": None}},
        status(arms=None),
        status(arms={"stable": []}),
        status(arms={"stable": {"turns": -1}}),
        status(arms={"stable": {"turns": float("nan")}}),
        status(arms={"stable": {"turns": True}}),
        status(arms={"stable": {"errors": [1, 2]}}),
        status(arms={"canary": {"errors": [1, float("inf"), 2]}}),
    ],
)
def test_what_makes_no_sense_is_no_count(said: Any) -> None:
    assert told_from_status(said, "t") is None


@pytest.mark.parametrize("data", [None, [], {}, {"byPod": [], "byInstance": {}, "folded": [], "ended": 0}])
def test_what_somebody_else_has_written_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"operator|unpack"):
        gathered_from_json(data)

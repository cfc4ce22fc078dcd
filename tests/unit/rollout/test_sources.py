"""Whose counts a canary is judged by."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_answers import COUNTS
from test_counters import some

from tierrouter_core.rollout.arms import Arms, arm_of
from tierrouter_core.rollout.counters import Gathered, Told, after_look, gathered_to_json
from tierrouter_core.rollout.sources import MAY_LAG_S, Evidence, after_answer, evidence_from_json, evidence_to_json

ANSWER = st.one_of(COUNTS, st.just("can't be reached"))


def turns(count: int) -> Arms:
    """So many on each side, each a session."""
    arm = arm_of([{}] * count, [1] * count)
    return Arms(arm, arm)


def told(arms: Arms) -> Gathered:
    return after_look(Gathered(), {"a": Told("1", arms)}, ["a"])


def test_prometheus_is_the_source_where_it_can_be_used() -> None:
    seen = after_answer(Evidence(told(some(4))), some(5), 0.0)
    assert seen.is_by_prometheus
    assert seen.arms == some(5)


def test_without_an_answer_the_sidecars_are() -> None:
    seen = after_answer(after_answer(Evidence(told(some(4))), some(5), 0.0), "can't be reached", 10.0)
    assert not seen.is_by_prometheus
    assert seen.arms == some(4)
    assert seen.problem == "can't be reached"
    assert after_answer(seen, some(6), 20.0).arms == some(6)


def test_one_that_says_less_than_before_is_not_believed() -> None:
    seen = after_answer(Evidence(told(some(4))), turns(50), 0.0)
    seen = after_answer(seen, turns(49), 10.0)
    assert seen.problem == "says less than it said before"
    assert seen.arms == some(4)
    assert after_answer(seen, turns(50), 20.0).arms == turns(50)


def test_a_scrape_may_be_late() -> None:
    seen = after_answer(Evidence(told(turns(100))), turns(10), 0.0)
    seen = after_answer(replace(seen, told=told(turns(400))), turns(20), MAY_LAG_S - 1)
    assert seen.arms == turns(20)


@pytest.mark.parametrize(("knows", "is_used"), [(100, True), (96, True), (90, False), (10, False)])
def test_but_not_much_later_than_the_sidecars_say(knows: int, is_used: bool) -> None:
    seen = after_answer(Evidence(told(turns(100))), turns(knows), 0.0)
    seen = after_answer(replace(seen, told=told(turns(500))), turns(knows), MAY_LAG_S + 1)
    assert seen.is_by_prometheus is is_used
    assert ("fewer turns than the sidecars" in seen.problem) is not is_used


def test_what_ended_pods_had_counted_is_known_to_prometheus_alone() -> None:
    """It is used though the operator can reach no pod: then nothing says that it lags."""
    seen = after_answer(Evidence(), turns(300), MAY_LAG_S * 5)
    assert seen.arms == turns(300)


@settings(max_examples=50)
@given(st.lists(st.tuples(COUNTS, ANSWER, st.floats(0, 200)), max_size=6))
def test_counts_are_always_those_of_one_of_both_and_never_a_mixture(steps: list[tuple[Arms, Any, float]]) -> None:
    seen, now_s = Evidence(), 0.0
    for said, answer, later_s in steps:
        now_s += later_s
        seen = replace(seen, told=after_look(seen.told, {"a": Told("1", said)}, ["a"]))
        seen = after_answer(seen, answer, now_s)
        assert seen.arms == (answer if seen.is_by_prometheus else seen.told.arms)
        assert bool(seen.problem) is not seen.is_by_prometheus
        assert len([at for at, _ in seen.earlier if at <= now_s - MAY_LAG_S]) <= 1


@given(COUNTS, ANSWER)
def test_what_is_written_down_is_read(said: Arms, answer: Any) -> None:
    seen = after_answer(Evidence(told(said)), answer, 3.0)
    read = evidence_from_json(orjson.loads(orjson.dumps(evidence_to_json(seen))))
    assert (read.told, read.prometheus) == (seen.told, seen.prometheus)
    # Who goes on from it does not believe one that has forgotten it all.
    had = [seen.told.arms.turns, 0 if seen.prometheus is None else seen.prometheus.turns]
    assert after_answer(read, Arms(), 0.0).is_by_prometheus is (not any(had))


def test_what_an_earlier_operator_wrote_is_read() -> None:
    read = evidence_from_json(gathered_to_json(told(some(4))))
    assert read.arms == some(4)
    assert read.prometheus is None


@pytest.mark.parametrize("wrong", [1, [], [1, 2], [[], []], "x", {"stable": 1}, [[-1] * 22, [0] * 22]])
def test_what_somebody_else_wrote_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whatever it says)
        evidence_from_json({**gathered_to_json(told(some(4))), "prometheus": wrong})

"""Runs that can't decide anything end in a stated outcome, and change nothing."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import DEEP, ROUTINE, cell, night, tasks

from tierrouter_core.errors import StateError
from tierrouter_core.regression.decide import decide
from tierrouter_core.regression.results import CellResults
from tierrouter_core.regression.state import SuiteState, TierState
from tierrouter_core.regression.state_json import read_state, state_text
from tierrouter_core.resources.regression import MAX_STATE_BYTES, RegressionPolicy, RunAction

POLICY = RegressionPolicy()
NO_RESULTS = CellResults(cell="routine-own", tier="routine", model="kimi")


def first(*cells: CellResults, **more: Any) -> str:
    found = decide(POLICY, None, night(1, *cells, **more))
    assert found.action is RunAction.NOTHING
    assert found.overlay is None
    return found.reason


@pytest.mark.parametrize(
    ("results", "errors", "reason"),
    [
        (NO_RESULTS, {"routine-own": "the pod ran out of memory."}, "it has no results: the pod ran out of memory."),
        (NO_RESULTS, {}, "its results hold no task."),
        (cell(ROUTINE, tasks(0, 0, errors=40)), {}, "none of its 40 tasks could be tried, the first because: no pod."),
        (cell(ROUTINE, tasks(0, 29)), {}, "only 29 of its tasks count, and fewer than 30 decide nothing."),
        (cell(DEEP, tasks(0, 90)), {}, "the router has no tier deep any more."),
        (cell(replace(ROUTINE, model="old"), tasks(0, 90)), {}, "tier routine has the model kimi by now."),
        (cell(ROUTINE, tasks(0, 90), model="kimi"), {}, "kimi serves tier routine already."),
    ],
)
def test_results_that_do_not_count_say_why(results: CellResults, errors: dict[str, str], reason: str) -> None:
    assert first(results, errors=errors) == f"nothing of the run counts: {results.cell}: {reason}"


def test_a_run_for_a_revision_that_is_no_longer_in_force_says_so() -> None:
    stale = cell(replace(ROUTINE, model="old"), tasks(0, 90))
    reason = first(stale, revision="coding-old", revision_in_force="coding-new")
    assert reason.startswith("revision coding-old is no longer in force, coding-new is, and nothing of the run counts")


def test_a_run_for_an_older_revision_counts_where_the_tier_has_the_same_model_still() -> None:
    state = None
    actions = []
    for number in range(3):
        run = night(number, cell(ROUTINE, tasks(178, 200)), revision="coding-old", revision_in_force="coding-new")
        found = decide(POLICY, state, run)
        state = found.state
        actions.append(found.action)
    assert RunAction.REGRESS in actions


def test_a_candidate_without_an_incumbent_to_compare_with_decides_nothing() -> None:
    found = decide(POLICY, None, night(1, cell(ROUTINE, tasks(200, 200), model="glm")))
    assert found.action is RunAction.NOTHING
    assert "has no results that count to compare it with" in found.reason


def test_a_candidate_that_tried_other_tasks_decides_nothing() -> None:
    strange = tuple(replace(task, task=f"other-{task.task}") for task in tasks(200, 200))
    found = decide(POLICY, None, night(1, cell(ROUTINE, tasks(200, 200)), cell(ROUTINE, strange, model="glm")))
    assert found.action is RunAction.NOTHING
    assert "only 0 tasks were tried by both" in found.reason


def test_tasks_that_could_not_be_tried_count_neither_way() -> None:
    found = decide(POLICY, None, night(1, cell(ROUTINE, tasks(60, 60, errors=60))))
    assert "solved 60 of 60 tasks" in found.cells[0].sentence
    assert "60 could not be tried" in found.cells[0].sentence


def test_of_two_runs_the_older_one_that_comes_later_changes_nothing() -> None:
    newer = decide(POLICY, None, night(5, cell(ROUTINE, tasks(178, 200))))
    older = decide(POLICY, newer.state, night(4, cell(ROUTINE, tasks(0, 200))))
    assert older.action is RunAction.NOTHING
    assert older.reason == "run coding-4 is older than run coding-5, which was decided before it: it comes too late."
    assert read_state(older.state).tiers == read_state(newer.state).tiers


def test_a_clock_that_was_far_ahead_once_does_not_stop_the_suite_for_good() -> None:
    ahead = decide(POLICY, None, night(1, cell(ROUTINE, tasks(178, 200)), time="2040-01-01T00:00:00Z"))
    after = decide(POLICY, ahead.state, night(2, cell(ROUTINE, tasks(178, 200))))
    assert after.action is RunAction.REGRESS


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_run_whose_time_nobody_knows_counts(time: str) -> None:
    newer = decide(POLICY, None, night(5, cell(ROUTINE, tasks(178, 200))))
    assert decide(POLICY, newer.state, night(4, cell(ROUTINE, tasks(178, 200)), time=time)).action is RunAction.REGRESS


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "an object was expected, found '[]'"),
        ("{}", "version is None, 1 can be read"),
        ('{"version": 2}', "version is 2, 1 can be read"),
        ('{"version": 1}', "'runs' is missing"),
    ],
)
def test_a_state_that_makes_no_sense_is_said_and_begun_anew(state: str, why: str) -> None:
    found = decide(POLICY, state, night(1, cell(ROUTINE, tasks(195, 200))))
    assert "Earlier runs are forgotten: the suite's state " in found.reason
    assert why in found.reason
    assert read_state(found.state).runs == 1


def test_a_newer_versions_fields_are_passed_over() -> None:
    state = decide(POLICY, None, night(1, cell(ROUTINE, tasks(178, 200)))).state
    more = state.replace('"runs":1', '"runs":1,"moods":["blue"]', 1)
    assert read_state(more) == read_state(state)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_state_with_anything_changed_in_it_is_read_or_refused_but_never_a_defect(data: st.DataObject) -> None:
    state = decide(POLICY, None, night(1, cell(ROUTINE, tasks(178, 200)))).state
    at = data.draw(st.integers(0, len(state) - 1))
    changed = state[:at] + data.draw(st.sampled_from(['"', "-", "9", "{", "]", "e", ",", ""])) + state[at + 1 :]
    with suppress(StateError):
        read_state(changed)
    assert decide(POLICY, changed, night(2, cell(ROUTINE, tasks(178, 200)))).reason


def test_what_is_handed_on_is_read_back_the_same() -> None:
    state = None
    for number in range(12):
        results = cell(ROUTINE, tasks(170 + number * 2, 200, failing_from=number * 31))
        candidate = cell(ROUTINE, tasks(199, 200), model="glm")
        state = decide(POLICY, state, night(number, results, candidate)).state
        assert state_text(read_state(state)) == state


def test_a_suite_of_very_many_tasks_hands_on_no_more_than_a_status_holds() -> None:
    state = None
    for number in range(9):
        cells = [cell(tier, tasks(3_000 + number, 6_000, failing_from=number * 37)) for tier in (ROUTINE, DEEP)]
        state = decide(POLICY, state, night(number, *cells, tiers=(ROUTINE, DEEP))).state
        assert len(state) <= MAX_STATE_BYTES


def test_a_state_that_can_not_be_made_short_is_an_error() -> None:
    tiers = {f"{number}": TierState("x" * 200) for number in range(900)}
    with pytest.raises(StateError, match="test fewer tiers"):
        state_text(SuiteState(tiers=tiers))


def test_a_task_that_stands_twice_counts_once_as_it_was_the_last_time() -> None:
    twice = (*tasks(0, 60), *tasks(60, 60))
    found = decide(POLICY, None, night(1, cell(ROUTINE, twice)))
    assert "solved 60 of 60 tasks" in found.cells[0].sentence

"""What follows from nights: the article's rules, told apart from chance."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import DEEP, DEPTH, FILE_COUNT, ROUTINE, cell, night, tasks

from tierrouter_core.regression.decide import decide
from tierrouter_core.regression.facts import Decision, RunFacts
from tierrouter_core.regression.results import CellResults, TaskOutcome
from tierrouter_core.resources.inputs import NOTHING_MOVED
from tierrouter_core.resources.regression import MAX_STATE_BYTES, RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues

POLICY = RegressionPolicy()
NOTHING, REGRESS, RECOVER = RunAction.NOTHING, RunAction.REGRESS, RunAction.RECOVER
PROMOTE, REJECT = RunAction.PROMOTE, RunAction.REJECT


class Suite:
    """Night after night; what is decided is in force the next night, unless a rollout is given up."""

    def __init__(self, policy: RegressionPolicy = POLICY, tiers: tuple = (ROUTINE,)) -> None:
        self.policy, self.tiers = policy, tiers
        self.state: str | None = None
        self.overlay = NOTHING_MOVED
        self.number = 0

    def run(self, *cells: CellResults, is_given_up: bool = False, **more: object) -> Decision:
        run = night(self.number, *cells, tiers=self.tiers, overlay=self.overlay, **more)
        found = decide(self.policy, self.state, run)
        self.number += 1
        self.state = found.state
        if found.overlay is not None and not is_given_up:
            self.overlay = found.overlay
        return found

    def routine(self, resolved: int, total: int = 200, **more: object) -> Decision:
        """A night of the routine tier alone; other tasks fail each night, so that none is flaky."""
        return self.run(cell(ROUTINE, tasks(resolved, total, failing_from=self.number * 23)), **more)

    def nights(self, *resolved: int) -> list[RunAction]:
        return [self.routine(count).action for count in resolved]


def overlay(**thresholds: int) -> TunedValues:
    return TunedValues(thresholds=thresholds, tiers={})


def test_a_bad_night_is_no_slip_and_two_are() -> None:
    suite = Suite()
    assert suite.nights(191, 189, 181, 178) == [NOTHING, NOTHING, NOTHING, REGRESS]
    assert suite.overlay == overlay(file_count=7, planning_depth=5)


def test_the_reason_is_one_sentence_with_its_numbers() -> None:
    suite = Suite()
    suite.nights(191, 181)
    found = suite.routine(178)
    assert found.reason == (
        "tier routine solved 359 of 400 tasks (89.8 %, 95 % interval 86.4 to 92.4) in 2 runs, significantly under 95 % "
        "(evidence 3,135 to 1, 600 to 1 needed): file_count 8 -> 7, planning_depth 6 -> 5."
    )
    assert (found.low_percent, found.high_percent) == ("86.4", "92.4")
    assert found.steps == ("routine, run coding-2: file_count 8 -> 7, planning_depth 6 -> 5",)


def test_a_tier_that_stays_as_bad_causes_no_second_step_however_long_that_lasts() -> None:
    suite = Suite()
    actions = suite.nights(*[180, 179] * 30)
    assert actions.count(REGRESS) == 1
    assert set(actions) == {NOTHING, REGRESS}


def test_a_tier_that_gets_worse_than_the_run_that_caused_its_step_causes_another() -> None:
    suite = Suite()
    actions = suite.nights(180, 178, 179, 180, 140, 140, 140)
    assert actions.count(REGRESS) == 2
    assert suite.overlay.thresholds["file_count"] == 6


def test_a_tier_that_is_well_again_has_its_steps_undone_one_a_run_until_nothing_is_left() -> None:
    suite = Suite()
    suite.nights(180, 178, 140, 140, 140)
    found = [suite.routine(199) for _ in range(6)]
    assert [one.action for one in found].count(RECOVER) == 2
    assert suite.overlay == NOTHING_MOVED
    assert found[-1].steps == ()


def test_a_tier_that_is_well_again_may_slip_again() -> None:
    suite = Suite()
    suite.nights(180, 178, 199, 199, 199)
    assert suite.overlay == NOTHING_MOVED
    assert REGRESS in suite.nights(178, 178, 178)


def test_thresholds_at_their_bounds_stay_and_the_reason_names_them() -> None:
    at_the_bound = (replace(FILE_COUNT, value=1), replace(DEPTH, value=5))
    suite = Suite()
    suite.routine(178, thresholds=at_the_bound)
    found = suite.routine(178, thresholds=at_the_bound)
    assert found.action is REGRESS
    assert found.overlay is None
    assert found.reason.endswith(
        "no threshold moves, for file_count is at its least, 1, planning_depth is at its least, 5."
    )
    assert suite.routine(178, thresholds=at_the_bound).action is NOTHING


def test_a_router_without_thresholds_is_told_of_a_slip_too() -> None:
    suite = Suite()
    suite.routine(170, thresholds=())
    found = suite.routine(170, thresholds=())
    assert "no threshold moves, for none has a step for this" in found.reason or found.action is NOTHING


def test_a_step_whose_rollout_was_given_up_is_not_tried_again_for_the_same_slip_and_shown_as_not_in_force() -> None:
    suite = Suite()
    suite.routine(178)
    assert suite.routine(178, is_given_up=True).action is REGRESS
    found = [suite.routine(179) for _ in range(20)]
    assert {one.action for one in found} == {NOTHING}
    assert found[0].steps[0].endswith("(not in force)")
    well = [suite.routine(199) for _ in range(3)]
    recovered = next(one for one in well if one.action is RECOVER)
    assert recovered.overlay is None
    assert "nothing of it is in force" in recovered.reason


def test_a_threshold_that_the_user_set_anew_is_left_alone_by_a_recovery() -> None:
    suite = Suite()
    suite.nights(178, 178)
    suite.overlay = overlay(planning_depth=5)
    mine = (replace(FILE_COUNT, value=20), DEPTH)
    found = [suite.routine(199, thresholds=mine) for _ in range(4)]
    assert suite.overlay == NOTHING_MOVED
    assert any("planning_depth 5 -> 6." in one.reason and "file_count" not in one.reason for one in found)


# Several tiers.


def both(suite: Suite, routine: int, deep: int) -> Decision:
    failing = suite.number * 23
    return suite.run(
        cell(ROUTINE, tasks(routine, 200, failing_from=failing)), cell(DEEP, tasks(deep, 200, failing_from=failing))
    )


def test_one_tier_under_its_floor_causes_a_step_though_all_together_are_well() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    found = [both(suite, 178, 200) for _ in range(3)]
    first = next(one for one in found if one.action is REGRESS)
    assert "under its floor of 92 % and significantly under 95 %" in first.reason
    assert [one.action for one in found].count(REGRESS) == 1


def test_a_tier_between_floor_and_limit_causes_nothing_while_all_together_are_well() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    assert {both(suite, 187, 200).action for _ in range(40)} == {NOTHING}


def test_all_tiers_together_under_the_limit_cause_one_step_by_the_worst() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    found = [both(suite, 185, 187) for _ in range(40)]
    steps = [one for one in found if one.action is REGRESS]
    assert len(steps) == 1
    assert "all tiers together solved" in steps[0].reason
    assert "the worst being tier routine" in steps[0].reason


def test_a_night_without_one_of_the_tiers_says_nothing_of_all_together() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    failed = CellResults(cell="deep-own", tier="deep", model="opus")
    for _ in range(20):
        found = suite.run(cell(ROUTINE, tasks(187, 200)), failed, errors={"deep-own": "the pod was evicted"})
        assert found.action is NOTHING
    assert "the pod was evicted" in found.cells[0].sentence


def test_a_run_of_one_tier_by_hand_leaves_the_evidence_of_the_suites_nights() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    names = ("routine", "deep")
    for _ in range(3):
        suite.run(cell(ROUTINE, tasks(187, 200)), cell(DEEP, tasks(186, 200)), suite_tiers=names)
    before = suite.state
    suite.run(cell(DEEP, tasks(199, 200)), suite_tiers=names)
    assert before is not None
    assert suite.state is not None
    (was,), (now,) = (re.findall(r'"night":(\{.*?\})', text) for text in (before, suite.state))
    assert was == now


def test_the_step_of_a_tier_that_is_no_longer_there_is_undone() -> None:
    suite = Suite(tiers=(ROUTINE, DEEP))
    for _ in range(3):
        both(suite, 178, 200)
    assert suite.overlay != NOTHING_MOVED
    suite.tiers = (DEEP,)
    found = suite.run(cell(DEEP, tasks(200, 200)))
    assert found.action is RECOVER
    assert "tier routine is no longer there" in found.reason
    assert suite.overlay == NOTHING_MOVED


def test_another_model_in_a_tier_begins_without_evidence() -> None:
    suite = Suite()
    suite.routine(180)
    suite.tiers = (replace(ROUTINE, model="glm"),)
    found = suite.run(cell(suite.tiers[0], tasks(180, 200)))
    assert found.action is NOTHING


# Candidates.


def against(suite: Suite, own: int, other: int, model: str = "glm", **more: object) -> Decision:
    return suite.run(
        cell(ROUTINE, tasks(own, 200, failing_from=suite.number * 23)),
        cell(ROUTINE, tasks(other, 200, failing_from=suite.number * 23 + 2, **more), model=model),  # type: ignore[arg-type]
    )


def test_a_step_under_that_of_another_suite_is_kept_and_undone_when_that_one_was() -> None:
    older, newer = Suite(), Suite()
    assert older.nights(181, 178)[-1] is REGRESS
    newer.overlay = older.overlay
    assert newer.nights(181, 178)[-1] is REGRESS
    older.overlay = newer.overlay
    first, *waits = [older.routine(199) for _ in range(5)][1:]
    assert first.action is RECOVER
    assert first.reason.endswith(
        "planning_depth 5 -> 6; file_count when the steps of another suite that lie on it are."
    )
    assert {found.action for found in waits} == {NOTHING}
    assert "is no longer needed, and is undone when the steps of another suite that lie on it are" in waits[-1].reason
    assert len(waits[-1].steps) == 1
    newer.overlay = older.overlay
    assert newer.nights(199, 199)[-1] is RECOVER
    older.overlay = newer.overlay
    assert older.nights(199) == [RECOVER]
    assert older.overlay == NOTHING_MOVED


def test_a_candidate_as_good_as_the_incumbent_is_promoted_when_that_is_proven() -> None:
    suite = Suite()
    actions = [against(suite, 194, 194).action for _ in range(4)]
    assert actions.count(PROMOTE) == 1
    assert suite.overlay == TunedValues(thresholds={"file_count": 9, "planning_depth": 7}, tiers={"routine": "glm"})


def test_a_candidate_under_the_promotion_limit_is_not_promoted_though_the_incumbent_is_no_better() -> None:
    suite = Suite()
    assert PROMOTE not in [against(suite, 188, 188).action for _ in range(20)]


def test_a_candidate_that_is_worse_by_more_than_the_margin_is_not_promoted_at_any_accuracy() -> None:
    suite = Suite()
    assert PROMOTE not in [against(suite, 200, 192).action for _ in range(30)]


def test_a_candidate_that_is_significantly_worse_is_rejected_with_the_test() -> None:
    suite = Suite()
    found = against(suite, 199, 180)
    assert found.action is REJECT
    assert found.overlay is None
    assert "significantly worse than kimi" in found.reason
    assert "exact McNemar p = " in found.reason


def test_a_candidate_without_an_incumbent_beside_it_is_rejected_where_it_is_too_bad_and_never_promoted() -> None:
    suite = Suite()
    alone = [suite.run(cell(ROUTINE, tasks(resolved, 200), model="glm")) for resolved in (200, 200, 10)]
    assert [found.action for found in alone] == [NOTHING, NOTHING, REJECT]
    assert "no results that count to compare it with" in alone[0].reason
    assert alone[2].reason.endswith("significantly under 95 %: tier routine keeps its model.")


def test_a_candidate_that_tried_other_tasks_than_the_incumbent_is_rejected_where_it_is_too_bad() -> None:
    own, other = tasks(198, 200), tuple(replace(each, task=f"x{each.task}") for each in tasks(10, 200))
    assert Suite().run(cell(ROUTINE, own), cell(ROUTINE, other, model="glm")).action is REJECT


def test_of_two_good_candidates_the_cheaper_one_is_promoted_and_only_that() -> None:
    suite = Suite()
    for _ in range(4):
        found = suite.run(
            cell(ROUTINE, tasks(197, 200, cost_usd=Decimal("0.05"))),
            cell(ROUTINE, tasks(198, 200, cost_usd=Decimal("0.04")), model="dear"),
            cell(ROUTINE, tasks(197, 200, cost_usd=Decimal("0.01")), model="cheap"),
        )
        if found.action is PROMOTE:
            break
    assert found.overlay is not None
    assert found.overlay.tiers == {"routine": "cheap"}
    assert "$0.0102 a solved task against $0.0508 (-80 %)" in found.reason


def test_a_promotion_whose_rollout_was_given_up_is_not_decided_again_the_next_night() -> None:
    suite = Suite()
    while against(suite, 197, 197).action is not PROMOTE:
        assert suite.number < 9
    suite.overlay = NOTHING_MOVED
    later = [against(suite, 197, 197) for _ in range(20)]
    assert {one.action for one in later} == {NOTHING}
    assert "its rollout is under way or was given up" in later[-1].reason


def test_a_slip_goes_before_a_promotion_and_one_run_makes_one_change() -> None:
    suite = Suite()
    found = against(suite, 165, 200)
    assert found.action is REGRESS
    assert found.overlay is not None
    assert found.overlay.tiers == {}
    assert against(suite, 165, 200).action is PROMOTE


def test_what_is_compared_is_said_of_the_candidate() -> None:
    suite = Suite()
    found = suite.run(
        cell(ROUTINE, tasks(100, 200, output_tokens=100, duration_s=4.0)),
        cell(ROUTINE, tasks(100, 200, output_tokens=50, duration_s=3.0), model="glm"),
    )
    (sentence,) = (one.sentence for one in found.cells if one.name == "routine-glm")
    assert "50 output tokens a task against 100 (-50 %)" in sentence
    assert "3.0 s a task (median) against 4.0 (-25 %)" in sentence


# Flaky tasks.


def test_flaky_tasks_are_set_aside_and_named() -> None:
    suite = Suite()
    for number in range(6):
        found = suite.run(cell(ROUTINE, tasks(199 + number % 2, 200)))
    sentence = found.cells[0].sentence
    assert "solved 200 of 200 tasks" in sentence
    assert "without 1 flaky, whose outcome flipped on earlier nights, 199 of 199" in sentence
    assert "set aside where models are compared: t0" in sentence


def test_flaky_tasks_do_not_blur_the_test_of_a_candidate_but_its_proof_counts_them() -> None:
    suite = Suite()
    for number in range(6):
        suite.run(cell(ROUTINE, tasks(195 + 5 * (number % 2), 200)))
    found = suite.run(cell(ROUTINE, tasks(200, 200)), cell(ROUTINE, tasks(195, 200), model="glm"))
    (sentence,) = (one.sentence for one in found.cells if one.name == "routine-glm")
    assert "of 195 steady tasks that kimi tried too only it solved 0, only the incumbent 0" in sentence
    assert found.action is NOTHING
    assert "it is not proven to be less than 3 percentage points worse than the incumbent" in sentence


# Properties.

COUNTS = st.lists(st.integers(0, 60), max_size=12)


def played(counts: Iterable[int], policy: RegressionPolicy = POLICY) -> tuple[Suite, list[Decision]]:
    suite = Suite(policy)
    return suite, [suite.routine(count, 60) for count in counts]


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_thresholds_stay_within_bounds_and_move_one_step_a_run_at_most(counts: list[int]) -> None:
    suite = Suite()
    for count in counts:
        before = {"file_count": 8, "planning_depth": 6, **suite.overlay.thresholds}
        found = suite.routine(count, 60)
        after = {"file_count": 8, "planning_depth": 6, **suite.overlay.thresholds}
        assert all(abs(after[name] - before[name]) <= 1 for name in before)
        assert 1 <= after["file_count"] <= 40
        assert 5 <= after["planning_depth"] <= 30
        assert len(found.state) <= MAX_STATE_BYTES
        assert (found.overlay is None) == (before == after)


@settings(max_examples=40, deadline=None)
@given(COUNTS.filter(bool))
def test_equal_nights_give_equal_decisions_and_the_same_run_is_not_decided_twice(counts: list[int]) -> None:
    suite, found = played(counts)
    assert played(counts)[1] == found
    again = decide(POLICY, suite.state, night(suite.number - 1, cell(ROUTINE, tasks(0, 60))))
    assert again.action is NOTHING
    assert "was decided before" in again.reason
    assert again.overlay is None
    assert again.state == suite.state


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 59), st.integers(0, 59))
def test_one_more_solved_task_never_makes_a_slip(counts: list[int], count: int, solved: int) -> None:
    suite, _ = played(counts)
    results = cell(ROUTINE, tasks(count, 60))
    better = [
        replace(task, outcome=TaskOutcome.RESOLVED) if number == solved else task
        for number, task in enumerate(results.tasks)
    ]
    one, other = (
        decide(POLICY, suite.state, night(suite.number, found, overlay=suite.overlay))
        for found in (results, replace(results, tasks=tuple(better)))
    )
    if one.action is not REGRESS:
        assert other.action is not REGRESS


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 120), st.integers(0, 10))
def test_a_naive_loop_would_wind_up_to_its_bound_and_this_one_does_not(resolved: int, wobble: int) -> None:
    """A suite forces its tier: whatever the thresholds become, it measures the same."""
    suite = Suite()
    for number in range(25):
        suite.routine(min(resolved + (number * 7) % (wobble + 1), 120), 120)
    assert 8 - suite.overlay.thresholds.get("file_count", 8) <= 1


@pytest.mark.parametrize("resolved", range(170, 201, 5))
def test_a_decision_is_never_without_a_reason_that_ends_in_a_full_stop(resolved: int) -> None:
    suite = Suite()
    for _ in range(4):
        found = suite.routine(resolved)
        assert found.reason.endswith(".")
        assert all(one.sentence.endswith(".") for one in found.cells)


def test_facts_may_come_with_nothing_but_names() -> None:
    found = decide(POLICY, None, RunFacts(run="a", revision="b", tiers=()))
    assert (found.action, found.reason) == (NOTHING, "nothing of the run counts: it has no cells.")

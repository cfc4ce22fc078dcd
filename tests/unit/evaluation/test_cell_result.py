"""A cell's entry in its run's status, and what it is made of."""

import os
from base64 import b64decode
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import unpacked
from tierrouter_core.resources.regression_run import MAX_ROWS_BYTES
from tierrouter_evaluation.collecting.api_server import AnswerError
from tierrouter_evaluation.collecting.cell_result import CellOfRun, error_of, result_of
from tierrouter_evaluation.collecting.pod_end import pod_end
from tierrouter_evaluation.collecting.usage import usage_from
from tierrouter_evaluation.errors import ResultFilesError

NOW = datetime(2026, 11, 29, 14, 5, 6, tzinfo=UTC)
CELL = CellOfRun(name="routine", tier="routine", model="small")


def task(name: str, outcome: str = "resolved", **more) -> TaskResult:
    return TaskResult(task=name, outcome=TaskOutcome(outcome), **more)


def tasks_in(entry) -> dict[str, TaskResult]:
    (cell,) = unpacked(b64decode(entry["rows"]))
    return {each.task: each for each in cell.tasks}


def test_errors_are_counted_beside_the_tasks_that_tell_something():
    entry = result_of(CELL, [task("a"), task("b", "unresolved"), task("c", "error", error="no node")], {}, NOW)
    assert (entry["tasks"], entry["resolved"], entry["errors"]) == (2, 1, 1)
    assert entry["completionTime"] == "2026-11-29T14:05:06Z"
    assert len(tasks_in(entry)) == 3


def test_what_nobody_knows_is_left_out():
    entry = result_of(CELL, [task("a")], {}, NOW)
    assert set(entry) == {"name", "tasks", "resolved", "completionTime", "rows"}


def test_one_unknown_cost_makes_the_sum_unknown():
    entry = result_of(CELL, [task("a", cost_usd=Decimal("0.1"), calls=2), task("b", calls=3)], {}, NOW)
    assert "costUSD" not in entry
    assert entry["calls"] == 5


def test_a_session_named_as_a_task_says_what_the_task_took():
    usage = usage_from({"a": {"calls": 4, "costUsd": 0.0125, "outputTokens": 300, "durationS": 2.5}})
    entry = result_of(CELL, [task("a"), task("b")], usage, NOW)
    assert (entry["costUSD"], entry["calls"], entry["outputTokens"]) == ("0.012500", 4, 300)
    found = tasks_in(entry)["a"]
    assert (found.cost_usd, found.calls, found.output_tokens, found.duration_s) == (Decimal("0.0125"), 4, 300, 2.5)
    assert tasks_in(entry)["b"].calls is None


def test_what_the_harness_says_of_a_task_stays_and_the_router_says_what_all_of_it_cost():
    usage = usage_from(
        {name: {"calls": 1, "costUsd": 0.5, "outputTokens": 1, "durationS": 1} for name in ("a", "warm-up")}
    )
    entry = result_of(CELL, [task("a", cost_usd=Decimal("0.2"))], usage, NOW)
    assert tasks_in(entry)["a"].cost_usd == Decimal("0.2")
    assert entry["costUSD"] == "1.000000"


def test_the_median_of_the_times_is_of_tasks_that_count():
    tasks = [task("a", duration_s=1.0), task("b", duration_s=3.0), task("c", "error", error="x", duration_s=99.0)]
    assert result_of(CELL, tasks, {}, NOW)["durationMs"] == 2000


@pytest.mark.parametrize(
    "answer", [None, [], {"a": 1}, {"a": {"calls": -1}}, {"": {"calls": 1}}, {"a": {"costUsd": "x"}}]
)
def test_an_answer_of_the_router_that_makes_no_sense_is_no_usage(answer):
    assert usage_from(answer) == {}


def test_rows_that_are_too_large_lose_their_details_before_any_task():
    tasks = [
        task(f"task-{number}", "error", error=os.urandom(100).hex(), duration_s=number / 7, calls=3)
        for number in range(4000)
    ]
    entry = result_of(CELL, tasks, {}, NOW)
    assert len(entry["rows"]) <= MAX_ROWS_BYTES
    found = tasks_in(entry)
    assert len(found) == 4000
    assert {(each.calls, each.duration_s) for each in found.values()} == {(3, None)}


@pytest.mark.parametrize("cells", [1, 2, 3, 4, 8, 12])
def test_all_cells_of_a_run_have_room_in_its_object_together(cells):
    tasks = [task(f"task-{number}", calls=3, duration_s=number / 7, output_tokens=number**2) for number in range(9000)]
    entry = result_of(CELL, tasks, {}, NOW, cells=cells)
    assert cells * len(entry["rows"]) <= 900 * 1024
    assert len(tasks_in(entry)) == 9000


def test_an_object_that_is_too_large_is_not_tried_again():
    assert not AnswerError("PATCH run: 500: etcdserver: request is too large", 500).may_pass
    assert AnswerError("PATCH run: 500: etcdserver: leader changed", 500).may_pass


def test_tasks_whose_ids_alone_do_not_fit_are_refused_with_their_size():
    with pytest.raises(ResultFilesError, match=r"9,000 tasks are too many .* \d+ KiB"):
        result_of(CELL, [task(os.urandom(40).hex()) for _ in range(9000)], {}, NOW)


@given(
    st.lists(
        st.tuples(st.sampled_from(TaskOutcome), st.integers(0, 10**6), st.decimals(0, 10**5, places=6)), max_size=50
    )
)
def test_the_sums_agree_with_the_rows(found):
    tasks = [
        task(f"t{number}", outcome, calls=calls, cost_usd=cost) for number, (outcome, calls, cost) in enumerate(found)
    ]
    entry = result_of(CELL, tasks, {}, NOW)
    assert entry["tasks"] + entry.get("errors", 0) == len(tasks)
    assert entry["resolved"] <= entry["tasks"]
    if tasks:
        assert len(tasks_in(entry)) == len(tasks)
        assert Decimal(entry["costUSD"]) == sum(cost for _, _, cost in found)


def test_an_error_is_printable_and_bounded():
    entry = error_of("routine", "no\nfile\x00" + "x" * 5000, NOW)
    assert entry["error"].startswith("no file xxx")
    assert len(entry["error"]) == 2048
    assert (entry["tasks"], entry["resolved"]) == (0, 0)


def pod(*containers, conditions=(), **metadata):
    statuses = [{"name": f"c{number}", "state": state} for number, state in enumerate(containers)]
    return {"metadata": metadata, "status": {"containerStatuses": statuses, "conditions": list(conditions)}}


RUNNING, DONE = {"running": {}}, {"terminated": {"exitCode": 0, "reason": "Completed"}}
DISRUPTED = {"type": "DisruptionTarget", "status": "True", "message": "preempted"}


@pytest.mark.parametrize(
    ("found", "is_over", "taken_away"),
    [
        (pod(RUNNING), False, ""),
        (pod(DONE), True, ""),
        (pod(DONE, RUNNING), False, ""),
        (pod({"terminated": {"exitCode": 1, "reason": "Error"}}), True, ""),
        (pod({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), True, "container c0 ran out of memory"),
        (pod({"terminated": {"exitCode": 137, "reason": "Error"}}), True, "container c0 was killed"),
        (pod(RUNNING, deletionTimestamp="2026"), True, "the pod was deleted while the harness ran"),
        (pod(DONE, conditions=[DISRUPTED]), True, "disrupted: preempted"),
        ({"metadata": {}}, False, ""),
    ],
)
def test_a_pod_says_whether_the_harness_ended_by_itself(found, is_over, taken_away):
    assert (pod_end(found).is_over, pod_end(found).taken_away) == (is_over, taken_away)

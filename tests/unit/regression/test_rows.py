"""Rows of results: what a run keeps of its tasks is what it was given."""

import gzip
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import Allowance, packed, row_of, task_of, unpacked

_names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=30).filter(
    lambda text: text == text.strip()
)
_tasks = st.builds(
    TaskResult,
    task=_names,
    outcome=st.sampled_from([TaskOutcome.RESOLVED, TaskOutcome.UNRESOLVED]),
    cost_usd=st.none() | st.decimals(min_value=0, max_value=1000, places=6),
    calls=st.none() | st.integers(0, 10_000),
    output_tokens=st.none() | st.integers(0, 10**9),
    duration_s=st.none() | st.floats(0, 1e6),
)
_failed = st.builds(TaskResult, task=_names, outcome=st.just(TaskOutcome.ERROR), error=_names)


@given(st.lists(_tasks | _failed, min_size=1, max_size=20), st.booleans())
def test_what_was_packed_comes_out_again(tasks: list[TaskResult], is_candidate: bool) -> None:
    cell = CellResults(cell="routine", tier="routine", model="a", is_candidate=is_candidate, tasks=tuple(tasks))
    assert unpacked(packed([cell])) == (cell,)


def test_equal_results_give_equal_bytes() -> None:
    cell = CellResults(
        cell="c",
        tier="t",
        model="m",
        tasks=(TaskResult(task="a", outcome=TaskOutcome.RESOLVED, cost_usd=Decimal("0.1")),),
    )
    assert packed([cell]) == packed([cell])


def test_a_task_that_could_not_be_tried_counts_neither_way() -> None:
    tasks = (
        TaskResult(task="a", outcome=TaskOutcome.RESOLVED),
        TaskResult(task="b", outcome=TaskOutcome.UNRESOLVED),
        TaskResult(task="c", outcome=TaskOutcome.ERROR, error="the network was down"),
    )
    cell = CellResults(cell="c", tier="t", model="m", tasks=tasks)
    assert (cell.resolved, len(cell.counted)) == (1, 2)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"resolved": True}, "task_id: expected a text"),
        ({"task_id": "a"}, "resolved is missing"),
        ({"task_id": "a", "resolved": "yes"}, "resolved: expected true, false or null, found 'yes'"),
        ({"task_id": "a", "resolved": True, "cost_usd": "-1"}, "cost_usd: expected dollars"),
        ({"task_id": "a", "resolved": True, "cost_usd": "NaN"}, "cost_usd: expected dollars"),
        ({"task_id": "a", "resolved": True, "cost_usd": "1e99999999"}, "cost_usd: expected dollars from 0 to"),
        ({"task_id": "a", "resolved": True, "duration_s": 1e300}, "duration_s: expected seconds from 0 to"),
        ({"task_id": "a" * 3000, "resolved": True}, "task_id: longer than 2,048 characters: aaa"),
        ({"task_id": "\x1b \n", "resolved": True}, "task_id: expected a text"),
        ({"task_id": "a", "resolved": True, "calls": 1.5}, "calls: expected a whole number"),
        ({"task_id": "a", "resolved": True, "duration_s": -1}, "duration_s: expected seconds"),
    ],
)
def test_a_row_that_makes_no_sense_says_where_and_why(row: dict[str, object], said: str) -> None:
    with pytest.raises(ResultsError, match=r"results\.jsonl:3: .*") as caught:
        task_of(row, "results.jsonl:3")
    assert said in str(caught.value)


@pytest.mark.parametrize("cost", ["1e-99999999", "0e-99999999", "0e99999999", "5e-25"])
def test_money_finer_than_any_is_nothing_and_no_text_of_a_billion_digits(cost: str) -> None:
    task = task_of({"task_id": "a", "resolved": True, "cost_usd": cost}, "")
    assert task.cost_usd == 0
    assert len(row_of(task)["cost_usd"]) < 25


def test_what_a_harness_says_does_nothing_to_a_terminal() -> None:
    row = {"task_id": "\x1b[31mred\x07", "resolved": None, "error": "\x1b]0;title\x07 a\tb\r\nc\x9bd é 日本"}
    task = task_of(row, "")
    assert (task.task, task.error) == ("[31mred", " ]0;title  a b  c d é 日本")


def test_half_of_a_character_is_no_text_and_keeps_no_result_from_being_written() -> None:
    task = task_of({"task_id": "a\ud83d", "resolved": None, "error": "cut off \ud83d"}, "")
    cell = CellResults(cell="c", tier="t", model="m", tasks=(task,))
    assert unpacked(packed([cell])) == (cell,)


def test_a_few_kilobytes_that_hold_what_no_memory_has_room_for_are_an_error() -> None:
    row = orjson.dumps({"cell": "c", "task_id": "a", "resolved": True}, option=orjson.OPT_APPEND_NEWLINE)
    for text, said in (
        (row * 800_000, "too long"),
        (row * 200_001, "too many"),
        (row.replace(b"true", b'true,"x":[' + b"[]," * 10_000 + b"[]]"), "a row of a run is longer than 16 KiB"),
    ):
        data = gzip.compress(text, 9)
        assert len(data) < 128 * 1024
        with pytest.raises(ResultsError, match=said):
            unpacked(data)


def test_cells_of_a_run_have_one_allowance_together_and_one_that_is_too_large_takes_nothing_of_it() -> None:
    cell = CellResults(cell="c", tier="t", model="m", tasks=(TaskResult(task="a", outcome=TaskOutcome.RESOLVED),) * 3)
    allowance = Allowance(rows=5)
    with pytest.raises(ResultsError, match="too long"):
        unpacked(gzip.compress(b" " * 20_000_000), allowance)
    with pytest.raises(ResultsError, match="too many"):
        unpacked(gzip.compress(b"\n" * 6), allowance)
    assert unpacked(packed([cell]), allowance) == (cell,)
    with pytest.raises(ResultsError, match="too many"):
        unpacked(packed([cell]), allowance)


def test_rows_that_are_cut_off_are_an_error() -> None:
    cell = CellResults(cell="c", tier="t", model="m", tasks=(TaskResult(task="a", outcome=TaskOutcome.RESOLVED),))
    whole = packed([cell])
    for length in range(len(whole)):
        with pytest.raises(ResultsError):
            unpacked(whole[:length])


def test_a_row_without_a_cell_is_an_error() -> None:
    with pytest.raises(ResultsError, match="row 1 of a run names no cell"):
        unpacked(gzip.compress(orjson.dumps({"task_id": "a", "resolved": True})))

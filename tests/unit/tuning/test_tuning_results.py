"""A table of results is taken whole, or refused with the line and what to do."""

import numpy as np
import pytest

from tierrouter_core.errors import ResultsError
from tierrouter_core.tuning.results import MAX_MODELS, MIN_TASKS, check_baseline, check_floor, read_results

HEADER = "task_id,model,resolved,cost_usd,calls"


def rows(tasks: int = MIN_TASKS, models: tuple[str, ...] = ("small", "large")) -> list[str]:
    return [f"t{task},{model},1,0.5,7" for task in range(tasks) for model in models]


def text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def refusal(table: str) -> str:
    with pytest.raises(ResultsError) as caught:
        read_results(table, "bench.csv")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_table_becomes_arrays_with_a_row_a_task_and_a_column_a_model():
    lines = rows()
    lines[1] = "t0,large,0,1.25,9"
    results = read_results(text(HEADER, *lines))
    assert results.models == ("small", "large")
    assert results.tasks == tuple(f"t{task}" for task in range(MIN_TASKS))
    assert results.resolved.shape == results.cost_usd.shape == results.calls.shape == (MIN_TASKS, 2)
    assert (results.resolved[0, 1], results.cost_usd[0, 1], results.calls[0, 1]) == (0, 1.25, 9)


def test_columns_may_stand_in_any_order_beside_others_and_rows_too():
    lines = [f"x,7,{model},{flag},0.5,t{task}" for model, flag in (("a", "TRUE"), ("b", "false")) for task in range(20)]
    results = read_results(text("note,calls,model,resolved,cost_usd,task_id", *lines[::-1], ""))
    assert results.resolved[:, results.column("a")].all()
    assert not results.resolved[:, results.column("b")].any()


def test_a_name_may_hold_commas_and_quotes():
    lines = [line.replace("small", '"a ""small"", cheap one"') for line in rows()]
    assert read_results(text(HEADER, *lines)).models == ('a "small", cheap one', "large")


def test_some_of_the_tasks_are_a_table_too():
    results = read_results(text(HEADER, *rows()))
    assert results.only(np.array([3, 1])).tasks == ("t3", "t1")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("t0,small,maybe,0.5,7", 'column resolved: found "maybe"; write 1 (or true)'),
        ("t0,small,0.5,0.5,7", 'column resolved: found "0.5"'),
        ("t0,small,-1,0.5,7", 'column resolved: found "-1"'),
        ("t0,small,,0.5,7", 'column resolved: found ""'),
        ("t0,small,1,free,7", 'column cost_usd: found "free"; expected dollars, 0 or more, as a plain number'),
        ("t0,small,1,nan,7", 'column cost_usd: found "nan"'),
        ("t0,small,1,1_000,7", 'column cost_usd: found "1_000"'),
        ("t0,small,1,inf,7", 'column cost_usd: found "inf"'),
        ("t0,small,1,-0.5,7", "column cost_usd: found -0.5, which is negative; expected dollars, 0 or more"),
        ("t0,small,1,0.5,many", 'column calls: found "many"; expected a count, 0 or more, as a plain number'),
        ("t0,small,1,0.5,-7", "column calls: found -7, which is negative; expected a count, 0 or more"),
        (",small,1,0.5,7", "column task_id: is empty; every row names its task and its model"),
        ("t0, ,1,0.5,7", "column model: is empty"),
        ("t0,small,1,0.5", "has 4 values, but the header names 5 columns"),
        ('t0,small,1,0.5,"7', "is no CSV: unexpected end of data; write it anew"),
    ],
)
def test_a_bad_value_is_refused_with_its_line_and_column(line, says):
    message = refusal(text(HEADER, *rows()[2:], line))
    assert message.startswith("bench.csv: line ")
    assert says in message
    assert f"line {2 * MIN_TASKS}" in message


def test_a_cell_that_stands_twice_is_refused_with_both_lines():
    message = refusal(text(HEADER, *rows(), "t0,small,0,0.5,7"))
    assert message == (
        f'bench.csv: line {2 * MIN_TASKS + 2}: task "t0" with model "small" stands in line 2 already; '
        "keep one of the two"
    )


def test_missing_cells_are_counted_and_the_first_are_named():
    # Two tasks are gone with all their rows, of the third one row is.
    message = refusal(text(HEADER, *rows()[5:]))
    assert message == (
        f'bench.csv: 1 of {2 * MIN_TASKS - 4} rows are missing: "t2" with "small"; '
        "run them, or leave out the task or the model"
    )
    many = refusal(text(HEADER, *rows(), "t99,huge,1,1,1"))
    assert many.endswith(" and 19 more; run them, or leave out the task or the model")


def test_too_few_tasks_are_refused():
    message = refusal(text(HEADER, *rows(tasks=7)))
    assert message == (
        f"bench.csv: column task_id: has 7 tasks; at least {MIN_TASKS} are needed, and some hundreds to save much"
    )


def test_one_model_alone_and_too_many_are_refused():
    assert '"small" is the only model; add the results of others' in refusal(text(HEADER, *rows(models=("small",))))
    many = tuple(f"m{number}" for number in range(MAX_MODELS + 1))
    assert f"has {MAX_MODELS + 1} models; at most {MAX_MODELS}" in refusal(text(HEADER, *rows(models=many)))


@pytest.mark.parametrize("empty", ["", "\n\n"])
def test_an_empty_file_is_refused(empty):
    assert refusal(empty) == f"bench.csv: is empty; expected a line with {HEADER} and a row for each run"


def test_a_header_alone_is_refused():
    assert "has 0 tasks" in refusal(HEADER)


def test_a_header_without_a_column_or_with_one_twice_is_refused():
    expected = f"expected the columns {HEADER}"
    assert refusal("task_id,model,resolved,cost_usd\n") == f"bench.csv: line 1: no column calls; {expected}"
    assert refusal(f"{HEADER},calls\n") == f"bench.csv: line 1: more than one column calls; {expected}"


def test_a_baseline_that_no_row_has_is_refused_with_those_that_there_are():
    results = read_results(text(HEADER, *rows()))
    with pytest.raises(ResultsError, match='no row has the baseline "larg"; add its results, or name one of large, sm'):
        check_baseline(results, "larg", "bench.csv")


def test_a_baseline_that_solves_nothing_or_costs_nothing_is_refused():
    useless = read_results(text(HEADER, *(line.replace("large,1", "large,0") for line in rows())))
    with pytest.raises(ResultsError, match=r"column resolved: the baseline .* solved no task"):
        check_baseline(useless, "large")
    free = read_results(text(HEADER, *(line.replace("large,1,0.5", "large,1,0") for line in rows())))
    with pytest.raises(ResultsError, match=r"column cost_usd: the baseline .* cost nothing"):
        check_baseline(free, "large")


@pytest.mark.parametrize("floor", [0, -0.1, 1.01, 95, float("nan"), float("inf")])
def test_a_floor_outside_of_0_to_1_is_refused(floor):
    with pytest.raises(ResultsError, match=r"more than 0 and at most 1, such as 0.95"):
        check_floor(floor)


@pytest.mark.parametrize("floor", [1e-9, 0.95, 1])
def test_a_floor_from_more_than_0_to_1_is_taken(floor):
    check_floor(floor)

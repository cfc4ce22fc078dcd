"""Results of regression runs to the table that a policy is tuned from."""

import random
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import csv_of

from synthetic_benchmark import world
from tierrouter_core.errors import ResultsError
from tierrouter_core.tuning.results import Results, read_results
from tierrouter_core.tuning.runs import Attempt, assemble
from tierrouter_core.tuning.tune import tune

MODELS = ("small", "large")
TASKS = tuple(f"t{number:02}" for number in range(20))


def night(**changes: Attempt | None) -> list[Attempt]:
    """Every task once with each model; ``small_t03`` says otherwise of one cell."""
    found = []
    for model in MODELS:
        for number, task in enumerate(TASKS):
            usual = attempt(task, model, is_solved=model == "large" or number % 2 == 0)
            other = changes.get(f"{model}_{task}", usual)
            found += [other] if other is not None else []
    return found


def attempt(task: str, model: str, **changes: object) -> Attempt:
    known = {"is_solved": True, "cost_usd": Decimal("0.10"), "calls": 10}
    return Attempt(task=task, model=model, **{**known, **changes})  # type: ignore[arg-type]


def cell(results: Results, task: str, model: str) -> tuple[float, float, float]:
    row, column = results.tasks.index(task), results.column(model)
    return (
        float(results.resolved[row, column]),
        float(results.cost_usd[row, column]),
        float(results.calls[row, column]),
    )


def test_a_cell_is_the_mean_of_its_nights() -> None:
    second = attempt("t02", "small", is_solved=False, cost_usd=Decimal("0.30"), calls=40)
    results = assemble([*night(), *night(small_t02=second)], "runs").results
    assert cell(results, "t02", "small") == pytest.approx((0.5, 0.2, 25.0))
    assert cell(results, "t03", "small") == pytest.approx((0.0, 0.1, 10.0))
    assert len(results.tasks) == 20


def test_an_attempt_that_failed_for_the_harness_counts_neither_way() -> None:
    broken = attempt("t02", "small", is_solved=None, cost_usd=Decimal("9"), calls=900)
    results = assemble([*night(), *night(small_t02=broken)], "runs").results
    assert cell(results, "t02", "small") == pytest.approx((1.0, 0.1, 10.0))


def test_cost_and_calls_are_of_the_nights_that_know_them() -> None:
    silent = attempt("t02", "small", cost_usd=None, calls=None)
    results = assemble([*night(), *night(small_t02=silent)], "runs").results
    assert cell(results, "t02", "small") == pytest.approx((1.0, 0.1, 10.0))


def test_a_model_that_two_tiers_have_is_one_column() -> None:
    found = assemble([*night(), *night()], "runs")
    assert found.results.models == ("large", "small")
    assert found.attempts == {"large": 40, "small": 40}


@pytest.mark.parametrize(
    ("attempts", "said"),
    [
        (night(small_t02=None), r'runs: 1 of 40 rows are missing: "t02" with "small"; run them, leave out a model by'),
        (night(small_t02=attempt("t02", "small", is_solved=None)), r'1 of 40 rows are missing: "t02" with "small"'),
        (
            night(small_t02=attempt("t02", "small", cost_usd=None)),
            r'cost_usd: no run says it of "t02" with "small"; let',
        ),
        (night(large_t07=attempt("t07", "large", calls=None)), r'column calls: no run says it of "t07" with "large"'),
        ([], "there are no results"),
        ([each for each in night() if each.model == "small"], '"small" is the only model'),
        ([each for each in night() if each.task != "t00"], "has 19 tasks; at least 20 are needed"),
    ],
)
def test_what_no_policy_can_be_tuned_from_is_refused_in_one_line(attempts: list[Attempt], said: str) -> None:
    with pytest.raises(ResultsError, match=said) as refused:
        assemble(attempts, "runs")
    assert "\n" not in str(refused.value)


def test_a_model_that_was_run_on_a_part_can_be_left_out() -> None:
    part = [attempt(task, "new") for task in TASKS[:12]]
    with pytest.raises(ResultsError, match=r'8 of 60 rows are missing: "t12" with "new".* and 5 more; .*--leave-out'):
        assemble([*night(), *part], "runs")
    found = assemble([*night(), *part], "runs", leave_out=["new"])
    assert found.results.models == ("large", "small")
    with pytest.raises(ResultsError, match='no results of "nwe" that could be left out; did you mean "new"'):
        assemble([*night(), *part], "runs", leave_out=["nwe"])


def test_or_only_the_tasks_are_taken_that_all_have_been_run_on() -> None:
    more = [attempt(f"u{number}", "large") for number in range(3)]
    found = assemble([*night(), *more], "runs", common_tasks=True)
    assert found.results.tasks == TASKS
    assert found.left_out == ("u0", "u1", "u2")
    assert found.attempts == {"large": 20, "small": 20}


def test_one_night_is_the_same_as_its_csv() -> None:
    drawn = world(models=3, seed=1).draw(30, seed=2)
    attempts = [
        Attempt(
            task=task,
            model=model,
            is_solved=bool(drawn.resolved[row, column]),
            cost_usd=Decimal(repr(float(drawn.cost_usd[row, column]))),
            calls=int(drawn.calls[row, column]),
        )
        for row, task in enumerate(drawn.tasks)
        for column, model in enumerate(drawn.models)
    ]
    found, read = assemble(attempts, "runs").results, read_results(csv_of(drawn))
    for model in drawn.models:
        for task in drawn.tasks:
            assert cell(found, task, model) == pytest.approx(cell(read, task, model))


attempts_of_anything = st.lists(
    st.builds(
        Attempt,
        task=st.sampled_from(TASKS[:4]),
        model=st.sampled_from(MODELS),
        is_solved=st.sampled_from([True, False, None]),
        cost_usd=st.none() | st.decimals(0, 100, places=6),
        calls=st.none() | st.integers(0, 10_000),
    ),
    max_size=60,
)


@given(attempts_of_anything, st.randoms(use_true_random=False))
def test_the_order_of_runs_and_rows_means_nothing(more: list[Attempt], rng: random.Random) -> None:
    attempts = [*night(), *more]
    shuffled = list(attempts)
    rng.shuffle(shuffled)
    first, second = assemble(attempts, "runs"), assemble(shuffled, "runs")
    assert first.results.tasks == second.results.tasks
    for name in ("resolved", "cost_usd", "calls"):
        assert np.array_equal(getattr(first.results, name), getattr(second.results, name))
    assert first.attempts == second.attempts


@given(attempts_of_anything)
def test_every_cell_lies_within_what_its_attempts_were(more: list[Attempt]) -> None:
    attempts = [*night(), *more]
    results = assemble(attempts, "runs").results
    for task in results.tasks:
        for model in results.models:
            of_cell = [
                each for each in attempts if (each.task, each.model) == (task, model) and each.is_solved is not None
            ]
            solved, cost, calls = cell(results, task, model)
            assert solved == pytest.approx(sum(bool(each.is_solved) for each in of_cell) / len(of_cell))
            costs = [float(each.cost_usd) for each in of_cell if each.cost_usd is not None]
            counts = [each.calls for each in of_cell if each.calls is not None]
            assert min(costs) - 1e-9 <= cost <= max(costs) + 1e-9
            assert min(counts) - 1e-9 <= calls <= max(counts) + 1e-9


@given(st.integers(1, 4))
def test_the_same_night_again_changes_nothing_and_is_no_more_certain(nights: int) -> None:
    once, often = assemble(night(), "runs").results, assemble(night() * nights, "runs").results
    assert np.array_equal(once.resolved, often.resolved)
    figures = [tune(each, baseline="large", floor=0.9, rng=np.random.default_rng(0)).expected for each in (once, often)]
    assert figures[0] == figures[1]

"""The article's promotion and regression: what a suite changes, and that it changes it in a copy."""

import copy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierrouter_core.article import (
    NEXT_TIER_UP,
    ROUTER_STEPS,
    THRESHOLDS,
    TIER_ROUTER,
    Steps,
    check_promotion,
    promote_on_regression,
    tune_on_regression,
)

# A busy machine is not a failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NINETEEN_OF_TWENTY = [True] * 19 + [False]
NESTED = st.lists(st.integers(), max_size=3) | st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(), max_size=2)
)
ACCURACIES = st.floats(0, 1)
SUITES = st.lists(st.booleans() | st.fixed_dictionaries({"passed": st.booleans(), "log": NESTED}), max_size=30)


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    minimum = draw(st.integers(-50, 50))
    return Steps(
        on_regression=draw(st.integers(-5, 5)),
        on_promotion=draw(st.integers(-5, 5)),
        minimum=minimum,
        maximum=minimum + draw(st.integers(0, 50)),
    )


THRESHOLD_MAPS = st.dictionaries(
    st.sampled_from(["file_count", "planning_depth", "notes"]), st.integers(-100, 100) | NESTED, max_size=3
)


# check_promotion


def test_a_pass_rate_of_ninety_five_percent_promotes_and_steps_the_threshold() -> None:
    assert check_promotion("new", NINETEEN_OF_TWENTY, "old", THRESHOLDS) == ("new", {"file_count": 4})


def test_below_it_the_incumbent_stays_and_so_do_the_thresholds() -> None:
    assert check_promotion("new", [True] * 18 + [False] * 2, "old", THRESHOLDS) == ("old", {"file_count": 3})


@pytest.mark.parametrize("empty", [[], (), {}, iter(()), {"passed": 0, "total": 0}])
def test_an_empty_suite_never_promotes(empty: Any) -> None:
    assert check_promotion("new", empty, "old", THRESHOLDS, promote_at=0.0) == ("old", {"file_count": 3})


@pytest.mark.parametrize(
    "results",
    [
        NINETEEN_OF_TWENTY,
        [int(passed) for passed in NINETEEN_OF_TWENTY],
        (passed for passed in NINETEEN_OF_TWENTY),
        [{"passed": passed} for passed in NINETEEN_OF_TWENTY],
        [{"resolved": passed, "cost_usd": "0.1"} for passed in NINETEEN_OF_TWENTY],
        {f"task-{number}": passed for number, passed in enumerate(NINETEEN_OF_TWENTY)},
        {f"task-{number}": {"passed": passed} for number, passed in enumerate(NINETEEN_OF_TWENTY)},
        {"passed": 19, "total": 20},
        {"pass_rate": 0.95},
        {"accuracy": Decimal("0.95")},
        0.95,
        Fraction(19, 20),
    ],
)
def test_results_may_come_in_any_of_the_usual_shapes(results: Any) -> None:
    assert check_promotion("new", results, "old", THRESHOLDS)[0] == "new"


def test_a_task_may_have_the_name_of_a_summarys_field() -> None:
    assert check_promotion("new", {"total": True, "accuracy": False}, "old", THRESHOLDS, promote_at=0.5)[0] == "new"


@pytest.mark.parametrize(
    ("results", "error", "message"),
    [
        (None, TypeError, "suite_results: a NoneType was given"),
        ("passed", TypeError, "suite_results: a str was given"),
        (True, TypeError, "suite_results: a bool was given"),
        ([True, "yes"], ValueError, r"suite_results\[1\]: 'yes' does not say whether the task passed"),
        ([{"ok": True}], ValueError, r"suite_results\[0\]: None does not say"),
        ({"task-1": 0.7}, ValueError, r"suite_results\['task-1'\]: 0.7 does not say"),
        ({"passed": 21, "total": 20}, ValueError, "passed is 21 of total 20"),
        ({"total": 20}, ValueError, "passed is None of total 20"),
        ({"pass_rate": 95}, ValueError, r"suite_results\['pass_rate'\]: 95 is not from 0 to 1; write 95 % as 0.95"),
    ],
)
def test_results_that_say_nothing_are_refused_with_their_place(
    results: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_promotion("new", results, "old", THRESHOLDS)


# promote_on_regression


@pytest.mark.parametrize(
    ("tier", "above"),
    [
        ("local", "routine"),
        ("routine", "reasoning"),
        ("fallback", "reasoning"),
        ("reasoning", "deep"),
        ("deep", "deep"),
    ],
)
def test_a_tier_below_its_floor_hands_over_to_the_next_one_up(tier: str, above: str) -> None:
    assert promote_on_regression(tier, 0.91, THRESHOLDS) == (above, {"file_count": 4})


@pytest.mark.parametrize("accuracy", [0.92, Decimal("0.92"), Fraction(23, 25), 1])
def test_at_the_floor_nothing_changes(accuracy: Any) -> None:
    assert promote_on_regression("routine", accuracy, THRESHOLDS) == ("routine", {"file_count": 3})


def test_the_floor_can_be_moved() -> None:
    assert promote_on_regression("routine", 0.91, THRESHOLDS, tier_floor=0.9)[0] == "routine"


def test_every_tier_has_a_place_on_the_ladder() -> None:
    assert set(NEXT_TIER_UP) == set(TIER_ROUTER)


def test_a_tier_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no tier 'huge'; there are local, routine"):
        promote_on_regression("huge", 0.5, THRESHOLDS)


# tune_on_regression


@pytest.mark.parametrize(
    ("result", "file_count"), [(0.9499, 4), (0.95, 3), (1, 3), (0, 4), (NINETEEN_OF_TWENTY, 3), ([False], 4)]
)
def test_a_night_below_the_floor_steps_the_thresholds(result: Any, file_count: int) -> None:
    assert tune_on_regression(result, THRESHOLDS) == {"file_count": file_count}


def test_a_night_without_results_changes_nothing() -> None:
    assert tune_on_regression([], THRESHOLDS) == {"file_count": 3}


# All three


@pytest.mark.parametrize(
    "wrong", [float("nan"), float("inf"), float("-inf"), -0.01, 1.01, 95, Decimal("NaN"), Decimal("sNaN"), Decimal(-1)]
)
def test_an_accuracy_out_of_range_is_refused_with_the_way_to_write_it(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"accuracy: .* is not from 0 to 1; write 95 % as 0\.95"):
        promote_on_regression("routine", wrong, THRESHOLDS)
    with pytest.raises(ValueError, match=r"result: .* is not from 0 to 1"):
        tune_on_regression(wrong, THRESHOLDS)
    with pytest.raises(ValueError, match=r"promote_at: .* is not from 0 to 1"):
        check_promotion("new", [], "old", THRESHOLDS, promote_at=wrong)
    with pytest.raises(ValueError, match="tier_floor"):
        promote_on_regression("routine", 0.5, THRESHOLDS, tier_floor=wrong)
    with pytest.raises(ValueError, match="floor"):
        tune_on_regression(0.5, THRESHOLDS, floor=wrong)


@pytest.mark.parametrize("wrong", [None, "0.9", True, [0.9]])
def test_an_accuracy_that_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a number from 0 to 1 is needed"):
        promote_on_regression("routine", wrong, THRESHOLDS)


def test_thresholds_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(TypeError, match="thresholds: a list was given"):
        tune_on_regression(0.5, [3])  # type: ignore[arg-type]


def test_the_resources_steps_send_more_work_up_after_a_regression_and_less_after_a_promotion() -> None:
    assert tune_on_regression(0.5, THRESHOLDS, steps=ROUTER_STEPS) == {"file_count": 2}
    assert check_promotion("new", [True], "old", THRESHOLDS, steps=ROUTER_STEPS)[1] == {"file_count": 4}


def test_only_a_threshold_with_steps_moves_unless_one_step_is_given_for_all() -> None:
    thresholds = {"file_count": 3, "planning_depth": 6, "title": "mine", "strict": True}
    assert tune_on_regression(0.5, thresholds) == {**thresholds, "file_count": 4}
    assert tune_on_regression(0.5, thresholds, steps=Steps()) == {**thresholds, "file_count": 4, "planning_depth": 7}


def test_a_step_stops_at_its_bounds() -> None:
    assert tune_on_regression(0.5, {"file_count": 40}) == {"file_count": 40}
    assert tune_on_regression(0.5, {"file_count": 1}, steps=ROUTER_STEPS) == {"file_count": 1}


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="minimum 5 is above maximum 4"):
        Steps(minimum=5, maximum=4)


def test_the_default_thresholds_are_read_only() -> None:
    with pytest.raises(TypeError, match="read-only"):
        THRESHOLDS["file_count"] = 9  # type: ignore[index]
    assert THRESHOLDS == {"file_count": 3}


def test_the_returned_thresholds_share_nothing_that_can_change_with_the_given_ones() -> None:
    given_thresholds: dict[str, Any] = {"file_count": 3, "notes": [{"by": ["me"]}]}
    tuned = tune_on_regression(0.99, given_thresholds)
    tuned["notes"][0]["by"].append("you")
    tuned["file_count"] = 9
    assert given_thresholds == {"file_count": 3, "notes": [{"by": ["me"]}]}


@UNHURRIED
@given(THRESHOLD_MAPS, steps(), ACCURACIES, SUITES, st.sampled_from(sorted(TIER_ROUTER)))
def test_no_input_is_mutated_and_moved_thresholds_stay_in_bounds(
    thresholds: dict[str, Any], step: Steps, accuracy: float, suite: list[Any], tier: str
) -> None:
    inputs = (thresholds, suite, THRESHOLDS, TIER_ROUTER)
    before = copy.deepcopy(inputs)
    _, promoted = check_promotion("new", suite, "old", thresholds, steps=step)
    above, raised = promote_on_regression(tier, accuracy, thresholds, steps=step)
    tuned = tune_on_regression(suite, thresholds, steps={"file_count": step})
    assert inputs == before
    assert above in TIER_ROUTER
    for after in (promoted, raised, tuned):
        assert after is not thresholds
        assert after.keys() == thresholds.keys()
        for name, value in after.items():
            assert value == thresholds[name] or step.minimum <= value <= step.maximum


@UNHURRIED
@given(st.integers(1, 40), st.lists(st.tuples(st.booleans(), ACCURACIES), max_size=60), steps())
def test_thresholds_that_begin_in_bounds_never_leave_them(
    start: int, events: list[tuple[bool, float]], step: Steps
) -> None:
    thresholds = {"file_count": min(max(start, step.minimum), step.maximum)}
    for promotion, accuracy in events:
        if promotion:
            _, thresholds = check_promotion("new", accuracy, "old", thresholds, steps=step)
        else:
            thresholds = tune_on_regression(accuracy, thresholds, steps=step)
        assert step.minimum <= thresholds["file_count"] <= step.maximum


@UNHURRIED
@given(ACCURACIES, ACCURACIES)
def test_regressed_means_below_the_floor_and_nothing_else(accuracy: float, floor: float) -> None:
    tier, thresholds = promote_on_regression("routine", accuracy, THRESHOLDS, tier_floor=floor)
    assert (tier == "reasoning") == (thresholds == {"file_count": 4}) == (accuracy < floor)
    assert (tune_on_regression(accuracy, THRESHOLDS, floor=floor) == {"file_count": 4}) == (accuracy < floor)

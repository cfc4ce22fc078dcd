"""What Prometheus answers is taken whole or not at all, and why not is said."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_answers import COUNTS, Line, answer_of
from test_counters import some

from tierrouter_core.rollout.arms import Arm, Arms, Figure, arm_of
from tierrouter_core.rollout.exposed import MOST_BYTES, NUMBERS, SIDES, arms_from_answer, fits_together, query

REAL = Arms(arm_of([{Figure.ERRORS: 1}] * 9, [10] * 9), arm_of([{Figure.ERRORS: 2, Figure.COST: 31}], [10]))
VALUE = st.one_of(
    st.sampled_from(["NaN", "+Inf", "-Inf", "-1", "0.5", "", "one", "1e400", "0x10", None, 3, [], {}]),
    st.integers(0, 2**70).map(str),
    st.text(max_size=8),
)


@given(COUNTS)
def test_an_answer_of_counts_is_those_counts(arms: Arms) -> None:
    assert arms_from_answer(200, answer_of(arms)) == arms


@given(st.integers(0, 600), st.binary(max_size=60))
def test_whatever_comes_ends_in_a_sentence(status: int, body: bytes) -> None:
    assert isinstance(arms_from_answer(status, body), str)


@given(st.recursive(st.none() | st.integers(0, 2**70) | st.text(max_size=3), lambda each: st.lists(each) | st.dictionaries(
    st.sampled_from(["status", "data", "resultType", "result", "metric", "value", "side", "number", "error"]), each
)))  # fmt: skip
def test_any_json_ends_in_a_sentence(body: Any) -> None:
    for wrapped in (body, {"status": "success", "data": {"resultType": "vector", "result": body}}):
        assert isinstance(arms_from_answer(200, json.dumps(wrapped).encode()), str)


@given(COUNTS, st.integers(0, len(SIDES) * len(NUMBERS) - 1), VALUE)
def test_a_number_that_is_another_is_refused_unless_sessions_can_add_up_to_it(arms: Arms, at: int, value: Any) -> None:
    def change(lines: list[Line]) -> None:
        lines[at]["value"][1] = value

    found = arms_from_answer(200, answer_of(arms, change))
    if isinstance(found, Arms):
        changed = [*found.stable.numbers(), *found.canary.numbers()][at]
        assert changed == int(float(value))
        assert fits_together(found.stable) and fits_together(found.canary)
    else:
        assert found


@given(COUNTS, st.data())
def test_half_an_answer_is_none(arms: Arms, data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(SIDES) * len(NUMBERS) - 1))
    found = arms_from_answer(200, answer_of(arms, lambda lines: lines.pop(gone)))
    assert isinstance(found, str) and "missing" in found


@given(COUNTS)
def test_the_counts_of_sessions_fit_together(arms: Arms) -> None:
    assert fits_together(arms.stable) and fits_together(arms.canary)


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "0.5", "", "1e30"])
def test_what_is_no_count_is_named(value: str) -> None:
    def change(lines: list[Line]) -> None:
        next(line for line in lines if line["metric"] == {"side": "canary", "number": "errors"})["value"][1] = value

    said = arms_from_answer(200, answer_of(REAL, change))
    assert said == f"says that errors of the canary side is {value}, which is no count"


def set_to(number: str, value: int) -> Any:
    def change(lines: list[Line]) -> None:
        next(line for line in lines if line["metric"] == {"side": "canary", "number": number})["value"][1] = str(value)

    return change


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("sessions", 11),  # more than turns
        ("sessions", 0),
        ("turns_squared", 9),
        ("unpriced", 11),
        ("errors", 11),  # more than turns
        ("errors_squared", 1),  # less than errors
        ("errors_by_turns", 1),
        ("errors_by_turns", 10_000),
        ("cost_usd_e4", 32),
        ("fallbacks", 1),  # without its squares
    ],
)
def test_what_no_sessions_add_up_to_is_a_lie(number: str, value: int) -> None:
    said = arms_from_answer(200, answer_of(REAL, set_to(number, value)))
    assert said == "says of the canary side what no sessions can add up to"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"", "something else than a result"),
        (200, b"<html>", "something else than a result"),
        (200, answer_of(REAL)[:-40], "something else than a result"),
        (200, answer_of(REAL, list.clear), "no series tierrouter_trial_count of the trial"),
        (200, answer_of(REAL, lambda lines: lines.append(lines[0])), "says twice what sessions of the stable side is"),
        (200, answer_of(REAL, lambda lines: lines[0].pop("metric")), "a line that has no side"),
        (200, answer_of(REAL, warnings=["store 2 is away"]), "may be incomplete: ['store 2 is away']"),
        (200, orjson.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}), "else than"),
        (200, b'{"status":"error","error":"query timed out"}', "something else than a result"),
        (302, b"", "answers with status 302"),
        (503, b'{"status":"error","errorType":"timeout","error":"query timed out"}', "status 503: query timed out"),
        (422, b'{"error":"query processing would load too many samples"}', "422: query processing would load too many"),
        (401, b"who are you", "answers with status 401"),
        (200, b" " * (MOST_BYTES + 1), "more than 256 KiB"),
    ],
)
def test_why_it_can_not_be_used_is_said(status: int, body: bytes, said: str) -> None:
    found = arms_from_answer(status, body)
    assert isinstance(found, str)
    assert said in found
    assert len(found) < 300


def test_what_a_later_version_adds_is_left_out() -> None:
    def change(lines: list[Line]) -> None:
        lines.append({"metric": {"side": "canary", "number": "smiles"}, "value": [1, "NaN"]})

    assert arms_from_answer(200, answer_of(REAL, change)) == REAL


def test_numbers_that_came_rounded_are_no_lie() -> None:
    big = arm_of([{Figure.COST: 50_000_001}] * 1000, [7] * 1000)
    assert big.of(Figure.COST).squares > 2**53
    found = arms_from_answer(200, answer_of(Arms(big, big)))
    assert isinstance(found, Arms)
    assert math.isclose(found.canary.of(Figure.COST).squares, big.of(Figure.COST).squares)


def test_the_names_of_numbers_are_in_the_order_of_the_numbers() -> None:
    assert len(NUMBERS) == len(set(NUMBERS)) == len(Arm().numbers())
    told = dict(zip(NUMBERS, some(3).stable.numbers(), strict=True))
    assert told == dict.fromkeys(NUMBERS, 0) | {
        "sessions": 1, "turns": 3, "turns_squared": 9, "errors": 1, "errors_squared": 1, "errors_by_turns": 3
    }  # fmt: skip


def test_one_line_for_each_number_is_asked_for_whatever_a_process_is_scraped_by() -> None:
    assert query("coding-1/salt/2026-01-31T04:00:00Z", 61.2, {"namespace": "agents"}) == (
        "sum by (side, number) (max by (process, side, number) (last_over_time(tierrouter_trial_count"
        '{trial="coding-1/salt/2026-01-31T04:00:00Z", namespace="agents"}[362s])))'
    )


@given(st.text(st.characters(codec="utf-8")))
def test_a_name_can_not_leave_its_quotes(name: str) -> None:
    asked = query(name, 0, {})
    inside = asked[asked.index('trial="') + 7 : asked.index('"}[300s]')]
    assert inside.replace("\\\\", "\0").replace('\\"', "\1").replace("\\n", "\2").count('"') == 0
    assert "\n" not in asked

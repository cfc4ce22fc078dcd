"""When a provider's model is left alone, for how long, and how it comes back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ways import failure

from tierrouter_core.failover.circuit import (
    CLOSED,
    Circuit,
    CircuitSettings,
    CircuitState,
    answered,
    asked,
    failed,
    let_go,
)
from tierrouter_core.failover.failure import Failure, FailureKind

K, S = FailureKind, CircuitState
SETTINGS = CircuitSettings(failures=3, cool_down_s=15.0)
DOWN = failure(K.SERVER_ERROR)


def after_failures(circuit: Circuit, *failures: Failure, now_s: float = 0.0, jitter: float = 0.0) -> Circuit:
    for each in failures:
        circuit = failed(circuit, each, now_s, SETTINGS, jitter)
    return circuit


def test_it_opens_with_the_third_failure_and_not_before() -> None:
    assert after_failures(CLOSED, DOWN, DOWN).state(0.0) is S.CLOSED
    opened = after_failures(CLOSED, DOWN, DOWN, DOWN)
    assert opened.state(0.0) is S.OPEN
    assert opened.wait_s(0.0) == 15.0
    assert opened.wait_s(10.0) == 5.0


def test_one_turn_tries_it_when_the_time_is_over_and_the_others_wait() -> None:
    opened = after_failures(CLOSED, DOWN, DOWN, DOWN)
    assert opened.state(15.0) is S.HALF_OPEN
    assert opened.wait_s(15.0) == 0.0
    tried = asked(opened, 15.0)
    assert tried.wait_s(15.0) > 0
    assert let_go(tried).wait_s(15.0) == 0.0
    assert answered(tried, 15.0) is CLOSED


def test_no_time_that_is_named_again_and_again_is_taken_for_none() -> None:
    at_once, circuit, now_s, waits = failure(K.THROTTLED, wait_s=0.0), CLOSED, 0.0, []
    for _ in range(6):
        circuit = failed(circuit, at_once, now_s, SETTINGS, 0.0)
        waits.append(circuit.wait_s(now_s))
        now_s += waits[-1]
    assert waits == [0.0, 4.0, 8.0, 16.0, 32.0, 60.0]


@pytest.mark.parametrize("left_alone", [[DOWN] * 3, [failure(K.THROTTLED, wait_s=15.0)]])
def test_the_answer_to_a_turn_from_before_does_not_bring_it_back(left_alone: list[Failure]) -> None:
    circuit = after_failures(CLOSED, *left_alone)
    assert answered(circuit, 14.9) == circuit
    assert answered(circuit, 15.0) is CLOSED


def test_it_stays_open_longer_each_time_up_to_four_times() -> None:
    circuit, now_s, waits = after_failures(CLOSED, DOWN, DOWN), 0.0, []
    for _ in range(5):
        circuit = failed(circuit, DOWN, now_s, SETTINGS, 0.0)
        waits.append(circuit.wait_s(now_s))
        now_s = circuit.until_s
        circuit = asked(circuit, now_s)
    assert waits == [15.0, 30.0, 60.0, 60.0, 60.0]


def test_turns_that_were_under_way_when_it_opened_change_nothing() -> None:
    opened = after_failures(CLOSED, DOWN, DOWN, DOWN)
    assert after_failures(opened, DOWN, DOWN, now_s=1.0) == opened
    throttled = after_failures(CLOSED, *[failure(K.THROTTLED)] * 10)
    assert throttled.wait_s(0.0) == 2.0


def test_a_provider_that_fails_every_other_turn_is_left_alone_and_one_that_fails_every_tenth_is_not() -> None:
    def opens(answers_between: int) -> bool:
        circuit = CLOSED
        for _ in range(100):
            circuit = failed(circuit, DOWN, 0.0, SETTINGS, 0.0)
            if circuit.state(0.0) is S.OPEN:
                return True
            for _ in range(answers_between):
                circuit = answered(circuit, 0.0)
        return False

    assert [opens(between) for between in (0, 1, 2, 9)] == [True, True, False, False]


def test_a_provider_that_throttles_is_left_alone_until_the_time_it_named() -> None:
    throttled = after_failures(CLOSED, failure(K.THROTTLED, wait_s=42.0))
    assert throttled.state(0.0) is S.THROTTLED
    assert throttled.wait_s(0.0) == 42.0
    assert throttled.state(42.0) is S.HALF_OPEN


def test_without_a_time_the_pause_doubles_from_two_seconds_to_a_minute() -> None:
    circuit, now_s, waits = CLOSED, 0.0, []
    for _ in range(7):
        circuit = failed(circuit, failure(K.THROTTLED), now_s, SETTINGS, 0.0)
        waits.append(circuit.wait_s(now_s))
        now_s = circuit.until_s
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


@given(st.sampled_from([1.0, 7.0, 60.0, 3000.0]), st.floats(0, 1, exclude_max=True))
def test_jitter_never_brings_it_back_early_and_at_most_a_second_late(wait_s: float, jitter: float) -> None:
    throttled = after_failures(CLOSED, failure(K.THROTTLED, wait_s=wait_s), jitter=jitter)
    assert wait_s <= throttled.wait_s(0.0) <= wait_s + 1.0


@pytest.mark.parametrize(
    ("kind", "state", "wait_s"),
    [
        (K.QUOTA, S.OUT_OF_QUOTA, 600.0),
        (K.CREDENTIAL, S.UNAUTHORIZED, 30.0),
        (K.NO_MODEL, S.NO_MODEL, 60.0),
    ],
)
def test_what_somebody_has_to_mend_needs_no_count(kind: FailureKind, state: CircuitState, wait_s: float) -> None:
    circuit = after_failures(CLOSED, failure(kind))
    assert (circuit.state(0.0), circuit.wait_s(0.0)) == (state, wait_s)


def test_an_overloaded_provider_is_left_alone_at_once_only_where_it_names_a_time() -> None:
    assert after_failures(CLOSED, failure(K.OVERLOADED)).state(0.0) is S.CLOSED
    assert after_failures(CLOSED, failure(K.OVERLOADED, wait_s=9.0)).wait_s(0.0) == 9.0
    assert after_failures(CLOSED, failure(K.OVERLOADED, wait_s=3000.0)).wait_s(0.0) == 60.0


@pytest.mark.parametrize("kind", [K.REJECTED, K.CONTEXT_LENGTH, K.FILTERED, K.PREFILL, K.UNFIT, K.STOPPED, K.BUSY])
def test_what_says_nothing_of_the_provider_changes_nothing(kind: FailureKind) -> None:
    circuit = after_failures(CLOSED, DOWN)
    assert after_failures(circuit, *[failure(kind)] * 10) == circuit


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 100), st.sampled_from(["ask", "answer", "leave", *sorted(K)]), st.floats(0, 1, exclude_max=True)
    )
)


@given(EVENTS)
def test_whatever_happens_it_comes_back_in_the_end_and_one_answer_closes_it(
    events: list[tuple[float, str, float]],
) -> None:
    circuit, now_s = CLOSED, 0.0
    moments = []
    for passed_s, what, jitter in events:
        now_s += passed_s
        moments.append(now_s)
        match what:
            case "ask":
                circuit = asked(circuit, now_s)
            case "answer":
                circuit = answered(circuit, now_s)
            case "leave":
                circuit = let_go(circuit)
            case kind:
                circuit = failed(circuit, failure(FailureKind(kind)), now_s, SETTINGS, jitter)
        assert circuit.wait_s(now_s) <= 3601
    assert all(a <= b for a, b in pairwise(moments))
    later_s = now_s + 3601
    assert let_go(circuit).wait_s(later_s) == 0.0
    assert answered(circuit, later_s).state(later_s) is S.CLOSED

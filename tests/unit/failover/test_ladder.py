"""Who is asked next, when, and what the client is told at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ways import elsewhere, failure, target, walked

from tierrouter_core.failover.failure import TREATMENTS, Failure, FailureKind, Onward
from tierrouter_core.failover.ladder import Absent, Ask, GiveUp, Tried, Walk, after, step
from tierrouter_core.wire.failures import Meaning

K = FailureKind
ONE, TWO, THREE = target("one", window=1000), target("two", window=1000), target("three", window=9000)
AGAIN = [kind for kind, treatment in TREATMENTS.items() if treatment.again and kind not in (K.THROTTLED, K.REASONING)]
ON = [
    kind
    for kind, treatment in TREATMENTS.items()
    if treatment.onward is Onward.NEXT and not treatment.again and kind is not K.AWAY
]


@pytest.mark.parametrize("kind", AGAIN)
def test_what_may_go_the_second_time_is_asked_once_more_and_then_another(kind: FailureKind) -> None:
    assert walked([ONE, TWO], {"one": [failure(kind)]}) == (["one", "one"], None)
    assert walked([ONE, TWO], {"one": [failure(kind)] * 2}) == (["one", "one", "two"], None)


def test_past_thinking_that_is_refused_is_left_out_once_and_then_the_refusal_is_shown() -> None:
    assert walked([ONE, TWO], {"one": [failure(K.REASONING)]}) == (["one", "one"], None)
    asked, end = walked([ONE, TWO], {"one": [failure(K.REASONING), failure(K.REJECTED)]})
    assert asked == ["one", "one"]
    assert end is not None
    assert end.meaning is None


def test_what_refuses_a_field_of_ours_is_asked_without_it_at_once_also_with_the_last_call() -> None:
    for most in (2, 3):
        assert walked([ONE, TWO], {"one": [failure(K.OPTION)]}, most=most) == (["one", "one"], None)
    asked = Tried(ONE, failure(K.OPTION))
    assert after(Walk(waiting=(ONE,)), asked, elsewhere(), jitter=0.5, most=3).pause_s == 0
    assert walked([ONE, TWO], {"one": [failure(K.OPTION)] * 2}, most=3) == (["one", "one", "two"], None)


@pytest.mark.parametrize("kind", ON)
def test_what_does_not_go_the_second_time_goes_on_at_once(kind: FailureKind) -> None:
    assert walked([ONE, TWO], {"one": [failure(kind)]}) == (["one", "two"], None)


def test_a_short_throttle_is_waited_for_and_a_long_one_is_not() -> None:
    short, long_, unknown = (failure(K.THROTTLED, wait_s=wait_s) for wait_s in (1.5, 2.5, None))
    assert walked([ONE, TWO], {"one": [short]}) == (["one", "one"], None)
    assert walked([ONE, TWO], {"one": [long_]}) == (["one", "two"], None)
    assert walked([ONE, TWO], {"one": [unknown]}) == (["one", "two"], None)
    walk = after(Walk(waiting=(ONE, TWO)), Tried(ONE, short), elsewhere(), jitter=1.0, most=3)
    _, now = step(walk, lambda _: None, left_s=100.0, most=3)
    assert isinstance(now, Ask)
    assert now.target is ONE
    assert 1.65 <= now.after_s <= 1.7


def test_a_circuit_that_has_just_opened_is_not_tried_again() -> None:
    opened = {"one": Absent("one is left alone", 15.0)}
    walk = after(Walk(waiting=(ONE, TWO)), Tried(ONE, failure(K.CUT)), elsewhere(), jitter=0.0, most=3)
    _, now = step(walk, lambda each: opened.get(each.tier_name), left_s=100.0, most=3)
    assert isinstance(now, Ask)
    assert now.target is TWO


def test_what_happened_twice_is_told_once() -> None:
    _, end = walked([ONE], {"one": [failure(K.CUT)] * 2})
    assert end is not None
    assert end.message == "no tier could serve this turn (one: it is cut)"


def test_the_last_call_belongs_to_another_tier() -> None:
    assert walked([ONE, TWO], {"one": [failure(K.CUT)]}, most=2) == (["one", "two"], None)
    assert walked([ONE], {"one": [failure(K.CUT)]}, most=2) == (["one", "one"], None)


def test_a_model_server_that_is_not_ready_spills_without_a_pause() -> None:
    local = target("local", spill_to="two")
    assert walked([local, TWO], {"local": [failure(K.UNREACHABLE)]}) == (["local", "two"], None)


def test_a_turn_that_is_too_long_goes_to_a_larger_window_and_to_no_other() -> None:
    too_long = failure(K.CONTEXT_LENGTH)
    asked, _ = walked([ONE, TWO], {"one": [too_long]}, others=elsewhere(larger=[THREE]))
    assert asked == ["one", "three"]
    asked, end = walked([ONE, TWO], {"one": [too_long]})
    assert asked == ["one"]
    assert end is not None
    assert end.meaning is None, "the provider's own words make agents compact"
    assert end.shown is not None
    assert end.shown.target is ONE


def test_where_the_larger_window_fails_too_the_client_is_told_that_the_turn_is_too_long() -> None:
    happens = {"one": [failure(K.CONTEXT_LENGTH)], "three": [failure(K.OVERLOADED)]}
    _, end = walked([ONE], happens, others=elsewhere(larger=[THREE]))
    assert end is not None
    assert (end.meaning, end.shown and end.shown.target) == (None, ONE)


def test_what_is_filtered_goes_to_the_tier_that_the_rules_name_for_it() -> None:
    filtered = failure(K.FILTERED)
    assert walked([ONE, TWO], {"one": [filtered]}, others=elsewhere(flagged=THREE))[0] == ["one", "three"]
    asked, end = walked([ONE, TWO], {"one": [filtered]}, others=elsewhere(flagged=ONE))
    assert asked == ["one"]
    assert end is not None
    assert end.meaning is None


def test_a_bad_request_is_the_clients_to_read_and_nobody_else_is_asked() -> None:
    asked, end = walked([ONE, TWO], {"one": [failure(K.REJECTED)]})
    assert asked == ["one"]
    assert end is not None
    assert end.meaning is None


def test_a_stand_in_that_objects_does_not_make_the_request_bad() -> None:
    happens = {"one": [failure(K.OVERLOADED)], "two": [failure(K.PREFILL)], "three": [failure(K.REJECTED)]}
    asked, end = walked([ONE, TWO, THREE], happens)
    assert asked == ["one", "two", "three"]
    assert end is not None
    assert end.meaning is Meaning.WAIT
    assert "one: it is overloaded; two: it is prefill; three: it is client_error" in end.message


def test_who_is_left_alone_is_passed_over_and_says_why() -> None:
    away = {"one": Absent("one is throttled for another 40 s", 40.0)}
    assert walked([ONE, TWO], {}, away=away) == (["two"], None)
    asked, end = walked([ONE, TWO], {"two": [failure(K.OVERLOADED)]}, away=away)
    assert asked == ["two"]
    assert end is not None
    assert (end.meaning, end.retry_after_s) == (Meaning.WAIT, 40)
    assert "one is throttled" in end.message


def test_where_all_are_left_alone_nobody_is_asked_and_the_shortest_wait_is_told() -> None:
    away = {"one": Absent("throttled", 40.2), "two": Absent("open", 7.2)}
    asked, end = walked([ONE, TWO], {}, away=away)
    assert asked == []
    assert end is not None
    assert (end.meaning, end.retry_after_s) == (Meaning.WAIT, 8)


def test_a_wait_that_is_told_is_never_longer_than_agents_wait() -> None:
    _, end = walked([ONE], {}, away={"one": Absent("throttled", 3000.0)})
    assert end is not None
    assert end.retry_after_s == 60


def test_who_is_being_tried_by_another_turn_is_asked_where_nobody_else_is_left() -> None:
    away = {"one": Absent("another turn tries it", 1.0, tried_now=True), "two": Absent("open", 9.0)}
    assert walked([ONE, TWO], {}, away=away) == (["one"], None)
    assert walked([ONE, TWO], {}, away={"one": away["one"]}) == (["two"], None)


FINAL = [kind for kind, treatment in TREATMENTS.items() if treatment.shown is Meaning.FINAL]


@pytest.mark.parametrize("kind", FINAL)
def test_what_somebody_has_to_mend_is_final_only_where_nobody_is_worth_waiting_for(kind: FailureKind) -> None:
    _, end = walked([ONE, TWO], {"one": [failure(kind)], "two": [failure(kind)]})
    assert end is not None
    assert end.meaning is Meaning.FINAL
    _, end = walked([ONE, TWO], {"one": [failure(kind)], "two": [failure(K.OVERLOADED)]})
    assert end is not None
    assert end.meaning is Meaning.WAIT


def test_who_is_left_alone_for_want_of_a_credential_is_final_too() -> None:
    _, end = walked([ONE], {}, away={"one": Absent("no key", 20.0, final=True)})
    assert end is not None
    assert end.meaning is Meaning.FINAL


def test_a_process_that_stops_asks_nobody_else() -> None:
    asked, end = walked([ONE, TWO], {"one": [failure(K.OVERLOADED)], "two": [failure(K.STOPPED)]})
    assert asked == ["one", "two"]
    assert end is not None
    assert end.meaning is Meaning.DRAINING


def test_no_time_is_no_call() -> None:
    asked, end = walked([ONE], {}, left_s=0.0)
    assert asked == []
    assert isinstance(end, GiveUp)
    assert end.meaning is Meaning.WAIT


def test_what_could_not_be_asked_costs_no_call() -> None:
    unfit = Tried(ONE, failure(K.UNFIT), called=False)
    walk = after(Walk(waiting=(ONE, TWO)), unfit, elsewhere(), jitter=0.0, most=1)
    _, now = step(walk, lambda _: None, left_s=10.0, most=1)
    assert isinstance(now, Ask)
    assert now.target is TWO


ANY_FAILURE = st.builds(failure, st.sampled_from(sorted(K)), wait_s=st.none() | st.floats(0, 4000))
ANY_AWAY = st.builds(Absent, st.just("away"), st.floats(0.1, 4000), final=st.booleans(), tried_now=st.booleans())


@given(
    happens=st.dictionaries(st.sampled_from(["one", "two", "three"]), st.lists(ANY_FAILURE, max_size=4)),
    away=st.dictionaries(st.sampled_from(["one", "two", "three"]), ANY_AWAY),
    most=st.integers(1, 10),
    larger=st.booleans(),
    flagged=st.booleans(),
)
def test_every_way_ends_within_its_calls_and_says_why(
    happens: dict[str, list[Failure]], away: dict[str, Absent], most: int, larger: bool, flagged: bool
) -> None:
    others = elsewhere(larger=[THREE] if larger else [], flagged=TWO if flagged else None)
    asked, end = walked([ONE, TWO], happens, most=most, away=away, others=others)
    assert len(asked) <= most
    assert all(asked.count(name) <= 2 for name in asked), "nobody is asked three times"
    if end is not None:
        assert end.message
        if end.meaning is None:
            assert end.shown is not None
            assert end.shown.failure.said is not None
        if end.meaning is Meaning.WAIT:
            assert 1 <= (end.retry_after_s or 0) <= 60

"""The run's own judges: each of them sees what it is there to see."""

import dataclasses

import pytest

from chaos.faults import Fault
from chaos.invariants import (
    Call,
    Row,
    Stop,
    check_accounts,
    check_endings,
    check_process,
    check_recovery,
    check_resources,
    check_storm,
    check_texts,
)
from chaos.plan import Client, Dialect, draw, healthy, text_of
from chaos.resources import Held, growths, slope
from chaos.seen import End, Seen
from chaos.vendors import Away, Served

PLAN = healthy(7, Dialect.CHAT, "routine", stream=True)
WHOLE = text_of(7, 1, PLAN.words)
KILL, TERM = Stop("SIGKILL", 10.0, 11.0), Stop("SIGTERM", 10.0, 14.0)
ANSWERED = Seen(
    plan=PLAN, began_s=1.0, ended_s=2.0, end=End.COMPLETE, status=200, turn_id="t", tier="routine", text=WHOLE
)
ROW = Row(turn_id="t", requested_model=PLAN.tag, outcome="answered", attempts=1, calls=[Call("every", 200, "")])
GOOD = {7: [Served("every", 1, None, 1.5)]}


def but(seen=ANSWERED, **changes):
    return dataclasses.replace(seen, **changes)


def faults_of(verdict):
    return [violation.what for violation in verdict.violations]


def test_an_answer_that_was_gone_on_with_is_the_beginning_of_one_attempt_and_all_of_another():
    first, second = text_of(7, 1, PLAN.words), text_of(7, 2, PLAN.words)
    begun = first[:41].rstrip()
    assert first[len(begun)] == " "
    served = {7: [Served("every", 1, Fault.CUT, 1.5), Served("chat", 2, None, 1.7, begun)]}
    assert faults_of(check_texts([but(text=f"{begun} {second}")], served, [], [])) == []
    for wrong in (f"{begun}{second}", f"{begun} {begun} {second}", second, first, f"{begun} {second[6:]}"):
        assert len(check_texts([but(text=wrong)], served, [], []).violations) == 1 or wrong == first
    forged = {7: [served[7][0], Served("chat", 2, None, 1.7, f"{begun} no")]}
    (what,) = faults_of(check_texts([but(text=f"{begun} no {second}")], forged, [], []))
    assert "was asked to go on with" in what


# Endings.


def test_a_turn_that_is_answered_violates_nothing():
    verdicts = [
        check_endings([ANSWERED], []),
        check_accounts([ANSWERED], [ROW], {7: 1}, [], []),
        check_texts([ANSWERED], GOOD, [], []),
        check_recovery([ANSWERED]),
    ]
    assert [(verdict.checked, verdict.violations) for verdict in verdicts] == [(1, [])] * 4


@pytest.mark.parametrize("end", [End.OPEN, End.HUNG, End.BROKEN, End.REFUSED])
def test_a_turn_without_an_end_is_a_violation(end):
    assert len(check_endings([but(end=end)], []).violations) == 1


@pytest.mark.parametrize("end", [End.OPEN, End.HUNG])
def test_a_forged_success_is_one_even_when_the_sidecar_is_killed_just_then(end):
    assert check_endings([but(end=end, began_s=9.9, ended_s=10.5)], [KILL]).violations


def test_a_turn_that_ends_twice_is_a_violation():
    assert "it ended twice" in faults_of(check_endings([ANSWERED, ANSWERED], []))


def test_what_breaks_the_grammar_is_a_violation_however_the_turn_ends():
    assert check_endings([but(problem="after the end came [DONE]")], []).violations


def test_a_kill_excuses_the_connections_that_it_breaks_and_no_others():
    under_way = but(end=End.BROKEN, began_s=9.0, ended_s=10.0)
    assert check_endings([under_way], [KILL]).set_aside == {"broken by kill -9": 1}
    assert check_endings([but(under_way, ended_s=9.5)], [KILL]).violations
    assert check_endings([but(under_way, began_s=11.5, ended_s=12.0)], [KILL]).violations


def test_of_two_stops_in_a_row_the_kill_is_what_breaks_a_connection():
    term_just_before = Stop("SIGTERM", 5.0, 9.5)
    under_way = but(end=End.BROKEN, began_s=9.4, ended_s=10.0)
    assert not check_endings([under_way], [term_just_before, KILL]).violations


def test_a_graceful_stop_excuses_no_answer_that_had_begun():
    begun = but(end=End.BROKEN, began_s=9.0, ended_s=12.0)
    assert check_endings([begun], [TERM]).violations
    assert not check_endings([but(begun, status=0)], [TERM]).violations


def test_the_violation_names_turn_dialect_fault_and_what_was_seen():
    plan = dataclasses.replace(PLAN, faults=(Fault.STALL,))
    (violation,) = check_endings([but(plan=plan, end=End.OPEN, text="t7a1w0 ")], []).violations
    assert str(violation) == (
        "turn-0000007 (Chat, streamed, reads; faults: stall in mid-answer): forged success after 't7a1w0 '"
    )


# Accounts.


def accounts(seen=ANSWERED, rows=(ROW,), requests=1, stops=(), aways=()):
    return check_accounts([seen], list(rows), {7: requests}, stops, aways)


def test_a_missing_row_is_a_violation_also_where_only_the_provider_knows_of_the_turn():
    assert accounts(rows=()).violations
    left = but(end=End.LEFT, turn_id="", status=0)
    assert accounts(left, rows=()).violations
    assert not accounts(left, rows=(), requests=0).violations


def test_a_kill_may_cost_the_rows_of_its_last_moments_and_no_older_ones():
    last = but(began_s=9.0, ended_s=9.8)
    assert accounts(last, rows=(), stops=[KILL]).set_aside == {"ended just before kill -9": 1}
    assert "0.20 s before" in accounts(last, rows=(), stops=[KILL]).note
    assert accounts(but(last, ended_s=10.1), rows=(), stops=[KILL]).set_aside == {"under way at kill -9": 1}
    assert accounts(but(last, began_s=8.0, ended_s=9.2), rows=(), stops=[KILL]).violations
    assert accounts(last, rows=(), stops=[TERM]).violations


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"turn_id": "u"}, "the client was told turn t"),
        ({"outcome": "cut"}, "cut in the ledger"),
        ({"attempts": 2}, "the row says 2 attempts"),
        ({"attempts": 2, "calls": [Call("every", 500, "x"), Call("every", 200, "")]}, "1 requests came"),
        ({"attempts": 0, "calls": []}, "1 requests came"),
    ],
)
def test_a_row_that_tells_another_story_is_a_violation(change, what):
    (said,) = faults_of(accounts(rows=[dataclasses.replace(ROW, **change)]))
    assert what in said


def test_a_client_that_hangs_up_on_an_error_event_has_not_left_an_answer():
    gone = [dataclasses.replace(ROW, outcome="client_gone")]
    assert accounts(but(end=End.FAILED, text=WHOLE[:30]), rows=gone).violations
    cut = [dataclasses.replace(ROW, outcome="cut")]
    assert not accounts(but(end=End.FAILED, text=WHOLE[:30]), rows=cut).violations


def test_two_rows_of_one_turn_are_a_violation_and_so_is_a_row_of_none():
    assert "2 rows" in faults_of(accounts(rows=[ROW, dataclasses.replace(ROW, turn_id="u")]))
    stranger = dataclasses.replace(ROW, requested_model="turn-0000099")
    assert accounts(rows=[ROW, stranger]).violations


def test_a_call_that_found_nobody_is_no_request():
    refused = Call("every", 0, "every (http://x) can't be reached: Connect call failed")
    row = dataclasses.replace(ROW, attempts=2, calls=[refused, Call("chat", 200, "")])
    assert not accounts(rows=[row], requests=1).violations
    assert accounts(rows=[row], requests=2).violations


def test_a_call_that_broke_off_may_be_missing_at_a_provider_that_was_just_stopped_and_at_no_other():
    broken = Call("every", 0, "every (http://x) broke off before answering: Server disconnected")
    row = dataclasses.replace(ROW, attempts=2, calls=[broken, Call("chat", 200, "")])
    assert not accounts(rows=[row], requests=1, aways=[Away("every", 1.5, 1.8)]).violations
    assert accounts(rows=[row], requests=1, aways=[Away("chat", 1.5, 1.8)]).violations
    assert accounts(rows=[row], requests=1, aways=[Away("every", 5.0, 6.0)]).violations


def test_a_turn_that_was_accepted_is_owed_an_answer_by_a_graceful_stop():
    closed = but(end=End.BROKEN, status=0, turn_id="", began_s=9.5, ended_s=12.0)
    assert accounts(closed, stops=[TERM]).violations


# Texts.


@pytest.mark.parametrize(
    "text",
    [
        WHOLE[:-8],
        WHOLE + "t7a1w19 ",
        WHOLE.replace("w3 ", "w3 t7a1w3 "),
        WHOLE[:30] + text_of(7, 2, PLAN.words)[30:],
        "",
    ],
    ids=["cut", "doubled end", "doubled word", "mixed", "empty"],
)
def test_a_whole_answer_is_the_whole_text_of_one_attempt(text):
    served = {7: [Served("every", 1, Fault.SERVER_ERROR, 1.2), Served("every", 2, None, 1.5)]}
    assert check_texts([but(text=text)], served, [], []).violations


def test_a_broken_answer_is_the_beginning_of_one_attempt():
    served = {7: [Served("every", 1, Fault.CUT, 1.2)]}
    assert not check_texts([but(end=End.FAILED, text=WHOLE[:30])], served, [], []).violations
    assert check_texts([but(end=End.FAILED, text=WHOLE[5:30])], served, [], []).violations
    assert check_texts([but(end=End.LEFT, text="x")], served, [], []).violations


def test_a_good_answer_has_to_reach_its_client():
    failed = but(end=End.FAILED, text="", error="no tier could serve this turn")
    assert check_texts([failed], GOOD, [], []).violations
    assert not check_texts([failed], GOOD, [], [Away("every", 1.6, 1.9)]).violations
    assert check_texts([failed], GOOD, [], [Away("chat", 1.6, 1.9)]).violations


def test_a_hedge_that_was_outrun_has_not_lost_its_answer():
    served = {7: [Served("every", 1, Fault.CUT, 1.2), Served("chat", 2, None, 1.3)]}
    failed = but(end=End.FAILED, text=WHOLE[:30])
    assert not check_texts([failed], served, [], []).violations
    assert check_texts([but(failed, text=text_of(7, 2, PLAN.words)[:30])], served, [], []).violations


# What the process holds, and what comes after.


def held(turns, descriptors=20, threads=5, resident=60_000_000, after_load=70_000_000):
    return Held(turns, descriptors, threads, resident, after_load)


def test_a_slow_leak_is_seen_in_each_figure():
    turns = range(1000, 10_000, 1000)
    assert not check_resources([held(each) for each in turns]).violations
    assert check_resources([held(each, descriptors=20 + each // 1000) for each in turns]).violations
    assert check_resources([held(each, threads=5 + each // 4000) for each in turns]).violations
    assert check_resources([held(each, resident=60_000_000 + 1000 * each) for each in turns]).violations


def test_what_the_allocator_had_taken_when_load_ended_is_shown_and_not_judged():
    readings = [held(each, after_load=60_000_000 + 1000 * each) for each in range(1000, 10_000, 1000)]
    assert not check_resources(readings).violations
    assert growths(readings)[-1].percent > 5


def test_memory_is_not_judged_before_it_is_warm():
    verdict = check_resources([held(each, resident=60_000_000 + 100_000 * each) for each in (10, 20, 30)])
    assert not verdict.violations
    assert verdict.set_aside
    two = check_resources([held(0, threads=6), held(5000, threads=7, resident=90_000_000)])
    assert not two.violations, "two readings are no trend"
    assert check_resources([held(0), held(5000, descriptors=22)]).violations


def test_the_slope_is_that_of_a_line():
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(4, 1), (4, 3)]) == 0


@pytest.mark.parametrize("change", [{"tier": "fallback"}, {"end": End.FAILED}, {"end": End.OPEN}])
def test_recovery_is_an_answer_by_the_own_tier(change):
    assert check_recovery([but(**change)]).violations


def test_a_bad_exit_a_traceback_and_a_stray_request_are_violations():
    assert not check_process([("SIGTERM", 0), ("SIGKILL", -9)], "ready", []).violations
    assert check_process([("SIGTERM", 1)], "", []).violations
    assert check_process([], "Traceback (most recent call last)", []).violations
    assert check_process([], "", ["every: GET /v1/models"]).violations


def test_a_run_that_shows_nothing_is_a_violation():
    """A sidecar that refuses everything breaks no other promise."""
    refused = [but(end=End.FAILED)] * 3
    assert check_storm(refused, {}).violations
    assert not check_storm([ANSWERED] * 3, {}).violations
    assert check_storm([ANSWERED] * 2000, dict.fromkeys(list(Fault)[1:], 1)).violations


# What is drawn.


def test_equal_seeds_draw_equal_turns_and_a_fifth_of_them_goes_wrong():
    plans = [draw(3, number) for number in range(4000)]
    assert plans == [draw(3, number) for number in range(4000)]
    assert plans != [draw(4, number) for number in range(4000)]
    assert 0.18 < sum(bool(plan.faults) for plan in plans) / len(plans) < 0.22
    assert {fault for plan in plans for fault in plan.faults} == set(Fault)
    assert {(plan.dialect, plan.stream, plan.client) for plan in plans} >= {
        (dialect, True, client) for dialect in Dialect for client in Client
    }

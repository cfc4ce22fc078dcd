"""What a replay adds up: costs, switches and their price, the expensive share."""

import time
from decimal import Decimal

from replay_examples import GPT, KIMI, OPUS, STALLED, call, document, seat

from tierrouter_core.document.model import Model, Rule, Tier
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.draws import Column
from tierrouter_core.replay.policy import Always, History, RouterPolicy
from tierrouter_core.replay.run import Run, recorded_on, replay
from tierrouter_core.replay.seats import BASELINE, seat_of_baseline, seats_of

SEATS = {"routine": seat("routine", KIMI), "reasoning": seat("reasoning", GPT, expensive=True)}


class Scripted:
    """The tiers in the order given."""

    def __init__(self, *tiers: str) -> None:
        self._tiers = iter(tiers)

    def serve(self, call: ReplayCall, history: History) -> tuple[str, str]:
        return next(self._tiers), "Scripted"


def test_a_call_is_priced_by_what_its_models_cache_holds() -> None:
    run = replay([call(0, 40_000), call(1, 42_000)], Always("routine"), SEATS)
    # 40,000 x 0.95 + 100 x 4, then 40,000 x 0.16 + 2,000 x 0.95 + 100 x 4
    assert run.total.cost_usd == Decimal("0.0384") + Decimal("0.0087")
    assert run.total.cache_read_tokens == 40_000
    assert run.models["routine"].input_tokens == 82_000


def test_a_switch_up_at_a_context_of_96k_costs_46_cents() -> None:
    run = replay([call(0, 96_000), call(1, 96_000)], Scripted("routine", "reasoning"), SEATS)
    assert run.switches.count == 1
    assert run.switches.reread_tokens == 96_000
    # 96,000 x (5.00 - 0.16)
    assert run.switches.cost_usd == Decimal("0.46464")


def test_a_switch_back_to_a_cache_that_is_warm_rereads_only_what_is_new_to_it() -> None:
    calls = [call(0, 90_000), call(1, 95_000), call(2, 96_000)]
    run = replay(calls, Scripted("routine", "reasoning", "routine"), SEATS)
    assert run.switches.count == 2
    assert run.switches.reread_tokens == 90_000 + 5_000


def test_a_switch_after_the_caches_are_cold_costs_nothing() -> None:
    run = replay([call(0, 96_000), call(1, 96_000, t_rel_s=900.0)], Scripted("routine", "reasoning"), SEATS)
    assert (run.switches.count, run.switches.reread_tokens, run.switches.cost_units) == (1, 0, 0)


def test_subagents_have_caches_of_their_own_and_are_no_switch() -> None:
    calls = [call(0, 50_000), call(0, 50_000, agent="a1", t_rel_s=1.0), call(1, 50_000)]
    run = replay(calls, Scripted("routine", "reasoning", "routine"), SEATS)
    assert run.switches.count == 0
    assert run.total.cache_read_tokens == 50_000


def test_the_expensive_share_counts_the_tiers_that_are_marked() -> None:
    run = replay([call(0), call(1), call(2), call(3)], Scripted("routine", "routine", "routine", "reasoning"), SEATS)
    assert (run.expensive.calls, run.total.calls) == (1, 4)
    assert run.expensive.cost_units == run.tiers["reasoning"].cost_units


def test_an_unknown_price_is_counted_and_never_zero() -> None:
    run = replay([call(0), call(1)], Scripted("routine", "free"), {**SEATS, "free": seat("free", None)})
    assert run.total.unknown_cost_calls == 1
    assert run.total.cost_units == run.tiers["routine"].cost_units


def test_calls_that_nobody_can_take_are_in_no_sum() -> None:
    run = replay([call(0), call(1)], Scripted("routine", ""), SEATS)
    assert run.unserved == [1]
    assert run.total.calls == 1


def test_writing_to_the_cache_costs_what_the_model_takes_for_it() -> None:
    run = replay([call(0, 100_000, output_tokens=0)], Always("t"), {"t": seat("t", OPUS)})
    assert run.total.cost_usd == Decimal("0.625")


def test_progress_is_told_for_every_call() -> None:
    told: list[int] = []
    replay([call(turn) for turn in range(1_203)], Always("routine"), SEATS, told.append)
    assert sum(told) == 1_203


def test_the_recorded_reads_price_a_model_without_a_simulation() -> None:
    recorded = recorded_on([call(0, 0, input_tokens=1_000, cache_read_tokens=9_000, output_tokens=0)], seat())
    assert recorded is not None
    assert recorded.as_recorded_usd == Decimal("0.0095")
    assert recorded.uncached_usd == Decimal("0.05")
    assert recorded.cache_read_share == 0.9


# The router as the policy.


def served(calls: list[ReplayCall], **changes: object) -> Run:
    made = document(**changes)
    return replay(calls, RouterPolicy(made), seats_of(made))


def test_the_router_serves_by_its_default_tier() -> None:
    run = served([call(0), call(1)])
    assert run.reasons == {"Default": 1, "ToolLoop": 1}
    assert set(run.tiers) == {"routine"}


def test_a_rule_over_the_calls_of_a_prompt_escalates_inside_the_loop() -> None:
    calls = [call(turn) for turn in range(5)]
    run = served(calls, rules=(STALLED,))
    # The first three are at most the third of their prompt.
    assert run.tiers["routine"].calls == 3
    assert run.tiers["reasoning"].calls == 2
    assert run.reasons["Escalation"] == 1


def test_a_session_that_was_raised_comes_down_after_a_compaction() -> None:
    signals = (("session.tool_errors_in_a_row", 3),)
    loop = [call(0), call(1, signals=signals), call(2)]
    summary = call(3, context=8_000, kind=TurnKind.AUTOMATIC, compacted=True)
    failing = Rule(name="failing", when="session.tool_errors_in_a_row > 2", tier="reasoning", escalate=True)
    run = served([*loop, summary, call(4, context=9_000)], rules=(failing,))
    assert (run.tiers["reasoning"].calls, run.tiers["routine"].calls) == (2, 3)
    stays = served([*loop, call(3)], rules=(failing,))
    assert stays.tiers["reasoning"].calls == 3


def test_the_count_of_a_prompts_calls_begins_anew_with_the_next_prompt() -> None:
    calls = [
        call(turn, prompt_idx=turn // 3, kind=TurnKind.USER if turn % 3 == 0 else TurnKind.TOOL_LOOP)
        for turn in range(9)
    ]
    assert set(served(calls, rules=(STALLED,)).tiers) == {"routine"}


def test_a_split_falls_otherwise_in_every_draw_and_in_the_first_as_the_sidecar_has_it() -> None:
    calls = [call(0, session=f"s{number}") for number in range(200)]
    split = document(default_tier=(("routine", 50), ("reasoning", 50)))
    shares = []
    for draw in range(3):
        run = replay(calls, RouterPolicy(split, draw), seats_of(split))
        again = replay(calls, RouterPolicy(split, draw), seats_of(split))
        assert run.total.cost_units == again.total.cost_units
        shares.append(run.tiers["reasoning"].calls)
    assert len(set(shares)) > 1
    assert all(70 <= share <= 130 for share in shares)


def test_twenty_thousand_calls_take_at_most_five_seconds_of_one_core() -> None:
    calls = [
        call(
            turn % 100,
            20_000 + 1_000 * (turn % 100),
            session=f"s{turn // 100}",
            prompt_idx=turn % 100 // 10,
            kind=TurnKind.USER if turn % 10 == 0 else TurnKind.TOOL_LOOP,
        )
        for turn in range(20_000)
    ]
    long = Rule(name="long", when="turn.context_tokens + session.calls > 90000", tier="reasoning", escalate=True)
    made = document(rules=(long, STALLED))
    begun_s = time.process_time()
    run = replay(calls, RouterPolicy(made), seats_of(made))
    assert run.total.calls == 20_000
    assert time.process_time() - begun_s < 5


def test_a_session_that_was_idle_for_long_is_decided_anew() -> None:
    # As the sidecar forgets it: a tool loop that goes on afterwards has no tier to stay on.
    run = served([call(0), call(1, t_rel_s=3_600.0)])
    assert run.reasons == {"Default": 2}


def test_an_open_loop_with_signed_thinking_does_not_leave_the_model_that_signed_it() -> None:
    dialects = (Dialect.MESSAGES,)
    claude = Model(name="haiku", id="claude-haiku-4-5", dialects=dialects, price=KIMI)
    first = Tier(name="claude", rank=1, provider="vendor", model="haiku", max_tokens=100)
    more = {"models": (claude,), "tiers": (first,), "default_tier": (("claude", 1),), "rules": (STALLED,)}
    for thinking, reasons in (
        (False, {"Default": 1, "ToolLoop": 3, "Escalation": 1}),
        (True, {"Default": 1, "ToolLoop": 4}),
    ):
        calls = [call(turn, thinking=thinking) for turn in range(5)]
        run = served(calls, **more)
        assert run.reasons == reasons


def test_the_baseline_serves_the_same_calls() -> None:
    made = document()
    assert made.baseline is not None
    calls = [call(turn) for turn in range(10)]
    seats = {BASELINE: seat_of_baseline(made.baseline)}
    column = Column(
        label="coding",
        router="coding",
        policy="router",
        seeds=(0,),
        runs=(served(calls),),
        baseline_model="gpt-5-5",
        baselines=(replay(calls, Always(BASELINE), seats),),
    )
    assert column.saving is not None
    assert 0.6 < column.saving.mean < 0.9
    assert column.expensive_share()["spend"].mean == 0

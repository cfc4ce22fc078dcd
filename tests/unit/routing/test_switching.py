"""When a session that was raised comes down again, and what that costs: prompt caches considered."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from documents import document, model, turn
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.document.model import Document, Model, Rule, Session
from tierrouter_core.names import Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.serving import merged
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.switching import Warm, anew_usd, readable, switch
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.usage import Usage

KIMI = Price(rates=Rates(input=Decimal("0.95"), output=Decimal(4), cache_read=Decimal("0.16")))
GPT = Price(rates=Rates(input=Decimal(5), output=Decimal(30), cache_read=Decimal("0.5")))
OPUS = Price(rates=Rates(input=Decimal(5), output=Decimal(25), cache_read=Decimal("0.5"), cache_write=Decimal("6.25")))
LONG = 96_000
NOW = 1000.0


def priced(prices: Mapping[str, Price], **changes: Any) -> Document:
    names = ("cheap", "middle", "big", "tiny", "spare")
    return document(models=[model(name, price=prices.get(name)) for name in names], **changes)


USUAL = priced({"cheap": KIMI, "middle": GPT, "big": OPUS})


def decided(doc: Document, state: SessionState, **changes: Any) -> Decision:
    return Router(doc).decide(turn(now_s=NOW, context_tokens=lambda: LONG, **changes), state)


def raised(tier: str, home: str = "routine", **more: Any) -> SessionState:
    warm = {tier: Warm(LONG - 1000, NOW - 20)}
    return SessionState(home, tier, warm=warm, **{"steady_usd": 10.0, **more})


def test_the_worked_example_of_the_documentation() -> None:
    kimi, gpt = USUAL.providers["vendor"].models["cheap"], USUAL.providers["vendor"].models["middle"]
    warm = Warm(LONG, NOW)
    up = switch(kimi, gpt, LONG, NOW, warm, None)
    assert up is not None
    assert round(up.price_usd, 2) == 0.46
    assert (round(up.stay_usd, 2), round(up.go_usd, 2)) == (0.17, 1.0)
    down = switch(gpt, kimi, LONG, NOW, warm, None)
    assert down is not None
    assert round(down.price_usd, 2) == 0.04
    assert (round(down.stay_usd, 2), round(down.go_usd, 2)) == (0.57, 0.24)
    assert down.pays


def test_a_session_comes_down_where_the_next_calls_are_cheaper_there() -> None:
    decision = decided(USUAL, raised("reasoning"))
    assert (decision.targets[0].tier_name, decision.reason) == ("routine", Reason.SESSION)
    assert "routine $0.24, reasoning $0.57 over the next calls" in decision.detail
    assert round(decision.state.switches_usd, 3) == round((LONG * 0.95 - LONG * 0.5 - 1000 * 4.5) / 1e6, 3)


def test_it_stays_where_reading_all_of_it_again_would_cost_more() -> None:
    decision = decided(USUAL, raised("deep", home="reasoning"))
    assert (decision.targets[0].tier_name, decision.reason) == ("deep", Reason.WARM_CACHE)
    assert decision.state.home == "reasoning"
    assert decision.state.switches_usd == 0


@pytest.mark.parametrize("subagent", [False, True])
def test_where_each_prompt_is_decided_anew_none_stays_for_its_cache(subagent: bool) -> None:
    session = Session(affinity="Prompt", subagent_tier="reasoning")
    anew = replace(USUAL, session=session, default_tier=(("reasoning", 1),))
    decision = decided(anew, raised("deep", home="reasoning"), subagent=subagent)
    assert (decision.targets[0].tier_name, decision.reason) == ("reasoning", Reason.DEFAULT)
    assert decision.state.switches_usd == 0


def test_it_comes_down_once_the_cache_is_cold_anyway() -> None:
    cold = replace(raised("deep", home="reasoning"), warm={"deep": Warm(LONG, NOW - 301)})
    decision = decided(USUAL, cold)
    assert (decision.targets[0].tier_name, decision.reason) == ("reasoning", Reason.SESSION)


def test_the_budget_for_switches_keeps_a_session_from_wavering() -> None:
    state = raised("reasoning", steady_usd=0.1)
    decision = decided(USUAL, state)
    assert (decision.targets[0].tier_name, decision.reason) == ("reasoning", Reason.SWITCH_BUDGET)
    assert "optional switches have cost $0.00 of $0.02, the one to routine is $0.04" in decision.detail
    all_of_it = replace(USUAL, session=Session(switch_budget_percent=100))
    assert decided(all_of_it, state).targets[0].tier_name == "routine"


@pytest.mark.parametrize(
    ("changes", "tier", "reason"),
    [
        ({"variables": {"task.sandboxed": True}}, "local", Reason.RULE),
        ({"hint": "local"}, "local", Reason.HINT),
        ({"kind": TurnKind.TOOL_LOOP, "variables": {"session.tool_errors_in_a_row": 3}}, "deep", Reason.ESCALATION),
    ],
)
def test_the_budget_blocks_no_rule_no_hint_and_no_escalation(changes: Any, tier: str, reason: Reason) -> None:
    spent = raised("reasoning", switches_usd=99.0, steady_usd=0.0)
    decision = decided(USUAL, spent, **changes)
    assert (decision.targets[0].tier_name, decision.reason) == (tier, reason)
    assert decision.state.switches_usd == 99.0


def test_without_prices_a_session_comes_down() -> None:
    assert decided(document(), raised("deep")).targets[0].tier_name == "routine"


def test_a_session_that_was_lowered_goes_home_at_once() -> None:
    state = SessionState("reasoning", "local", warm={"local": Warm(LONG, NOW)})
    assert decided(USUAL, state).targets[0].tier_name == "reasoning"


def test_a_utility_call_goes_to_the_cheapest_tier_and_touches_nothing() -> None:
    state = raised("reasoning")
    decision = decided(USUAL, state, kind=TurnKind.UTILITY, hint="deep")
    assert (decision.targets[0].tier_name, decision.reason) == ("routine", Reason.UTILITY)
    assert decision.state == state


def test_a_compaction_stays_where_its_cache_is_warm() -> None:
    decision = decided(USUAL, raised("reasoning"), kind=TurnKind.COMPACTION)
    assert (decision.targets[0].tier_name, decision.reason) == ("reasoning", Reason.TOOL_LOOP)


def test_a_tier_whose_window_is_too_small_is_passed_over_and_the_reason_says_so() -> None:
    doc = document()
    decision = Router(doc).decide(turn(too_long_for={"routine": "its window has 65536 tokens, the turn some 90000"}))
    assert (decision.targets[0].tier_name, decision.reason) == ("reasoning", Reason.OVERFLOW)
    assert "its window has 65536 tokens" in decision.detail
    assert "routine" not in [target.tier_name for target in decision.targets]


@given(
    tokens=st.integers(0, 10**6), context=st.integers(0, 10**6), age_s=st.floats(0, 10**4), ttl_ms=st.integers(1, 10**7)
)
def test_a_cache_is_never_read_beyond_the_context_nor_after_its_time(
    tokens: int, context: int, age_s: float, ttl_ms: int
) -> None:
    cached = Model(name="m", id="m", dialects=(), cache_ttl_ms=ttl_ms, cache_min_tokens=1)
    read = readable(Warm(tokens, NOW - age_s), context, NOW, cached)
    assert 0 <= read <= min(tokens, context)
    if age_s * 1000 > ttl_ms + 1 or tokens > context * 1.03:
        assert read == 0


@given(context=st.integers(0, 10**6), warm=st.integers(0, 10**6))
def test_staying_costs_nothing_extra_and_going_to_the_same_model_neither(context: int, warm: int) -> None:
    kimi = USUAL.providers["vendor"].models["cheap"]
    same = switch(kimi, kimi, context, NOW, Warm(warm, NOW), Warm(warm, NOW))
    assert same is not None
    assert same.price_usd == 0
    assert not same.pays


def test_reading_anew_costs_the_difference_to_a_warm_read() -> None:
    cold = Usage(input_uncached=1_000, cache_write_5m=99_000)
    assert anew_usd(model("big", price=OPUS), cold, 90_000) == pytest.approx(90_000 * (6.25 - 0.5) / 1e6)
    half = Usage(input_uncached=60_000, cache_read=40_000)
    assert anew_usd(model("middle", price=GPT), half, 90_000) == pytest.approx(50_000 * 4.5 / 1e6)


@given(
    st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 400_000), st.sampled_from([KIMI, GPT, OPUS, None])
)
def test_reading_anew_never_costs_less_than_nothing_or_more_than_the_input(
    uncached: int, read: int, warm: int, price: Price | None
) -> None:
    usage = Usage(input_uncached=uncached, cache_read=read)
    cost = anew_usd(model("big", price=price), usage, warm)
    assert 0 <= cost <= usage.total_input * 6.25 / 1e6
    assert cost == 0 or (price is not None and warm > read)


SHORT = 20_000
STALLED = {"session.tool_errors_in_a_row": 3}


def goes_on(state: SessionState, context: int = SHORT, **changes: Any) -> Decision:
    """The same prompt, after its conversation was compacted."""
    given = {"kind": TurnKind.AUTOMATIC, "context_tokens": lambda: context, **changes}
    return Router(USUAL).decide(turn(now_s=NOW, **given), state)


def test_a_raised_session_comes_down_at_the_turn_after_a_compaction() -> None:
    decision = goes_on(raised("deep", compacted=True))
    assert (decision.targets[0].tier_name, decision.reason) == ("routine", Reason.SESSION)
    assert decision.detail.startswith("the conversation was compacted: ")
    assert not decision.state.compacted
    assert goes_on(raised("deep"), compacted=True).targets[0].tier_name == "routine", "the agent says it itself"
    assert goes_on(raised("deep")).targets[0].tier_name == "routine", "it is shorter than half"


def test_it_stays_where_what_has_raised_it_is_still_so() -> None:
    decision = goes_on(raised("deep", compacted=True), variables=STALLED)
    assert (decision.targets[0].tier_name, decision.reason) == ("deep", Reason.RULE)


def test_a_rule_knows_after_a_compaction_which_tier_serves_the_prompt() -> None:
    stays = Rule(name="stays", when='session.tier == "deep"', tier="deep")
    router = Router(replace(USUAL, rules=(stays,)))
    asked = turn(now_s=NOW, kind=TurnKind.AUTOMATIC, context_tokens=lambda: SHORT)
    assert router.decide(asked, raised("deep", compacted=True)).targets[0].tier_name == "deep"


def test_a_compaction_is_served_where_the_session_is_and_makes_the_next_turn_a_safe_point() -> None:
    compaction = goes_on(raised("deep"), LONG, kind=TurnKind.COMPACTION)
    assert (compaction.targets[0].tier_name, compaction.state.compacted) == ("deep", True)
    after = goes_on(compaction.state)
    assert after.targets[0].tier_name == "routine"
    assert goes_on(replace(after.state, current="deep"), LONG).targets[0].tier_name == "deep", "and no turn after that"


@pytest.mark.parametrize(
    "changes", [{"kind": TurnKind.TOOL_LOOP}, {"kind": TurnKind.CONTINUATION}, {"kind": TurnKind.COMPACTION}]
)
def test_what_is_open_stays_open_over_a_compaction(changes: dict[str, Any]) -> None:
    assert goes_on(raised("deep", compacted=True), **changes).targets[0].tier_name == "deep"


def test_an_automatic_turn_of_a_conversation_that_is_whole_stays() -> None:
    assert goes_on(raised("deep"), LONG).targets[0].tier_name == "deep"


def test_what_the_agent_has_asked_for_outlives_a_compaction() -> None:
    hinted = decided(USUAL, SessionState("routine", "routine"), hint="deep")
    assert hinted.state.asked_for
    compaction = goes_on(hinted.state, kind=TurnKind.COMPACTION)
    after = goes_on(compaction.state)
    assert after.targets[0].tier_name == "deep"
    prompt = decided(USUAL, after.state)
    assert not prompt.state.asked_for
    assert prompt.targets[0].tier_name == "routine"


def test_of_two_turns_at_once_the_later_says_who_serves_and_both_are_paid_for() -> None:
    before = SessionState("routine", "routine", warm={"routine": Warm(100, 1.0)}, switches_usd=1.0, steady_usd=5.0)
    slow = replace(before, warm={"routine": Warm(200, 2.0)}, steady_usd=6.0)
    fast = replace(before, current="deep", warm={**before.warm, "deep": Warm(300, 3.0)}, steady_usd=7.0)
    for first, second, at_s in ((fast, slow, 2.0), (slow, fast, 3.0)):
        got = merged(second, before, merged(first, before, before, arrived_s=at_s), arrived_s=at_s)
        assert (got.current, got.steady_usd, got.switches_usd) == ("deep", 8.0, 1.0)
        assert got.warm["deep"] == Warm(300, 3.0)
    judged = replace(before, flagged=True)
    assert merged(slow, before, judged, arrived_s=2.0).flagged, "the judge was slower than the next turn"
    assert not merged(slow, judged, judged, arrived_s=2.0).flagged

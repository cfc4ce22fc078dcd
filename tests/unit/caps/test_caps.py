"""Which tiers may serve where budgets and shares are used up; and nothing of it inside a loop."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "routing"))

from documents import document, model, turn

from tierrouter_core.caps.budgets import Accounts
from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.expected import expected_cost
from tierrouter_core.caps.share import Share
from tierrouter_core.document.model import Budget, DeepShare, Document, Rule
from tierrouter_core.names import Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.spend.price import Price, Rates

NOW = 1_800_000_000.0
DAY_MS = 86_400_000


def budget(**changes: Any) -> Budget:
    usual = {"name": "deep", "scope": "Session", "window_ms": DAY_MS, "limit_usd": Decimal(1), "tiers": ("deep",)}
    return Budget(**{**usual, "downgrade_to": "reasoning", **changes})


def spent(budgets: tuple[Budget, ...], *calls: tuple[str, str, float]) -> Accounts:
    accounts = Accounts(budgets)
    for session, tier, usd in calls:
        accounts.spend(NOW, session, tier, usd)
    return accounts


def decided(
    accounts: Accounts, doc: Document | None = None, state: SessionState | None = None, **more: Any
) -> Decision:
    doc = doc or document()
    caps = accounts.caps(doc, "s-1", NOW)
    return Router(doc).decide(turn(caps=caps, now_s=NOW, **more), state or SessionState())


def served(decision: Decision) -> tuple[str, Reason]:
    return (decision.targets[0].tier_name if decision.targets else "", decision.reason)


def test_a_budget_counts_what_its_tiers_cost_its_session_and_nobody_else() -> None:
    accounts = spent((budget(),), ("s-1", "deep", 0.6), ("s-1", "routine", 9.0), ("s-2", "deep", 9.0))
    assert served(decided(accounts, hint="deep")) == ("deep", Reason.HINT)
    accounts.spend(NOW, "s-1", "deep", 0.4)
    decision = decided(accounts, hint="deep")
    assert served(decision) == ("reasoning", Reason.BUDGET)
    assert "budget deep of this session has used $1 of $1, room again at 2027-01-16T08:" in decision.detail
    assert "deep was chosen (the hint deep asks for it)" in decision.detail


def test_a_budget_of_the_router_counts_all_sessions() -> None:
    accounts = spent((budget(scope="Router"),), ("s-2", "deep", 0.5), ("s-3", "deep", 0.5))
    assert served(decided(accounts, hint="deep")) == ("reasoning", Reason.BUDGET)


def test_without_tiers_a_budget_covers_all_of_them_and_a_downgrade_still_serves() -> None:
    accounts = spent((budget(tiers=(), downgrade_to="local"),), ("s-1", "routine", 2.0))
    assert served(decided(accounts)) == ("local", Reason.BUDGET)
    assert served(decided(accounts, hint="local")) == ("local", Reason.HINT)


def test_a_prompt_in_progress_goes_on_until_its_grace_is_spent() -> None:
    accounts = spent((budget(grace_usd=Decimal("0.5")),), ("s-1", "deep", 1.2))
    state = SessionState("routine", "deep")
    assert served(decided(accounts, state=state, kind=TurnKind.TOOL_LOOP)) == ("deep", Reason.TOOL_LOOP)
    accounts.spend(NOW, "s-1", "deep", 0.4)
    assert served(decided(accounts, state=state, kind=TurnKind.TOOL_LOOP)) == ("reasoning", Reason.BUDGET)


def test_an_escalation_that_nobody_pays_for_does_not_begin() -> None:
    signals = {"session.tool_errors_in_a_row": 5}
    up = {"kind": TurnKind.TOOL_LOOP, "variables": signals, "state": SessionState("routine", "routine")}
    assert served(decided(spent((budget(),)), **up)) == ("deep", Reason.ESCALATION)
    assert served(decided(spent((budget(),), ("s-1", "deep", 2.0)), **up)) == ("reasoning", Reason.BUDGET)
    lower = spent((budget(downgrade_to="local"),), ("s-1", "deep", 2.0))
    assert served(decided(lower, **up)) == ("routine", Reason.BUDGET), "never down inside a loop"
    rejecting = spent((budget(on_exhausted="Reject", downgrade_to=""),), ("s-1", "deep", 2.0))
    assert served(decided(rejecting, **up)) == ("routine", Reason.TOOL_LOOP)


def test_a_budget_that_rejects_refuses_the_prompt_and_says_when_there_is_room() -> None:
    accounts = spent((budget(on_exhausted="Reject", tiers=(), downgrade_to=""),), ("s-1", "routine", 2.0))
    decision = decided(accounts)
    assert served(decision) == ("", Reason.BUDGET)
    assert decision.cap is not None
    assert decision.cap.reset_s is not None
    assert 0 < decision.cap.reset_s - NOW <= 86_400 + 900


def test_a_budget_that_warns_moves_nothing() -> None:
    accounts = spent((budget(on_exhausted="Warn"),), ("s-1", "deep", 2.0))
    assert served(decided(accounts, hint="deep")) == ("deep", Reason.HINT)
    assert next(accounts.warnings("s-1", NOW)).startswith("budget deep of this session has used $2 of $1")


def test_budgets_that_point_at_one_another_end_somewhere() -> None:
    pair = (budget(), budget(name="back", tiers=("reasoning",), downgrade_to="deep"))
    accounts = spent(pair, ("s-1", "deep", 2.0), ("s-1", "reasoning", 2.0))
    decision = decided(accounts, hint="deep")
    assert decision.targets
    assert decision.reason is Reason.BUDGET


def test_a_window_that_has_passed_is_room_again() -> None:
    accounts = spent((budget(),), ("s-1", "deep", 2.0))
    assert accounts.caps(document(), "s-1", NOW + 86_400 + 900) == {}
    accounts.forget_idle(NOW + 86_400 + 900)
    assert accounts.use(NOW + 86_400 + 900)["deep"].exhausted == 0


@given(st.lists(st.floats(0, 10), min_size=2, max_size=6), st.randoms())
def test_a_session_whose_calls_are_all_over_is_forgotten_however_they_overlapped(costs: list[float], rng: Any) -> None:
    accounts = Accounts((budget(),))
    account = accounts.of(accounts.budgets[0], "s-1")
    for usd in costs:
        account.hold(usd, usd / 3)
    rng.shuffle(costs)
    for usd in costs[1:]:
        account.let_go(usd, usd / 3)
    accounts.forget_idle(NOW)
    assert accounts.of(accounts.budgets[0], "s-1") is account, "one call is still under way"
    account.let_go(costs[0], costs[0] / 3)
    assert (account.reserved_usd, account.risked_usd) == (0, 0)
    accounts.forget_idle(NOW)
    assert accounts.of(accounts.budgets[0], "s-1") is not account


def test_a_budgets_use_is_that_of_the_account_that_has_used_most() -> None:
    accounts = spent((budget(),), ("s-1", "deep", 0.25), ("s-2", "deep", 0.75), ("s-3", "deep", 1.5))
    use = accounts.use(NOW)["deep"]
    assert (use.exhausted, use.most) == (1, pytest.approx(1.5))


SHARE = DeepShare(max_percent=5, by="Turns", window_ms=DAY_MS, min_prompts=10, action="RequireHint")
ESSENTIAL = Rule(name="wide", when="task.file_count > 8", tier="reasoning", essential=True)


def shared(wanted: DeepShare, *, deep: int, cheap: int, prompts: int = 100) -> Share:
    share = Share(wanted)
    for number in range(deep + cheap):
        share.add(NOW, 1.0 if number < deep else 0.1, deep=number < deep, prompt=number < prompts)
    return share


def by_share(share: Share, doc: Document | None = None, **more: Any) -> tuple[str, Reason]:
    doc = doc or document()
    return served(Router(doc).decide(turn(caps=share.caps(doc, NOW), now_s=NOW, **more)))


def test_above_its_share_an_expensive_tier_needs_a_hint() -> None:
    above = shared(SHARE, deep=10, cheap=90)
    wide = {"variables": {"task.file_count": 20}}
    assert by_share(above, **wide) == ("routine", Reason.DEEP_SHARE)
    assert by_share(above, hint="deep") == ("deep", Reason.HINT)
    assert by_share(above, document(rules=(ESSENTIAL,)), **wide) == ("reasoning", Reason.RULE)
    assert by_share(shared(SHARE, deep=5, cheap=95), **wide) == ("reasoning", Reason.RULE)


def test_a_share_of_few_prompts_is_not_judged() -> None:
    few = shared(SHARE, deep=50, cheap=50, prompts=9)
    assert few.percent(NOW) is None
    assert few.caps(document(), NOW) == {}


def test_a_share_may_be_one_of_spending() -> None:
    spending = DeepShare(max_percent=50, by="Spend", window_ms=DAY_MS, min_prompts=1, action="Alert")
    share = shared(spending, deep=10, cheap=10)
    assert share.percent(NOW) == pytest.approx(100 * 10 / 11)
    assert share.exceeded(NOW).startswith("expensive tiers have 90.9 % of spending, 50 % are allowed")
    assert share.caps(document(), NOW) == {}, "an alert holds nobody back"


@given(
    capped=st.dictionaries(
        st.sampled_from(["routine", "reasoning", "deep", "local"]),
        st.builds(
            lambda instead, stops, yields: Cap(
                reason=Reason.BUDGET, detail="used up", instead=instead, stops=stops, yields_to_hint=yields
            ),
            st.sampled_from(["routine", "reasoning", "deep", "local", "fallback"]),
            st.booleans(),
            st.booleans(),
        ),
    ),
    kind=st.sampled_from([TurnKind.USER, TurnKind.TOOL_LOOP, TurnKind.AUTOMATIC]),
    current=st.sampled_from(["", "routine", "reasoning", "deep", "local"]),
    errors=st.integers(0, 6),
)
def test_caps_never_move_a_loop_down_unless_its_grace_is_spent(
    capped: dict[str, Cap], kind: TurnKind, current: str, errors: int
) -> None:
    doc = document()
    variables = {"session.tool_errors_in_a_row": errors}
    decision = Router(doc).decide(turn(kind=kind, caps=capped, variables=variables), SessionState("routine", current))
    assert decision.targets
    tier = decision.targets[0].tier_name
    if kind is not TurnKind.USER and current and not (current in capped and capped[current].stops):
        assert doc.tiers[tier].rank >= doc.tiers[current].rank


STOPPED = Cap(reason=Reason.BUDGET, detail="used up", stops=True)
USED_UP = Cap(reason=Reason.BUDGET, detail="used up")


def targets(decision: Decision) -> list[str]:
    return [target.tier_name for target in decision.targets]


def test_an_escalation_is_no_way_around_a_budget_that_stops_the_loop() -> None:
    rejecting = budget(on_exhausted="Reject", tiers=(), downgrade_to="", scope="Router")
    accounts = spent((rejecting,), ("s-1", "routine", 2.0))
    state = SessionState("routine", "routine")
    loop = {"kind": TurnKind.TOOL_LOOP, "state": state}
    assert served(decided(accounts, **loop)) == ("", Reason.BUDGET)
    stalled = {"session.tool_errors_in_a_row": 5}
    assert served(decided(accounts, variables=stalled, **loop)) == ("", Reason.BUDGET)


@pytest.mark.parametrize("unfit", ["unfit", "too_long_for"])
def test_nobody_stands_in_whose_budget_is_used_up(unfit: str) -> None:
    router = Router(document())
    told = {unfit: {"routine": "it can't", "local": "it can't", "fallback": "it can't"}}
    assert targets(router.decide(turn(**told)))[0] == "reasoning"
    decision = router.decide(turn(**told, caps={"reasoning": USED_UP}))
    assert targets(decision) == ["deep"]
    decision = router.decide(turn(**told, caps={"reasoning": USED_UP, "deep": USED_UP}))
    assert served(decision) == ("", Reason.BUDGET)
    assert decision.cap is USED_UP
    assert decision.detail.startswith("used up; routine was chosen")


def test_a_prompt_in_progress_may_be_taken_over_until_the_grace_is_spent() -> None:
    router, state = Router(document()), SessionState("routine", "routine")
    loop = {"kind": TurnKind.TOOL_LOOP}
    assert targets(router.decide(turn(**loop, caps={"fallback": USED_UP}), state)) == ["routine", "fallback"]
    assert "fallback" not in targets(router.decide(turn(**loop, caps={"fallback": STOPPED}), state))
    assert "fallback" not in targets(router.decide(turn(caps={"fallback": USED_UP}), state))


def test_a_share_keeps_no_expensive_tier_from_standing_in() -> None:
    share = Cap(reason=Reason.DEEP_SHARE, detail="too much", instead="routine", yields_to_hint=True)
    told = {"unfit": dict.fromkeys(("routine", "local", "fallback"), "it can't")}
    assert targets(Router(document()).decide(turn(**told, caps={"reasoning": share})))[0] == "reasoning"


def test_a_larger_window_is_not_asked_where_its_budget_is_used_up() -> None:
    models = [model("cheap", context_window=1000), model("middle", context_window=2000),
              model("big", context_window=3000), model("tiny"), model("spare")]  # fmt: skip
    router = Router(document(models=models))
    first = router.decide(turn()).targets[0]
    assert [each.tier_name for each in router.larger(turn(), first)] == ["reasoning", "deep"]
    assert [each.tier_name for each in router.larger(turn(caps={"reasoning": USED_UP}), first)] == ["deep"]


def test_calls_beside_the_conversation_are_paid_for_too() -> None:
    router, beside = Router(document()), {"kind": TurnKind.UTILITY}
    cheapest = targets(router.decide(turn(**beside)))[0]
    assert targets(router.decide(turn(**beside, caps={cheapest: USED_UP})))[0] == cheapest, "grace is for these, too"
    assert targets(router.decide(turn(**beside, caps={cheapest: STOPPED})))[0] != cheapest
    everything = dict.fromkeys(document().tiers, STOPPED)
    decision = router.decide(turn(**beside, caps=everything))
    assert (served(decision), decision.cap) == (("", Reason.BUDGET), STOPPED)


def test_the_most_that_a_turn_may_cost_is_not_what_its_tier_usually_writes() -> None:
    priced = Price(rates=Rates(input=Decimal(1), output=Decimal(10)))
    tier = document().tiers["routine"]
    named = expected_cost(tier, model("cheap", price=priced, context_window=5000), 1000, 100, 50, NOW, None)
    assert named is not None
    assert named.most_usd == pytest.approx((1000 * 1 + 50 * 10) / 1e6)
    unnamed = expected_cost(tier, model("cheap", price=priced, context_window=5000), 1000, 100, None, NOW, None)
    assert unnamed is not None
    assert unnamed.usd == pytest.approx((1000 * 1 + 100 * 10) / 1e6)
    assert unnamed.most_usd == pytest.approx((1000 * 1 + 4000 * 10) / 1e6), "no cap is sent, so its window is the cap"
    capped = model("cheap", price=priced, context_window=5000, max_output_tokens=700)
    most = expected_cost(tier, capped, 1000, 100, None, NOW, None)
    assert most is not None
    assert most.most_usd == pytest.approx((1000 * 1 + 700 * 10) / 1e6)
    hourly = Price(rates=Rates(input=Decimal(1), output=Decimal(10), cache_write_1h=Decimal(2)))
    written = expected_cost(tier, model("cheap", price=hourly), 1000, 100, 50, NOW, None)
    assert written is not None
    assert written.most_usd == pytest.approx((1000 * 2 + 50 * 10) / 1e6), "the dearest way to read it"


def test_the_bound_on_overshoot_holds_for_a_turn_that_alone_is_more_than_the_limit() -> None:
    accounts = Accounts((budget(scope="Router", grace_usd=Decimal("0.25")),))
    account = accounts.of(accounts.budgets[0], "s-1")
    account.hold(3.0, 0.5)
    assert accounts.state(NOW)[0]["overshootUSD"] == pytest.approx(3.0 + 0.5 - 1.0)
    account.let_go(3.0, 0.5)
    account.hold(0.5, 0.1)
    assert accounts.state(NOW)[0]["overshootUSD"] == pytest.approx(0.25 + 0.1)

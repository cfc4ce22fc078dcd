"""Which tiers may serve where budgets and shares are used up; and nothing of it inside a loop."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "routing"))

from documents import document, turn

from tierrouter_core.caps.budgets import Accounts
from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.share import Share
from tierrouter_core.document.model import Budget, DeepShare, Document, Rule
from tierrouter_core.names import Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import SessionState

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

"""A forced tier serves every turn, and nobody else does."""

from dataclasses import replace

import pytest
from documents import document, model, turn

from tierrouter_core.document.model import Hints, Provider
from tierrouter_core.errors import ForcedTierError
from tierrouter_core.names import Dialect, Mode, Reason, TurnKind
from tierrouter_core.routing.forced import Forced, ForcedRouter
from tierrouter_core.routing.session_state import SessionState


@pytest.mark.parametrize("kind", TurnKind)
@pytest.mark.parametrize(
    "wish", [{}, {"hint": "local"}, {"hint": "nonsense"}, {"requested_model": "tier/local"}, {"requested_model": "x"}]
)
@pytest.mark.parametrize("mode", Mode)
def test_it_serves_whatever_the_turn_asks_for(kind: TurnKind, wish: dict[str, str], mode: Mode) -> None:
    router = ForcedRouter(document(mode=mode), Forced("deep"))
    variables = {"task.sandboxed": True, "turn.output_flagged": True, "task.file_count": 99}
    decision = router.decide(turn(kind=kind, variables=variables, **wish), SessionState(home="local", current="local"))
    assert [target.tier_name for target in decision.targets] == ["deep"], "no other tier stands in for it"
    assert decision.reason is Reason.FORCED
    assert decision.explanation == "Forced: every turn of this sidecar is served by tier deep"
    assert decision.state.current == "deep"


@pytest.mark.parametrize("name", ["tiny", "vendor/tiny"])
def test_another_model_of_its_provider_serves_by_either_name(name: str) -> None:
    decision = ForcedRouter(document(), Forced("deep", name)).decide(turn())
    assert [(target.tier_name, target.model_id) for target in decision.targets] == [("deep", "vendor/tiny")]
    assert f"tier deep with model {name}" in decision.detail


@pytest.mark.parametrize(
    ("forced", "said"),
    [
        (Forced("depp"), "routine, reasoning, deep, local, fallback"),
        (Forced("deep", "elsewhere"), "cheap, middle, big"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(forced: Forced, said: str) -> None:
    with pytest.raises(ForcedTierError, match=said):
        ForcedRouter(document(), forced)


def test_a_model_of_another_provider_is_none_of_its_own() -> None:
    whole = document()
    other = Provider(name="other", base_url="http://127.0.0.1:2/v1", models={"elsewhere": model("elsewhere")})
    with pytest.raises(ForcedTierError, match="elsewhere"):
        ForcedRouter(replace(whole, providers={**whole.providers, "other": other}), Forced("deep", "elsewhere"))


def test_a_turn_that_it_cannot_take_is_refused_and_not_passed_on() -> None:
    chat_only = [model("big", Dialect.CHAT, reject=((Dialect.CHAT, "tools"),)), model("cheap"), model("tiny")]
    whole = document(models=chat_only)
    tiers = {name: replace(whole.tiers[name], model="big" if name == "deep" else "cheap") for name in whole.tiers}
    router = ForcedRouter(replace(whole, tiers=tiers), Forced("deep"))
    assert router.decide(turn(has_tools=True)).targets == ()
    assert router.decide(turn(has_tools=True)).reason is Reason.NOT_SERVABLE
    refused = router.decide(turn(unfit={"deep": "the model takes no images"}))
    assert refused.targets == ()
    assert "the model takes no images" in refused.detail


def test_one_that_is_too_long_goes_there_for_the_providers_own_words() -> None:
    router = ForcedRouter(document(), Forced("deep"))
    decision = router.decide(turn(too_long_for={"deep": "its window has 10 tokens"}))
    assert [target.tier_name for target in decision.targets] == ["deep"]
    assert router.larger(turn(), decision.targets[0]) == ()
    assert router.if_flagged(turn(), decision.state) is None
    assert router.hedge_of(decision.targets[0]) is None


def test_spills_hedges_and_limits_are_left_behind() -> None:
    whole = document(hints=Hints(allow=("deep",)))
    tiers = {**whole.tiers, "deep": replace(whole.tiers["deep"], spill_to="local", hedge_to="local")}
    left = ForcedRouter(replace(whole, tiers=tiers), Forced("deep")).document
    assert list(left.tiers) == ["deep"]
    assert (left.tiers["deep"].spill_to, left.tiers["deep"].hedge_to) == ("", "")
    assert (left.budgets, left.deep_share, left.output_policy, left.rules) == ((), None, None, ())

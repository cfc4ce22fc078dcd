"""Who serves a turn, and why."""

from dataclasses import replace

import pytest
from documents import document, model, turn
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.document.model import Hints, ModelHint, Rule, Session
from tierrouter_core.names import Dialect, Mode, Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import SessionState


def decide(doc=None, state=None, **turn_changes) -> Decision:
    router = Router(doc or document())
    return router.decide(turn(**turn_changes), state or SessionState())


def served_by(decision: Decision) -> str:
    return decision.targets[0].tier_name


def test_a_turn_without_anything_goes_to_the_default_tier():
    decision = decide()
    assert served_by(decision) == "routine"
    assert decision.reason is Reason.DEFAULT
    assert decision.state == SessionState("routine", "routine")


@pytest.mark.parametrize("requested", ["auto", "gpt-4o", "claude-opus-4-7", "cheap", "vendor/big", "tier", "TIER/deep"])
def test_any_model_name_that_is_no_alias_is_routed(requested):
    assert served_by(decide(requested_model=requested)) == "routine"


def test_a_hint_is_followed():
    decision = decide(hint="deep")
    assert (served_by(decision), decision.reason, decision.hint_outcome) == ("deep", Reason.HINT, "used")


def test_the_model_name_tier_slash_name_is_a_hint():
    assert served_by(decide(requested_model="tier/deep")) == "deep"


def test_the_header_wins_over_the_alias():
    assert served_by(decide(hint="local", requested_model="tier/deep")) == "local"


def test_an_alias_is_an_ordinary_name_where_aliases_are_off():
    doc = document(hints=Hints(allow=("deep",), model_aliases=False))
    assert served_by(decide(doc, requested_model="tier/deep")) == "routine"


@pytest.mark.parametrize("hint", ["nope", "Deep", "deep ' OR 1=1", "\x01\x02", "ü", "x" * 10_000])
def test_an_unknown_hint_goes_to_the_fallback_tier(hint):
    decision = decide(hint=hint)
    assert (served_by(decision), decision.reason) == ("fallback", Reason.UNKNOWN_HINT)
    assert decision.hint.isascii()
    assert decision.hint.isprintable()
    assert len(decision.hint) <= 64


def test_an_empty_hint_is_no_hint():
    assert decide(hint=" ").reason is Reason.DEFAULT


def test_a_hint_that_is_not_allowed_is_routed_normally_and_counted():
    doc = document(hints=Hints(allow=("routine",)))
    decision = decide(doc, hint="deep")
    assert (served_by(decision), decision.hint_outcome) == ("routine", "not_allowed")


@pytest.mark.parametrize("requested", ["big", "vendor/big"])
def test_the_hint_none_serves_the_requested_model(requested):
    decision = decide(hint="none", requested_model=requested)
    assert (served_by(decision), decision.reason) == ("deep", Reason.REQUESTED_MODEL)


def test_the_hint_none_for_a_model_of_no_tier_is_routed():
    decision = decide(hint="none", requested_model="gpt-9")
    assert (served_by(decision), decision.hint_outcome) == ("routine", "not_allowed")


def test_the_first_rule_that_is_true_decides_and_says_what_it_saw():
    decision = decide(variables={"task.file_count": 9, "task.sandboxed": True})
    assert (served_by(decision), decision.reason) == ("local", Reason.RULE)
    decision = decide(variables={"task.file_count": 9})
    assert served_by(decision) == "reasoning"
    assert decision.detail == "wide is true (task.file_count=9, thresholds.file_count=8)"


def test_a_hint_wins_over_rules():
    assert served_by(decide(hint="deep", variables={"task.sandboxed": True})) == "deep"


def test_a_model_hint_matches_as_a_glob_after_the_rules():
    doc = document(model_hints=(ModelHint(match="*haiku*", tier="local"),))
    assert decide(doc, requested_model="Claude-Haiku-4-5").reason is Reason.MODEL_HINT
    assert served_by(decide(doc, requested_model="claude-haiku-4-5")) == "local"
    assert served_by(decide(doc, requested_model="claude-haiku", variables={"task.file_count": 9})) == "reasoning"


def test_a_pinned_model_hint_comes_before_the_rules():
    doc = document(model_hints=(ModelHint(match="*haiku*", tier="local", pin=True),))
    decision = decide(doc, requested_model="claude-haiku", variables={"task.file_count": 9})
    assert (served_by(decision), decision.reason) == ("local", Reason.PINNED_MODEL)


def test_no_rule_moves_a_pinned_model_inside_a_loop_but_a_hint_does():
    doc = document(model_hints=(ModelHint(match="*haiku*", tier="local", pin=True),))
    begun = decide(doc, requested_model="claude-haiku")
    stalled = {"kind": TurnKind.TOOL_LOOP, "variables": {"session.tool_errors_in_a_row": 9}}
    kept = decide(doc, begun.state, requested_model="claude-haiku", **stalled)
    assert (served_by(kept), kept.reason) == ("local", Reason.TOOL_LOOP)
    assert "claude-haiku is pinned" in kept.detail
    assert served_by(decide(doc, begun.state, requested_model="claude-haiku", hint="deep", **stalled)) == "deep"
    assert served_by(decide(doc, begun.state, requested_model="claude-opus", **stalled)) == "deep"


def test_a_session_stays_on_the_tier_that_it_began_with():
    decision = decide(document(default_tier=(("deep", 1),)), SessionState(home="routine"))
    assert (served_by(decision), decision.reason) == ("routine", Reason.SESSION)


def test_without_session_affinity_each_prompt_is_decided_anew():
    doc = document(default_tier=(("deep", 1),), session=Session(affinity="Prompt"))
    assert served_by(decide(doc, SessionState(home="routine"))) == "deep"


def test_a_hint_lasts_until_the_prompt_ends():
    doc = document()
    hinted = decide(doc, hint="deep", state=SessionState("routine", "routine"))
    looped = decide(doc, hinted.state, kind=TurnKind.TOOL_LOOP)
    assert (served_by(looped), looped.reason) == ("deep", Reason.TOOL_LOOP)
    assert served_by(decide(doc, looped.state)) == "routine"


def test_a_subagent_goes_to_the_tier_for_subagents():
    doc = document(session=Session(subagent_tier="local"))
    assert served_by(decide(doc, subagent=True)) == "local"
    assert served_by(decide(doc)) == "routine"


@pytest.mark.parametrize("kind", [kind for kind in TurnKind if kind not in (TurnKind.USER, TurnKind.UTILITY)])
def test_no_rule_moves_an_open_loop_down_or_sideways(kind):
    state = SessionState("routine", "reasoning")
    decision = decide(state=state, kind=kind, variables={"task.sandboxed": True})
    assert served_by(decision) == "reasoning"


def test_a_hint_inside_a_loop_moves_it_upward_only():
    state = SessionState("routine", "reasoning")
    assert served_by(decide(state=state, kind=TurnKind.TOOL_LOOP, hint="deep")) == "deep"
    assert served_by(decide(state=state, kind=TurnKind.TOOL_LOOP, hint="local")) == "reasoning"
    assert served_by(decide(state=state, kind=TurnKind.TOOL_LOOP, hint="nonsense")) == "reasoning"


@pytest.mark.parametrize(("current", "expected"), [("routine", "deep"), ("reasoning", "reasoning")])
def test_a_rule_may_be_meant_for_one_tier_alone(current, expected):
    rule = Rule(name="stuck", when='session.tier == "routine"', tier="deep", escalate=True)
    state = SessionState(current, current)
    decision = decide(document(rules=(rule,)), state, kind=TurnKind.TOOL_LOOP)
    assert served_by(decision) == expected


def test_where_a_prompt_begins_no_tier_serves_yet():
    rule = Rule(name="begin", when='session.tier == ""', tier="deep")
    assert served_by(decide(document(rules=(rule,)), SessionState("routine", "routine"))) == "deep"


def test_only_rules_that_escalate_act_inside_a_loop_and_only_upward():
    stalled = {"session.tool_errors_in_a_row": 3}
    up = decide(state=SessionState("routine", "routine"), kind=TurnKind.TOOL_LOOP, variables=stalled)
    assert (served_by(up), up.reason) == ("deep", Reason.ESCALATION)
    wide = decide(state=SessionState("routine", "routine"), kind=TurnKind.TOOL_LOOP, variables={"task.file_count": 99})
    assert served_by(wide) == "routine"
    flagged = {"turn.output_flagged": True}
    down = decide(state=SessionState("routine", "deep"), kind=TurnKind.TOOL_LOOP, variables=flagged)
    assert served_by(down) == "deep"


def claude_on_routine():
    claude = replace(model("cheap"), id="anthropic/claude-sonnet-4.6")
    return document(models=[claude, *(model(name) for name in ("middle", "big", "tiny", "spare"))])


@pytest.mark.parametrize("wish", [{"hint": "deep"}, {"variables": {"session.tool_errors_in_a_row": 3}}])
def test_no_switch_is_made_inside_a_loop_that_carries_signed_thinking(wish):
    state = SessionState("routine", "routine")
    kept = decide(claude_on_routine(), state, kind=TurnKind.TOOL_LOOP, signed_thinking=True, **wish)
    assert (served_by(kept), kept.reason) == ("routine", Reason.TOOL_LOOP)
    assert "signed" in kept.detail
    assert "deep has to wait" in kept.detail


@pytest.mark.parametrize("wish", [{"hint": "deep"}, {"variables": {"session.tool_errors_in_a_row": 3}}])
def test_thinking_that_no_vendor_checks_binds_no_loop(wish):
    state = SessionState("routine", "routine")
    assert served_by(decide(state=state, kind=TurnKind.TOOL_LOOP, signed_thinking=True, **wish)) == "deep"
    unsigned = decide(claude_on_routine(), state, kind=TurnKind.TOOL_LOOP, signed_thinking=False, **wish)
    assert served_by(unsigned) == "deep"


def test_signed_thinking_doesnt_keep_a_tier_that_cant_take_the_turn():
    decision = decide(
        claude_on_routine(),
        SessionState("routine", "routine"),
        kind=TurnKind.TOOL_LOOP,
        signed_thinking=True,
        unfit={"routine": "messages.3.content.0: the model takes no images"},
    )
    assert served_by(decision) == "reasoning"


def test_a_loop_of_an_unknown_session_is_decided_like_a_prompt():
    decision = decide(kind=TurnKind.TOOL_LOOP)
    assert (served_by(decision), decision.reason) == ("routine", Reason.DEFAULT)


def test_a_loop_on_a_tier_that_is_gone_is_decided_anew():
    assert served_by(decide(state=SessionState("old", "old"), kind=TurnKind.TOOL_LOOP)) == "routine"


def only(dialects: dict[str, tuple[Dialect, ...]]):
    names = ("cheap", "middle", "big", "tiny", "spare")
    return document(models=[model(name, *dialects.get(name, (Dialect.CHAT,))) for name in names])


def test_a_tier_of_another_dialect_serves_too_because_its_turns_are_translated():
    doc = only({"middle": (Dialect.RESPONSES,), "tiny": (Dialect.RESPONSES,)})
    decision = decide(doc, dialect=Dialect.RESPONSES)
    assert (served_by(decision), decision.reason) == ("routine", Reason.DEFAULT)
    assert served_by(decide(only({}), dialect=Dialect.MESSAGES)) == "routine"


def test_a_tier_that_cant_take_the_turn_is_passed_over_for_the_first_that_can():
    decision = decide(unfit={"routine": "messages.0.content.1: the model takes no images"})
    assert (served_by(decision), decision.reason) == ("reasoning", Reason.DIALECT)
    assert "routine was chosen" in decision.detail
    assert "messages.0.content.1: the model takes no images" in decision.detail
    assert "routine" not in [target.tier_name for target in decision.targets]


def test_a_turn_that_no_tier_can_take_is_not_servable_and_the_field_is_named():
    decision = decide(unfit=dict.fromkeys(document().tiers, "previous_response_id: kept by its own vendor"))
    assert decision.targets == ()
    assert decision.reason is Reason.NOT_SERVABLE
    assert "previous_response_id" in decision.detail


def test_a_model_that_refuses_tools_in_its_only_dialect_is_passed_over_for_turns_with_tools():
    picky = model("cheap", Dialect.CHAT, reject=((Dialect.CHAT, "tools"),))
    doc = document(models=[picky, *(model(name) for name in ("middle", "big", "tiny", "spare"))])
    assert served_by(decide(doc)) == "routine"
    assert served_by(decide(doc, has_tools=True)) == "reasoning"


def test_the_fallback_tier_comes_next_and_a_tier_may_name_others():
    assert [t.tier_name for t in decide().targets] == ["routine", "fallback"]
    doc = document()
    tiers = dict(doc.tiers)
    tiers["routine"] = replace(tiers["routine"], fallback_to=("local", "deep"))
    assert [t.tier_name for t in decide(replace(doc, tiers=tiers)).targets] == ["routine", "local", "deep"]


def test_a_tier_spills_before_it_falls_back_and_to_no_tier_twice():
    doc = document()
    spilling = replace(doc.tiers["routine"], spill_to="deep", fallback_to=("local", "deep"))
    doc = replace(doc, tiers={**doc.tiers, "routine": spilling})
    assert [t.tier_name for t in decide(doc).targets] == ["routine", "deep", "local"]


def test_observe_serves_what_was_asked_for_and_says_what_would_have_been_decided():
    decision = decide(document(mode=Mode.OBSERVE), requested_model="big", variables={"task.sandboxed": True})
    assert (served_by(decision), decision.reason) == ("deep", Reason.OBSERVE)
    assert decision.observed is not None
    assert served_by(decision.observed) == "local"
    assert "local would have served" in decision.detail
    assert len(decision.targets) == 1


def test_off_serves_an_unknown_model_at_the_vendor_whose_dialect_it_is():
    decision = decide(document(mode=Mode.OFF), requested_model="unheard-of")
    assert decision.targets[0].model_id == "unheard-of"
    assert decision.targets[0].tier_name == "none"


def test_off_without_any_provider_of_the_dialect_is_not_servable():
    doc = replace(only({}), mode=Mode.OFF)
    assert decide(doc, dialect=Dialect.MESSAGES).reason is Reason.NOT_SERVABLE


SPLIT = (("routine", 70), ("reasoning", 30))


@given(st.text(max_size=40))
def test_a_session_falls_to_the_same_side_of_a_split_for_ever(session):
    router = Router(document(default_tier=SPLIT))
    first, again = router.decide(turn(session=session)), router.decide(turn(session=session))
    assert served_by(first) == served_by(again)
    assert first.reason is Reason.SPLIT


def test_a_split_is_drawn_by_its_weights():
    router = Router(document(default_tier=SPLIT))
    drawn = [served_by(router.decide(turn(session=f"session-{n}"))) for n in range(4000)]
    assert 0.67 < drawn.count("routine") / len(drawn) < 0.73


@given(
    hint=st.none() | st.text(max_size=20) | st.sampled_from(["deep", "local", "none", "routine"]),
    requested=st.text(min_size=1, max_size=20) | st.sampled_from(["tier/deep", "big", "tier/none"]),
    kind=st.sampled_from(list(TurnKind)),
    home=st.sampled_from(["", "routine", "deep", "gone"]),
    current=st.sampled_from(["", "routine", "local", "deep", "gone"]),
    files=st.integers(0, 100),
    sandboxed=st.booleans(),
    errors=st.integers(0, 9),
)
def test_every_turn_gets_a_tier_and_no_open_loop_ever_moves_down(
    hint, requested, kind, home, current, files, sandboxed, errors
):
    doc = document()
    variables = {"task.file_count": files, "task.sandboxed": sandboxed, "session.tool_errors_in_a_row": errors}
    decision = decide(
        doc, SessionState(home, current), hint=hint, requested_model=requested, kind=kind, variables=variables
    )
    served = served_by(decision)
    assert decision.explanation.isprintable()
    if kind is TurnKind.UTILITY:
        assert decision.state == SessionState(home, current), "a call beside the conversation is not remembered"
        return
    assert decision.state.current == served
    if kind is not TurnKind.USER and current in doc.tiers:
        assert served == current or doc.tiers[served].rank > doc.tiers[current].rank

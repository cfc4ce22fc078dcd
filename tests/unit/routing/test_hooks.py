"""Hooks: expressions of the user's own, over the turn and over what a provider answered."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documents import document, turn

from tierrouter_core.document.model import Document, Hooks, Rule
from tierrouter_core.errors import RuleError
from tierrouter_core.names import Dialect, Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.forced import Forced, forced_document
from tierrouter_core.routing.hooks import IS_COMPLEX_PLANNING, OUTPUT_FLAGGED, Response, check_hook
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.variables import RESPONSE_VARIABLES, defaults
from tierrouter_core.wire.read_answer import Answered, read_answer

RULES = (Rule(name="planning", when="task.complex_planning", tier="deep", escalate=True),)
RESPONSE = Response(tier="routine", model="cheap", provider="vendor")


def hooked(rules: tuple[Rule, ...] = RULES, **hooks: str) -> Document:
    return document(rules=rules, hooks=Hooks(**hooks))


def planning(when: str = "task.file_count > thresholds.file_count") -> Router:
    return Router(hooked(is_complex_planning=when))


def test_an_expression_of_ones_own_says_what_complex_planning_is() -> None:
    router = planning()
    decision = router.decide(turn(variables={"task.file_count": 9}))
    assert (decision.targets[0].tier_name, decision.reason) == ("deep", Reason.RULE)
    assert "task.complex_planning=True" in decision.detail
    assert router.decide(turn(variables={"task.file_count": 8})).targets[0].tier_name == "routine"


def test_it_is_asked_inside_a_tool_loop_too() -> None:
    state = SessionState("routine", "routine")
    decision = planning().decide(turn(kind=TurnKind.TOOL_LOOP, variables={"task.file_count": 9}), state)
    assert (decision.targets[0].tier_name, decision.reason) == ("deep", Reason.ESCALATION)


@pytest.mark.parametrize("says", [True, False])
def test_the_agents_own_word_wins(says: bool) -> None:
    variables: dict[str, Any] = {"task.file_count": 0 if says else 9, "task.complex_planning": says}
    stated = turn(variables=variables, stated=frozenset({"task.complex_planning"}))
    assert planning().decide(stated).targets[0].tier_name == ("deep" if says else "routine")


def test_one_that_fails_counts_as_false_and_is_reported_by_its_name() -> None:
    decision = planning("task.file_count / task.files_read > 1").decide(turn())
    assert decision.targets[0].tier_name == "routine"
    assert [(failed.rule.name, "divide by zero" in failed.error) for failed in decision.rule_errors] == [
        (IS_COMPLEX_PLANNING, True)
    ]


def test_a_router_uses_what_its_hooks_name() -> None:
    router = Router(
        hooked(
            is_complex_planning="task.ast_depth > 5", output_flagged="session.calls > 9", is_throttled="turn.has_images"
        )
    )
    for name in ("task.ast_depth", "session.calls", "turn.has_images", "task.complex_planning"):
        assert router.uses(name), name
    assert not router.uses("task.files_read")


def test_nothing_is_asked_where_no_rule_wants_to_know() -> None:
    router = Router(hooked(rules=(), is_complex_planning="task.file_count / task.files_read > 1"))
    assert router.decide(turn()).rule_errors == ()


def flagged(when: str, **changes: Any) -> bool:
    hook = Router(hooked(output_flagged=when)).hooks.flagged
    assert hook is not None
    return hook.ask(defaults(), replace(RESPONSE, **changes)).yes


def test_an_answer_is_flagged_by_what_it_says() -> None:
    assert flagged("response.text.contains('unable')", text="I am unable to do that.")
    assert flagged("response.finish == 'length' && response.output_tokens > 3", finish="length", output_tokens=4)
    assert flagged("'Bash' in response.tools && response.tools.size() == 2", tools=("Read", "Bash"))
    assert flagged("response.tools.exists(name, name.startsWith('mcp__'))", tools=("mcp__x",))
    assert flagged("response.tier == 'routine' && response.input_tokens >= thresholds.file_count", input_tokens=8)
    assert not flagged("response.text.matches('(?i)unable')", text="Done.")


def test_a_hook_may_be_wrapped_around_a_dot() -> None:
    hook = Router(hooked(output_flagged="response.\n  text == 'no' && turn . agent == 'main'")).hooks.flagged
    assert hook is not None
    assert hook.reads_the_answer
    assert hook.ask(defaults(), replace(RESPONSE, text="no")).yes


def test_a_hook_over_responses_that_fails_says_no_and_why() -> None:
    hook = Router(hooked(is_throttled="response.status / session.calls > 1")).hooks.throttled
    assert hook is not None
    said = hook.ask(defaults(), RESPONSE)
    assert not said.yes
    assert "divide by zero" in said.error


def test_an_answer_is_read_again_only_for_who_asks_for_what_is_in_it() -> None:
    for when, reads in (("response.text != ''", True), ("response.output_tokens > 3", False)):
        hook = Router(hooked(output_flagged=when)).hooks.flagged
        assert hook is not None
        assert hook.reads_the_answer is reads


def test_a_hook_that_does_not_compile_names_itself() -> None:
    with pytest.raises(RuleError, match=r"hooks\.outputFlagged: column 9: undeclared reference to 'response.txet'"):
        Router(hooked(output_flagged="response.txet == ''"))


@pytest.mark.parametrize(
    ("name", "when", "says"),
    [
        (IS_COMPLEX_PLANNING, "response.text == ''", "undeclared reference to 'response.text'"),
        (IS_COMPLEX_PLANNING, "task.complex_planning", "undeclared reference"),
        (IS_COMPLEX_PLANNING, "session.tier == ''", "undeclared reference"),
        (OUTPUT_FLAGGED, "response.text", "it must give bool"),
        (OUTPUT_FLAGGED, "response.tools == 'Bash'", "no matching overload"),
    ],
)
def test_what_a_hook_may_not_look_at_is_said(name: str, when: str, says: str) -> None:
    assert says in (check_hook(name, when, ()) or "")


def test_every_variable_of_responses_is_documented_and_has_the_value_that_is_its_default() -> None:
    text = (Path(__file__).parents[3] / "docs" / "routing.md").read_text()
    rows = dict(re.findall(r"^\| `(response\.\w+)` \| (\S+) \|", text, re.MULTILINE))
    assert rows == {name: variable.type_name for name, variable in RESPONSE_VARIABLES.items()}
    values = Response(tier="", model="", provider="").variables()
    assert values == {
        name: list(variable.default) if isinstance(variable.default, tuple) else variable.default
        for name, variable in RESPONSE_VARIABLES.items()
    }


def test_of_a_forced_tier_what_counts_as_throttled_stays() -> None:
    doc = hooked(is_throttled="true", is_complex_planning="true", output_flagged="true")
    assert forced_document(doc, Forced("deep")).hooks == Hooks(is_throttled="true")


CALLS = {
    Dialect.CHAT: b'{"choices": [{"finish_reason": "tool_calls", "message": {"content": "Let me see.", "tool_calls": ['
    b'{"id": "1", "type": "function", "function": {"name": "read", "arguments": "{}"}},'
    b'{"id": "2", "type": "function", "function": {"name": "read", "arguments": "{}"}}]}}]}',
    Dialect.MESSAGES: b'{"stop_reason": "tool_use", "content": [{"type": "text", "text": "Let me see."},'
    b'{"type": "tool_use", "id": "1", "name": "read", "input": {}},'
    b'{"type": "tool_use", "id": "2", "name": "read", "input": {}}]}',
    Dialect.RESPONSES: b'{"status": "completed", "output": [{"type": "message", "role": "assistant", "content": '
    b'[{"type": "output_text", "text": "Let me see."}]},'
    b'{"type": "function_call", "call_id": "1", "name": "read", "arguments": "{}"},'
    b'{"type": "function_call", "call_id": "2", "name": "read", "arguments": "{}"}]}',
}


@pytest.mark.parametrize("dialect", Dialect)
def test_an_answer_says_the_same_in_all_dialects(dialect: Dialect) -> None:
    answered = read_answer(dialect, CALLS[dialect], streamed=False)
    assert answered == Answered(text="Let me see.", finish="tool_calls", tools=("read", "read"))


@pytest.mark.parametrize("data", [b"", b"no", b"[]", b"{}"])
def test_of_broken_answers_less_is_known(data: bytes) -> None:
    assert read_answer(Dialect.CHAT, data, streamed=False).text == ""

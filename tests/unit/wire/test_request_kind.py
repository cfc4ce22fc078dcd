"""What sort of turn a request is, by the end of its conversation."""

import json
from typing import Any

import pytest

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.wire.injected import INJECTED_PREFIXES, without_injected
from tierrouter_core.wire.request import read_request

MESSAGES, CHAT, RESPONSES = Dialect.MESSAGES, Dialect.CHAT, Dialect.RESPONSES
REMINDER = "<system-reminder>Be brief.</system-reminder>"
CUT_OFF = "Your response above was cut off mid-stream. Go on."
STOPPED = "[Request interrupted by user for tool use]"


def kind(dialect: Dialect, *entries: dict[str, Any]) -> TurnKind:
    key = "input" if dialect is RESPONSES else "messages"
    return read_request(dialect, json.dumps({"model": "a", key: entries}).encode()).kind


def user(*blocks: str | dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]}


def item(text: str, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "ok"}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://example.com"}}
CALLS = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]}
ANSWER = {"role": "assistant", "content": "done"}
NOTE = {"role": "system", "content": "note"}
TOOL = {"role": "tool", "tool_call_id": "t", "content": "ok"}
OUTPUT = {"type": "function_call_output", "call_id": "t", "output": "ok"}
CALL = {"type": "function_call", "call_id": "t", "name": "exec", "arguments": "{}"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([user("fix it")], TurnKind.USER),
        ([{"role": "user", "content": "fix it"}], TurnKind.USER),
        ([user(REMINDER, "fix it")], TurnKind.USER),
        ([user(REMINDER + "\n fix it")], TurnKind.USER),
        ([user(PICTURE)], TurnKind.USER),
        ([user("fix it"), CALLS, user(RESULT)], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT, "Tool loaded.")], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT), NOTE], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT), user(REMINDER)], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT), {"role": "assistant", "content": "{"}], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT, STOPPED)], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT, STOPPED, "do that instead")], TurnKind.USER),
        ([user("fix it"), CALLS, user(RESULT, STOPPED + " do that instead")], TurnKind.USER),
        ([user("fix it"), CALLS, user(RESULT, STOPPED, REMINDER)], TurnKind.TOOL_LOOP),
        ([user("fix it"), CALLS, user(RESULT), ANSWER, user("and that")], TurnKind.USER),
        ([user("fix it"), ANSWER, user(REMINDER)], TurnKind.AUTOMATIC),
        ([user("fix it"), ANSWER, user("<task-notification>done</task-notification>")], TurnKind.AUTOMATIC),
        ([user("fix it"), ANSWER, user(CUT_OFF)], TurnKind.CONTINUATION),
        ([user("fix it"), ANSWER, user(REMINDER, CUT_OFF, REMINDER)], TurnKind.CONTINUATION),
        ([user("fix it"), ANSWER, {"role": "ctx", "content": "and that"}], TurnKind.USER),
        ([], TurnKind.USER),
        ([NOTE, ANSWER], TurnKind.USER),
    ],
)
def test_a_messages_turn_is_known_by_its_last_user_message(entries: list[dict[str, Any]], expected: TurnKind) -> None:
    assert kind(MESSAGES, *entries) is expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([NOTE, user("fix it")], TurnKind.USER),
        ([user("fix it"), ANSWER, TOOL, TOOL], TurnKind.TOOL_LOOP),
        ([user("fix it"), ANSWER, TOOL, NOTE], TurnKind.TOOL_LOOP),
        ([user("fix it"), ANSWER, {"role": "function", "name": "t", "content": ""}], TurnKind.TOOL_LOOP),
        ([user("fix it"), ANSWER, TOOL, user("stop, do that")], TurnKind.USER),
        ([user("fix it"), ANSWER, TOOL, user(REMINDER)], TurnKind.TOOL_LOOP),
        ([user("fix it"), ANSWER, user(REMINDER)], TurnKind.AUTOMATIC),
        ([user("fix it"), ANSWER, user(CUT_OFF)], TurnKind.CONTINUATION),
    ],
)
def test_a_chat_turn_is_known_by_its_last_message(entries: list[dict[str, Any]], expected: TurnKind) -> None:
    assert kind(CHAT, *entries) is expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            [item("rules", "developer"), item("<environment_context>x</environment_context>"), item("fix")],
            TurnKind.USER,
        ),
        ([item("fix"), item("<environment_context>x</environment_context>")], TurnKind.USER),
        ([item("fix"), CALL, OUTPUT], TurnKind.TOOL_LOOP),
        ([item("fix"), CALL, {**OUTPUT, "type": "custom_tool_call_output"}], TurnKind.TOOL_LOOP),
        ([item("fix"), CALL, OUTPUT, item("be careful", "developer")], TurnKind.TOOL_LOOP),
        ([item("fix"), CALL, OUTPUT, {"type": "reasoning", "summary": []}], TurnKind.TOOL_LOOP),
        ([item("fix"), CALL, OUTPUT, item("and that")], TurnKind.USER),
        ([item("fix"), item("done", "assistant"), item("# AGENTS.md instructions")], TurnKind.AUTOMATIC),
        ([item("fix"), item("do", "assistant"), item(CUT_OFF)], TurnKind.CONTINUATION),
    ],
)
def test_a_responses_turn_is_known_by_its_last_item(entries: list[dict[str, Any]], expected: TurnKind) -> None:
    assert kind(RESPONSES, *entries) is expected


def test_plain_text_input_is_a_user_turn() -> None:
    assert read_request(RESPONSES, b'{"model":"a","input":"hello"}').kind is TurnKind.USER


@pytest.mark.parametrize("prefix", INJECTED_PREFIXES)
def test_text_that_an_agent_put_there_is_not_the_users(prefix: str) -> None:
    assert without_injected(f"\n {prefix} something") == ""


def test_what_the_user_wrote_behind_injected_text_remains() -> None:
    text = (
        "<command-name>/x</command-name>\n<command-args></command-args>\n<system-reminder>a</system-reminder> do it \n"
    )
    assert without_injected(text) == "do it"
    assert without_injected("about <system-reminder> tags") == "about <system-reminder> tags"

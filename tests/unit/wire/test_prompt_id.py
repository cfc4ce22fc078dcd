"""Which prompt a call belongs to, by what agents say."""

import json
from typing import Any

import pytest

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.wire.prompt_id import kind_by_prompt, prompt_id
from tierrouter_core.wire.request import read_request

USER, AUTOMATIC = TurnKind.USER, TurnKind.AUTOMATIC
CLAUDE = {"x-claude-code-session-id": "s", "x-claude-code-prompt-id": "p-1"}


def stated(headers: dict[str, str], **body: Any) -> str:
    request = read_request(Dialect.RESPONSES, json.dumps({"model": "auto", "input": "Go.", **body}).encode())
    return prompt_id(request, headers)


def codex(**fields: Any) -> dict[str, str]:
    return {"x-codex-turn-metadata": json.dumps(fields)}


@pytest.mark.parametrize(
    ("headers", "prompt"),
    [
        (CLAUDE, "p-1"),
        ({**CLAUDE, "x-claude-code-request-class": "main"}, "p-1"),
        ({**CLAUDE, "x-claude-code-request-class": "subagent", "x-claude-code-agent-id": "a"}, ""),
        ({**CLAUDE, "x-claude-code-agent-id": "a"}, ""),
        ({**CLAUDE, "x-claude-code-request-class": "workflow"}, ""),
        ({**CLAUDE, "x-claude-code-prompt-id": "p" * 500}, "p" * 64),
        ({**CLAUDE, "x-claude-code-prompt-id": "p\x07"}, ""),
        (codex(turn_id="t-1", thread_source="user", request_kind="turn"), "t-1"),
        (codex(turn_id="t-1"), "t-1"),
        (codex(turn_id="t-1", thread_source="subagent"), ""),
        (codex(turn_id=7), ""),
        ({"x-codex-turn-metadata": "{not json"}, ""),
        ({"x-codex-turn-metadata": "[]"}, ""),
        ({}, ""),
    ],
)
def test_the_agent_names_the_prompt(headers: dict[str, str], prompt: str) -> None:
    assert stated(headers) == prompt


def test_codex_may_say_it_in_the_body() -> None:
    assert stated({}, client_metadata=codex(turn_id="t-1", thread_source="user")) == "t-1"
    assert stated({}, client_metadata=[1]) == ""


@pytest.mark.parametrize(
    ("kind", "prompt", "before", "becomes"),
    [
        (USER, "p", "p", AUTOMATIC),
        (USER, "q", "p", USER),
        (AUTOMATIC, "q", "p", USER),
        (AUTOMATIC, "p", "p", AUTOMATIC),
        (TurnKind.TOOL_LOOP, "q", "p", TurnKind.TOOL_LOOP),
        (TurnKind.CONTINUATION, "q", "p", TurnKind.CONTINUATION),
        (USER, "", "p", USER),
        (USER, "p", "", USER),
        (AUTOMATIC, "p", "", AUTOMATIC),
    ],
)
def test_a_new_id_begins_a_prompt_and_the_same_goes_on(
    kind: TurnKind, prompt: str, before: str, becomes: TurnKind
) -> None:
    assert kind_by_prompt(kind, prompt, before) is becomes

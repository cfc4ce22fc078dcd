"""Which calls of an agent are no turns of its conversation."""

import json
from typing import Any

import pytest

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.wire.call_class import call_kind, context_was_compacted
from tierrouter_core.wire.request import Request, read_request

CHAT, RESPONSES, MESSAGES = Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES
U, C = TurnKind.UTILITY, TurnKind.COMPACTION
TOOL = {"name": "Read", "input_schema": {"type": "object"}}
CLAUDE = {"user-agent": "claude-cli/2.1.330 (external, cli)"}
OPENCODE = {"user-agent": "opencode/1.18.33"}


def asked(dialect: Dialect = MESSAGES, *texts: str, **more: Any) -> Request:
    entries = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts or ("Go.",))]
    body: dict[str, Any] = {"model": "m", "input" if dialect is RESPONSES else "messages": entries, **more}
    if dialect is MESSAGES:
        body.setdefault("max_tokens", 100)
    return read_request(dialect, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("said", "kind"), [("auxiliary", U), ("compaction", C), ("main", None), ("subagent", None), ("workflow", None)]
)
def test_claude_code_says_it_where_it_was_asked_to(said: str, kind: TurnKind | None) -> None:
    assert call_kind(asked(), {"x-claude-code-request-class": said, **CLAUDE}) is kind


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (asked(MESSAGES, "quota", max_tokens=1), U),
        (asked(MESSAGES, "Name this conversation."), U),
        (asked(MESSAGES, "Go.", "Done.", "On.", model="claude-haiku-4-5"), U),
        (asked(MESSAGES, "Go.", tools=[TOOL], model="claude-haiku-4-5"), None),
        (asked(MESSAGES, "Go.", tools=[TOOL]), None),
        (asked(MESSAGES, "Go.", "Done.", "On."), None),
        (asked(MESSAGES, "Go.", "Done.", "CRITICAL: Respond with TEXT ONLY. Summarise.", tools=[TOOL]), C),
        (
            asked(
                MESSAGES,
                "Search.",
                system="You are an assistant for performing a web search tool use",
                tools=[{"type": "web_search_20250305", "name": "web_search"}],
                tool_choice={"type": "tool", "name": "web_search"},
            ),
            U,
        ),
    ],
)
def test_claude_codes_own_calls_are_known_without_a_word(request_: Request, kind: TurnKind | None) -> None:
    assert call_kind(request_, CLAUDE) is kind
    assert call_kind(request_, {}) is None, "who is not known to make such calls makes turns"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x-codex-turn-metadata": '{"request_kind": "turn"}'}, None),
        ({"x-codex-turn-metadata": '{"request_kind": "memory"}'}, U),
        ({"x-codex-turn-metadata": '{"request_kind": "compact"}'}, C),
        ({"x-codex-turn-metadata": "{not json"}, None),
        ({"x-codex-turn-metadata": "[]"}, None),
        ({"x-openai-subagent": "compact"}, C),
        ({"x-openai-subagent": "review"}, None),
        ({"x-openai-subagent": "collab_spawn"}, None),
    ],
)
def test_codex_says_what_its_call_is_for(headers: dict[str, str], kind: TurnKind | None) -> None:
    assert call_kind(asked(RESPONSES), headers) is kind


@pytest.mark.parametrize("dialect", [CHAT, MESSAGES])
def test_opencodes_titles_and_summaries_are_known_by_their_instructions(dialect: Dialect) -> None:
    for text, kind in (
        ("You are a title generator. You output ONLY a thread title.", U),
        ("You are a helpful AI assistant tasked with summarizing conversations.", C),
        ("You are opencode, an agent.", None),
    ):
        more: dict[str, Any] = {"system": text} if dialect is MESSAGES else {}
        request = asked(dialect, "Go.", **more)
        if dialect is CHAT:
            request.parsed["messages"].insert(0, {"role": "system", "content": text})
        assert call_kind(request, OPENCODE) is kind
        assert call_kind(request, {}) is None


def test_a_compacted_context_is_said_once() -> None:
    assert context_was_compacted({"x-claude-code-context-compacted": "true"})
    assert not context_was_compacted({"x-claude-code-context-compacted": "0"})
    assert not context_was_compacted({})

"""Calls that agents make beside the conversation: titles, quota probes, web searches, compactions.

Agents say it in headers, in newer versions or when asked to; else it is recognised, for agents that are known to make
such calls, by what no turn of theirs looks like. Calls of anybody else are turns.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, entries_of, text_of
from tierrouter_core.wire.request import Request

CLAUDE_CODE_CLASS: Final = "x-claude-code-request-class"
CLAUDE_CODE_COMPACTED: Final = "x-claude-code-context-compacted"
CODEX_TURN: Final = "x-codex-turn-metadata"
CODEX_SUBAGENT: Final = "x-openai-subagent"

_CLASSES: Final[Mapping[str, TurnKind]] = {"auxiliary": TurnKind.UTILITY, "compaction": TurnKind.COMPACTION}
_COMPACTS = "CRITICAL: Respond with TEXT ONLY"
_SEARCHES = "performing a web search tool use"
_TITLES = "You are a title generator"
_SUMMARISES: Final = re.compile(r"summari[sz](?:e|es|ing|ation)", re.IGNORECASE)
_LOOKED_AT = 400
"""Characters of instructions."""
_FEW_MESSAGES = 2


def call_kind(request: Request, headers: Mapping[str, str]) -> TurnKind | None:
    """``UTILITY`` or ``COMPACTION``; None for a turn.

    Args:
        headers: by lower-case name.
    """
    said = headers.get(CLAUDE_CODE_CLASS)
    if said is not None:
        return _CLASSES.get(said.strip().lower())
    if _is_claude_code(request, headers):
        return _of_claude_code(request)
    if CODEX_TURN in headers or CODEX_SUBAGENT in headers:
        return _of_codex(headers)
    if not request.has_tools and _is_opencode(headers):
        return _of_opencode(request)
    return None


def context_was_compacted(headers: Mapping[str, str]) -> bool:
    """Whether the agent says that the conversation before this call was compacted."""
    return headers.get(CLAUDE_CODE_COMPACTED, "").strip().lower() not in ("", "0", "false")


def _is_claude_code(request: Request, headers: Mapping[str, str]) -> bool:
    return request.dialect is Dialect.MESSAGES and (
        "x-claude-code-session-id" in headers or headers.get("user-agent", "").startswith("claude-cli/")
    )


def _is_opencode(headers: Mapping[str, str]) -> bool:
    return "x-session-affinity" in headers or headers.get("user-agent", "").startswith("opencode/")


def _of_claude_code(request: Request) -> TurnKind | None:
    if _last_words(request).startswith(_COMPACTS):
        return TurnKind.COMPACTION
    choice = request.parsed.get("tool_choice")
    forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    if forced and _SEARCHES in _instructions(request):
        return TurnKind.UTILITY
    if request.has_tools:
        return None
    few = len(entries_of(request.dialect, request.parsed)) <= _FEW_MESSAGES
    return TurnKind.UTILITY if few or "haiku" in request.model.lower() else None


def _of_codex(headers: Mapping[str, str]) -> TurnKind | None:
    kind = ""
    try:
        parsed: Any = orjson.loads(headers.get(CODEX_TURN, "{}"))
        kind = str(parsed.get("request_kind") or "") if isinstance(parsed, dict) else ""
    except orjson.JSONDecodeError:
        pass
    if "compact" in (kind, headers.get(CODEX_SUBAGENT, "")):
        return TurnKind.COMPACTION
    return TurnKind.UTILITY if kind not in ("", "turn") else None


def _of_opencode(request: Request) -> TurnKind | None:
    told = _instructions(request)
    if told.startswith(_TITLES):
        return TurnKind.UTILITY
    return TurnKind.COMPACTION if _SUMMARISES.search(told) else None


def _instructions(request: Request) -> str:
    """The beginning of all instructions."""
    content: Any = request.parsed.get("system") if request.dialect is Dialect.MESSAGES else None
    if request.dialect is Dialect.RESPONSES:
        content = request.parsed.get("instructions")
    if not content:
        entries = entries_of(request.dialect, request.parsed)
        content = [
            block
            for entry in entries[:4]
            if entry.get("role") in SYSTEM_ROLES
            for block in blocks_of(entry.get("content"))
        ]
    return "\n".join(text[:_LOOKED_AT] for block in blocks_of(content)[:4] if (text := text_of(block)))


def _last_words(request: Request) -> str:
    """The last text of the last message, where that is the user's."""
    entries = entries_of(request.dialect, request.parsed)
    if not entries or entries[-1].get("role") != "user":
        return ""
    texts = [text for block in blocks_of(entries[-1].get("content")) if (text := text_of(block)) is not None]
    return texts[-1].lstrip() if texts else ""

"""Which prompt a call belongs to, where its agent says so: then nothing has to be told by the looks of a conversation.

Claude Code sends an id that all calls of one prompt share (its subagents' too, whose conversations begin elsewhere, so
theirs are passed over), Codex one that lasts a whole tool loop.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from tierrouter_core.names import TurnKind
from tierrouter_core.wire.call_class import CLAUDE_CODE_CLASS, CODEX_TURN
from tierrouter_core.wire.request import Request

CLAUDE_CODE_PROMPT: Final = "x-claude-code-prompt-id"
CLAUDE_CODE_AGENT: Final = "x-claude-code-agent-id"
_MAIN = "main"
_MOST_CHARACTERS = 64


def prompt_id(request: Request, headers: Mapping[str, str]) -> str:
    """The prompt's id; empty where the agent names none, or not for this conversation.

    Args:
        headers: by lower-case name.
    """
    stated = headers.get(CLAUDE_CODE_PROMPT)
    if stated is not None:
        is_main = headers.get(CLAUDE_CODE_CLASS, _MAIN).strip().lower() == _MAIN and CLAUDE_CODE_AGENT not in headers
        return _clean(stated) if is_main else ""
    metadata = request.parsed.get("client_metadata")
    told = headers.get(CODEX_TURN) or (metadata.get(CODEX_TURN) if isinstance(metadata, dict) else None)
    return _of_codex(told) if isinstance(told, str) else ""


def kind_by_prompt(kind: TurnKind, prompt: str, before: str) -> TurnKind:
    """A turn's kind by the ids of its prompt and of the one that was served before; empty where they are not known.

    What looks like a prompt and has the id of the one in progress is something that the agent has put in; what looks
    like that and has a new id is a prompt. An open tool loop stays open.
    """
    if not prompt or not before:
        return kind
    if kind is TurnKind.USER and prompt == before:
        return TurnKind.AUTOMATIC
    if kind is TurnKind.AUTOMATIC and prompt != before:
        return TurnKind.USER
    return kind


def _of_codex(told: str) -> str:
    try:
        fields: Any = orjson.loads(told)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(fields, dict) or fields.get("thread_source", "user") != "user":
        return ""
    return _clean(fields.get("turn_id"))


def _clean(value: Any) -> str:
    # It is kept for every session, so no more of it than tells two apart.
    return value.strip()[:_MOST_CHARACTERS] if isinstance(value, str) and value.isprintable() else ""

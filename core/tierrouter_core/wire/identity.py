"""Who is asking: the agent's session, and which of the session's agents.

Agents say it in headers or in the body, each in its own way. Where none does, a pseudonymous key is derived from how
the conversation began, which stays the same while it grows. The tool list has no part in it: agents add tools in the
middle of a session.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import SESSION_HEADER, Dialect
from tierrouter_core.value_class import value_class
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, entries_of, text_of
from tierrouter_core.wire.injected import without_injected
from tierrouter_core.wire.request import Request

MAIN_AGENT = "main"
DERIVED_PREFIX = "derived-"
_MAX_ID_CHARACTERS = 128
_DERIVED_DIGITS = 20
_HASHED_BYTES = 4096
"""Of the instructions, and of the first prompt, each."""
_BILLING_PREFIX = "x-anthropic-billing-header"
"""Begins a system block of Claude Code that older versions change on every request."""
_OLD_USER_ID = re.compile(r"_session_([0-9A-Za-z-]+)$")


@value_class
class Identity:
    """Whose turn it is. Ids have at most 128 characters, all of them printable."""

    session: str
    agent: str = MAIN_AGENT
    """``main``, or the subagent's id."""
    parent_agent: str = ""
    """Who started the subagent; empty for ``main``."""
    derived: bool = False
    """Nobody named a session: ``session`` is ours."""


def identify(request: Request, headers: Mapping[str, str], salt: bytes) -> Identity:
    """Whose turn ``request`` is; ``headers`` by their lower-case names.

    ``salt`` keys the derived ids: without it nobody can tell from an id how a conversation began.
    """
    session, agent, parent = _claude_code(request, headers, salt)
    if not session:
        session, agent, parent = _codex(request, headers, agent, parent)
    if not session:
        session, agent, parent = _opencode(headers, agent, parent)
    if not session:
        session = _clean(request.parsed.get("prompt_cache_key")) or _conversation(request)
    session = _header(headers, SESSION_HEADER) or session
    parent = "" if agent == MAIN_AGENT else parent or MAIN_AGENT
    if session:
        return Identity(session, agent, parent)
    return Identity(_derived(request, headers, salt), agent, parent, derived=True)


def _claude_code(request: Request, headers: Mapping[str, str], salt: bytes) -> tuple[str, str, str]:
    session = _header(headers, "x-claude-code-session-id") or _session_in_user_id(request)
    agent = _header(headers, "x-claude-code-agent-id")
    if not agent and _says_subagent(request):
        # Older versions say that they are a subagent but not which: its first prompt tells.
        agent = "subagent-" + _digest(salt, _first_user_text(request))
    return session, agent or MAIN_AGENT, _header(headers, "x-claude-code-parent-agent-id") if agent else ""


def _session_in_user_id(request: Request) -> str:
    """Claude Code's ``metadata.user_id``: JSON text, or ``user_..._session_<uuid>`` in older versions."""
    metadata = request.parsed.get("metadata")
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user_id, str):
        return ""
    old = _OLD_USER_ID.search(user_id)
    if old is not None:
        return _clean(old[1])
    try:
        fields = orjson.loads(user_id) if user_id.startswith("{") else None
    except orjson.JSONDecodeError:
        return ""
    return _clean(fields.get("session_id")) if isinstance(fields, dict) else ""


def _says_subagent(request: Request) -> bool:
    blocks = blocks_of(request.parsed.get("system")) if request.dialect is Dialect.MESSAGES else []
    text = text_of(blocks[0]) if blocks else None
    return text is not None and text.startswith(_BILLING_PREFIX) and "cc_is_subagent=true" in text


def _codex(request: Request, headers: Mapping[str, str], agent: str, parent: str) -> tuple[str, str, str]:
    """Codex's threads: the one whose id is the session's is the main agent."""
    metadata = request.parsed.get("client_metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    session = _header(headers, "session-id") or _header(headers, "session_id") or _clean(fields.get("session_id"))
    thread = _header(headers, "thread-id") or _clean(fields.get("thread_id"))
    session = session or thread
    if not session or not thread or thread == session:
        return session, agent, parent
    starter = _header(headers, "x-codex-parent-thread-id")
    return session, thread, MAIN_AGENT if starter in ("", session) else starter


def _opencode(headers: Mapping[str, str], agent: str, parent: str) -> tuple[str, str, str]:
    """OpenCode's subagents have sessions of their own, which name the one that they belong to."""
    own = _header(headers, "x-session-id") or _header(headers, "x-session-affinity")
    belongs_to = _header(headers, "x-parent-session-id")
    if own and belongs_to and belongs_to != own:
        return belongs_to, own, MAIN_AGENT
    return own, agent, parent


def _conversation(request: Request) -> str:
    """The conversation that OpenAI keeps for a Responses client, by its id."""
    conversation = request.parsed.get("conversation")
    return _clean(conversation.get("id") if isinstance(conversation, dict) else conversation)


def _derived(request: Request, headers: Mapping[str, str], salt: bytes) -> str:
    key = headers.get("x-api-key") or headers.get("authorization") or headers.get("api-key") or ""
    parts = (str(request.dialect), key, _instructions(request), _first_user_text(request))
    return DERIVED_PREFIX + _digest(salt, *parts)


def _digest(salt: bytes, *parts: str) -> str:
    """Keyed hash of ``parts``; each one's length goes in too, so that no two lists of parts look the same."""
    code = hmac.new(salt, digestmod=hashlib.sha256)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        code.update(b"%d:" % len(data) + data)
    return code.hexdigest()[:_DERIVED_DIGITS]


def _instructions(request: Request) -> str:
    """The beginning of the first system or developer text, without Claude Code's billing block."""
    key = {Dialect.MESSAGES: "system", Dialect.RESPONSES: "instructions"}.get(request.dialect, "")
    content: Any = request.parsed.get(key)
    if not content:
        entries = entries_of(request.dialect, request.parsed)
        content = next((entry.get("content") for entry in entries if entry.get("role") in SYSTEM_ROLES), None)
    texts = (text_of(block) or "" for block in blocks_of(content))
    return "\n\n".join(text for text in texts if not text.startswith(_BILLING_PREFIX))[:_HASHED_BYTES]


def _first_user_text(request: Request) -> str:
    """The beginning of the first thing that a person wrote."""
    for entry in entries_of(request.dialect, request.parsed):
        if entry.get("role") != "user":
            continue
        for block in blocks_of(entry.get("content")):
            text = without_injected(text_of(block) or "")
            if text:
                return text[:_HASHED_BYTES]
    return ""


def _header(headers: Mapping[str, str], name: str) -> str:
    return _clean(headers.get(name))


def _clean(value: Any) -> str:
    """An id that is safe in logs, labels and files: printable, bounded; empty if nothing of it is left."""
    if not isinstance(value, str):
        return ""
    if value.isprintable() and len(value) <= _MAX_ID_CHARACTERS:
        return value.strip()
    text = "".join(character for character in value[: 8 * _MAX_ID_CHARACTERS] if character.isprintable()).strip()
    if len(text) <= _MAX_ID_CHARACTERS:
        return text
    # Cut, but still different from its neighbours.
    ending = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: _MAX_ID_CHARACTERS - 17]}-{ending}"

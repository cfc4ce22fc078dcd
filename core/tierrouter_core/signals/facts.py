"""A conversation as facts, alike for the three dialects: prompts, answers, calls and what they gave back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, text_of
from tierrouter_core.wire.injected import INTERRUPTED_PREFIX, without_injected

_RESULT_ROLES = ("tool", "function")
_CALL_ITEMS = ("function_call", "custom_tool_call", "local_shell_call", "tool_search_call")


@dataclass(slots=True)
class Prompted:
    """A person wrote something; ``text`` is without what agents put before it."""

    text: str


@dataclass(slots=True)
class Answered:
    """The model was called and has answered."""


@dataclass(slots=True)
class Called:
    """The model called a tool; ``arguments`` are an object, or its JSON text, or free text."""

    id: str
    name: str
    arguments: Any


@dataclass(slots=True)
class Returned:
    """A tool gave back something; ``failed`` where the agent itself says that it went wrong."""

    id: str
    text: str
    failed: bool = False


Fact = Prompted | Answered | Called | Returned


def facts_of(dialect: Dialect, entries: Sequence[dict[str, Any]], begin: int = 0) -> Iterator[Fact]:
    """What the entries from ``begin`` on say, oldest first. Unknown shapes say nothing."""
    if dialect is Dialect.RESPONSES:
        yield from _of_items(entries, begin)
        return
    for entry in entries[begin:]:
        if entry.get("role") == "assistant":
            yield Answered()
            yield from _calls(entry)
        elif entry.get("role") in _RESULT_ROLES:
            yield Returned(_text(entry.get("tool_call_id")), _written(entry.get("content")))
        elif entry.get("role") not in SYSTEM_ROLES:
            yield from _of_user(entry)


def is_of_model(dialect: Dialect, entry: dict[str, Any]) -> bool:
    """Whether the model said it."""
    role = entry.get("role")
    if role is None and dialect is Dialect.RESPONSES:
        return not str(entry.get("type", "")).endswith("_output")
    return bool(role == "assistant")


def _calls(entry: dict[str, Any]) -> Iterator[Fact]:
    calls = entry.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            if not isinstance(call, dict):
                continue
            named = call.get("function") or call.get("custom")
            named = named if isinstance(named, dict) else {}
            yield Called(_text(call.get("id")), _text(named.get("name")), named.get("arguments", named.get("input")))
    content = entry.get("content")
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and block.get("type") == "tool_use":
                yield Called(_text(block.get("id")), _text(block.get("name")), block.get("input"))


def _of_user(entry: dict[str, Any]) -> Iterator[Fact]:
    blocks = blocks_of(entry.get("content"))
    # Beside results there are an agent's own words, unless the user has stopped the loop.
    speaks = not any(block.get("type") == "tool_result" for block in blocks)
    for block in blocks:
        if block.get("type") == "tool_result":
            failed = block.get("is_error") is True
            yield Returned(_text(block.get("tool_use_id")), _written(block.get("content")), failed)
            continue
        text = text_of(block)
        if text is None:
            continue
        if text.lstrip().startswith(INTERRUPTED_PREFIX):
            speaks, text = True, text.partition("]")[2]
        said = without_injected(text) if speaks else ""
        if said:
            yield Prompted(said)


def _of_items(entries: Sequence[dict[str, Any]], begin: int) -> Iterator[Fact]:
    answering = begin > 0 and is_of_model(Dialect.RESPONSES, entries[begin - 1])
    for item in entries[begin:]:
        if is_of_model(Dialect.RESPONSES, item):
            if not answering:
                yield Answered()
            answering = True
            if item.get("type") in _CALL_ITEMS:
                arguments = item.get("arguments", item.get("input", item.get("action")))
                yield Called(_text(item.get("call_id")), _text(item.get("name")) or "local_shell", arguments)
            continue
        answering = False
        if str(item.get("type", "")).endswith("_output"):
            yield Returned(_text(item.get("call_id")), _written(item.get("output")))
        elif item.get("role") not in SYSTEM_ROLES:
            yield from _of_user(item)


def _written(content: Any) -> str:
    """A result's text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        # Codex once wrapped a command's output in an object.
        return _text(content.get("output") or content.get("content"))
    return "\n".join(text for block in blocks_of(content) if (text := text_of(block)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

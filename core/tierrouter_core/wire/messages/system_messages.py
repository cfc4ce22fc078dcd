"""Instructions inside ``messages`` for a Claude model that refuses them, in a request that otherwise stays as it is.

They go where :mod:`tierrouter_core.wire.folding` puts them: to the user's side next to which they stand, never to the
prompt's head, where they would change with every turn and no cache would hold.
"""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.counts import details, items

Json = dict[str, Any]


def without_system_messages(messages: list[Any]) -> list[Any] | None:
    """``messages`` with the texts of the system's in the user's; None where there are none to be moved.

    Nothing of the client's is changed: what is not touched stays the same object. A message of the system's that holds
    more than text stays where it is, for the provider to refuse in its own words.
    """
    out: list[Any] = []
    waiting: list[Json] = []
    moved = False
    for message in messages:
        texts = _texts(message)
        if texts is not None:
            moved = True
            if out and details(out[-1]).get("role") == "user":
                out[-1] = _with(out[-1], texts)
            else:
                waiting += texts
            continue
        role = details(message).get("role")
        if waiting and role == "user":
            message, waiting = _with(message, waiting, after_results=True), []
        elif waiting and role == "assistant":
            out.append({"role": "user", "content": waiting})
            waiting = []
        out.append(message)
    if waiting:
        out.append({"role": "user", "content": waiting})
    return out if moved else None


def _texts(message: Any) -> list[Json] | None:
    """The text blocks of a system message; None for any other message."""
    if details(message).get("role") != "system":
        return None
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = items(content)
    if any(not isinstance(details(block).get("text"), str) for block in blocks):
        return None
    return [{"type": "text", "text": block["text"]} for block in blocks if block["text"]]


def _with(message: Mapping[str, Any], texts: list[Json], *, after_results: bool = False) -> Json:
    """A user message and ``texts``: at its end, or between its results and what else it says."""
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    results = [block for block in blocks if details(block).get("type") == "tool_result"]
    if results and len(results) == len(blocks):
        # Text beside results would be a new say of the user's; in the last result it is part of the loop.
        return {**message, "content": [*blocks[:-1], _in_result(blocks[-1], texts)]}
    if after_results:
        others = [block for block in blocks if details(block).get("type") != "tool_result"]
        return {**message, "content": [*results, *texts, *others]}
    return {**message, "content": [*blocks, *texts]}


def _in_result(result: Mapping[str, Any], texts: list[Json]) -> Json:
    content = result.get("content")
    before = [{"type": "text", "text": content}] if isinstance(content, str) and content else items(content)
    return {**result, "content": [*before, *texts]}

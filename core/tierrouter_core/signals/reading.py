"""How far a conversation has been read, so that each message is looked at once.

Agents send the whole conversation again with every call. What is new in it stands at its end, behind an entry that was
there before: mostly where the last request ended, else it is found by walking back to one that is known. An entry is
known by what does not change when agents move cache marks, drop old thoughts or put reminders in: the ids of its calls
and results, else the words in it and what stands before it.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from tierrouter_core.signals.facts import Called, Fact, Prompted, facts_of, is_of_model
from tierrouter_core.signals.state import NO_SIGNALS, Signals, advanced
from tierrouter_core.signals.tools import Edit, deed_of
from tierrouter_core.value_class import value_class
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, entries_of, text_of
from tierrouter_core.wire.injected import without_injected
from tierrouter_core.wire.request import Request

MOST_SCANNED: Final = 8 * 1024 * 1024
"""Bytes of a request that is read from its beginning; of a longer one only what was said since the last prompt."""
_KEPT_KEYS = 32
_KEY_BYTES = 8
_SAID = 512
"""Characters of words by which an entry is known."""


@value_class
class Progress:
    """One agent's signals, and how far its conversation has been read."""

    signals: Signals = NO_SIGNALS
    keys: bytes = b""
    """Of the last entries that were read, eight bytes each, the newest last."""
    length: int = 0
    """Of the conversation that was read last, in entries; instructions are none."""
    begun: int = 0
    """Where in it stood what was new."""


NOT_BEGUN: Final = Progress()


def read_on(request: Request, known: Progress = NOT_BEGUN, *, begins: bool | None = None) -> Progress:
    """The signals after what is new in ``request``; asked again for the same request they stay as they are.

    Args:
        begins: whether a prompt begins with it, where its agent says so; None: that is told by who seems to speak.
    """
    entries = _entries(request)
    begin = _first_new(entries, known)
    if begin is None:
        begin = _where_it_starts(request, entries, known)
    if begin >= len(entries) and known.keys:
        return known
    facts: Iterable[Fact] = facts_of(request.dialect, entries, begin)
    if begins is not None:
        facts = _of_prompts_that_are_stated(facts, begins=begins)
    signals = advanced(known.signals, facts)
    newest = range(max(begin, len(entries) - _KEPT_KEYS), len(entries))
    fresh = b"".join([_key(entries, place) for place in newest])
    return Progress(signals, (known.keys + fresh)[-_KEPT_KEYS * _KEY_BYTES :], len(entries), begin)


def edits_since(request: Request, begun: int) -> list[Edit]:
    """The edits that the entries from ``begun`` on have made since the last prompt."""
    edits: list[Edit] = []
    for fact in facts_of(request.dialect, _entries(request), begun):
        if isinstance(fact, Prompted):
            edits = []
        elif isinstance(fact, Called):
            edits += deed_of(fact.name, fact.arguments).edits
    return edits


def _of_prompts_that_are_stated(facts: Iterable[Fact], *, begins: bool) -> list[Fact]:
    """``facts`` without prompts that are none, or with the one that does not look like one."""
    told = list(facts)
    if not begins:
        return [fact for fact in told if not isinstance(fact, Prompted)]
    return told if any(isinstance(fact, Prompted) for fact in told) else [*told, Prompted("")]


def _entries(request: Request) -> list[dict[str, Any]]:
    """The conversation without instructions."""
    said = entries_of(request.dialect, request.parsed)
    return [entry for entry in said if entry.get("role") not in SYSTEM_ROLES]


def _first_new(entries: list[dict[str, Any]], known: Progress) -> int | None:
    """The place of the first entry that has not been read; None where nothing in it is known."""
    keys, length = known.keys, known.length
    if not keys:
        return None
    if 0 < length <= len(entries) and _key(entries, length - 1) == keys[-_KEY_BYTES:]:
        return length
    seen = {keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)}
    for place in range(len(entries) - 1, -1, -1):
        if _key(entries, place) in seen:
            return place + 1
    return None


def _where_it_starts(request: Request, entries: list[dict[str, Any]], known: Progress) -> int:
    """Where to begin in a conversation of which nothing is known.

    A new one is read whole. One that was read before has been compacted, or cleared: what was counted stays, and only
    the model's last answer and what came after it is new.
    """
    if not known.keys and request.size <= MOST_SCANNED:
        return 0
    place = len(entries)
    while place > 0 and not is_of_model(request.dialect, entries[place - 1]):
        place -= 1
    while place > 0 and is_of_model(request.dialect, entries[place - 1]):
        place -= 1
    return place


def _key(entries: list[dict[str, Any]], place: int) -> bytes:
    """What the entry at ``place`` is known by."""
    ids, said = _marks(entries[place])
    if not ids:
        # The same words may be said again: not behind the same entry.
        before, words = _marks(entries[place - 1]) if place else ([], "")
        ids = [said, *before, words]
    marks = "\0".join((str(entries[place].get("role")), *ids))
    return hashlib.blake2b(marks.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def _marks(entry: dict[str, Any]) -> tuple[list[str], str]:
    """``(ids of the calls and results in an entry, its first words)``; the words only where it has no ids."""
    ids = [f"{entry.get('type')} {entry[name]}" for name in ("tool_call_id", "call_id") if name in entry]
    calls = entry.get("tool_calls")
    if isinstance(calls, list):
        ids += [str(call.get("id")) for call in calls if isinstance(call, dict)]
    said = ""
    if not ids:
        for block in blocks_of(entry.get("content")):
            kind = block.get("type")
            if kind == "tool_use":
                ids.append(f"call {block.get('id')}")
            elif kind == "tool_result":
                ids.append(f"result {block.get('tool_use_id')}")
            elif not said and (text := text_of(block)) is not None:
                said = without_injected(text)[:_SAID]
    return ids, said

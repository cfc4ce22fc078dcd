"""What sort of turn a request is, from the end of its conversation alone.

Headers that say it outright (request class, turn ids) and the recognition of side calls and compactions are a layer
above; this is what remains for clients that say nothing.
"""

from typing import Any

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, entries_of, text_of
from tierrouter_core.wire.injected import CUT_OFF_PREFIX, INTERRUPTED_PREFIX, without_injected

_RESULT_ROLES = ("tool", "function")


def turn_kind(dialect: Dialect, parsed: dict[str, Any]) -> TurnKind:
    """``USER``, ``TOOL_LOOP``, ``AUTOMATIC`` or ``CONTINUATION``.

    Looks at everything that the client added after the model's last words, not further back.
    """
    entries = _since_last_answer(entries_of(dialect, parsed))
    if dialect is Dialect.MESSAGES:
        return _kind_of_messages(entries)
    return _kind_of_items(entries)


def _since_last_answer(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trailing user and tool entries, oldest first; a prefilled answer behind them is passed over."""
    trailing: list[dict[str, Any]] = []
    for entry in reversed(entries):
        if entry.get("role") in SYSTEM_ROLES:
            continue
        if not _is_models(entry):
            trailing.append(entry)
        elif trailing:
            break
    trailing.reverse()
    return trailing


def _is_models(entry: dict[str, Any]) -> bool:
    """Whether the model said it; items without a role are calls or reasoning, unless they are a call's output."""
    role = entry.get("role")
    return not _is_output_item(entry) if role is None else bool(role == "assistant")


def _is_output_item(entry: dict[str, Any]) -> bool:
    return str(entry.get("type", "")).endswith("_output")


def _kind_of_messages(entries: list[dict[str, Any]]) -> TurnKind:
    blocks = [block for entry in entries for block in blocks_of(entry.get("content"))]
    results = [at for at, block in enumerate(blocks) if block.get("type") == "tool_result"]
    if not results:
        return _kind_of_text(blocks) or TurnKind.USER
    return TurnKind.USER if _interrupted(blocks[results[-1] + 1 :]) else TurnKind.TOOL_LOOP


def _kind_of_items(entries: list[dict[str, Any]]) -> TurnKind:
    kind = None
    for entry in reversed(entries):
        if entry.get("role") in _RESULT_ROLES or _is_output_item(entry):
            return TurnKind.TOOL_LOOP
        this = _kind_of_text(blocks_of(entry.get("content")))
        if this is TurnKind.USER:
            return this
        kind = this if kind is None or this is TurnKind.CONTINUATION else kind
    return kind or TurnKind.USER


def _kind_of_text(blocks: list[dict[str, Any]]) -> TurnKind | None:
    """The kind of a turn that consists of these blocks; None if they hold nothing at all."""
    kind = None
    for block in blocks:
        text = text_of(block)
        if text is None or without_injected(text):
            return TurnKind.USER
        if text.lstrip().startswith(CUT_OFF_PREFIX):
            kind = TurnKind.CONTINUATION
        elif kind is None and text.strip():
            kind = TurnKind.AUTOMATIC
    return kind


def _interrupted(blocks: list[dict[str, Any]]) -> bool:
    """Whether the user stopped the loop and wrote something new."""
    interrupted = False
    for block in blocks:
        text = text_of(block)
        if text is not None and text.lstrip().startswith(INTERRUPTED_PREFIX):
            interrupted = True
            text = text.partition("]")[2]
        if interrupted and (text is None or without_injected(text)):
            return True
    return False

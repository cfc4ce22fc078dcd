"""A whole Messages answer as the raw events of a stream."""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.events import (
    Began,
    CallEnd,
    CallPiece,
    Ended,
    Finished,
    RawEvent,
    TextPiece,
    ThinkingEnd,
    ThinkingPiece,
)
from tierrouter_core.wire.messages.stream_decode import finished


def parse_messages_answer(payload: Mapping[str, Any]) -> list[RawEvent]:
    """Without ``Finished`` where the message has no stop reason."""
    out: list[RawEvent] = [Began(str(payload.get("id") or ""), str(payload.get("model") or ""))]
    for index, block in enumerate(map(details, items(payload.get("content")))):
        match block.get("type"):
            case "text":
                out.append(TextPiece(str(block.get("text") or "")))
            case "thinking":
                out.append(ThinkingPiece(str(block.get("thinking") or "")))
                out.append(ThinkingEnd(str(block.get("signature") or "")))
            case "redacted_thinking":
                out.append(ThinkingEnd(str(block.get("data") or ""), redacted=True))
            case "tool_use":
                arguments = orjson.dumps(block.get("input") or {}).decode()
                out.append(CallPiece(index, str(block.get("id") or ""), str(block.get("name") or ""), arguments))
                out.append(CallEnd(index))
            case _:
                pass
    if payload.get("stop_reason"):
        finish: Finished = finished(payload["stop_reason"], payload.get("stop_sequence"))
        out += [finish, Ended()]
    return out

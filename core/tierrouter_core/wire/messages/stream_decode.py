"""Messages' streams."""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details
from tierrouter_core.wire.decoder import StreamDecoder
from tierrouter_core.wire.events import (
    Began,
    CallEnd,
    CallPiece,
    Ended,
    Finish,
    Finished,
    RawEvent,
    TextPiece,
    ThinkingEnd,
    ThinkingPiece,
)

FINISHES: Mapping[str, Finish] = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP_SEQUENCE,
    "tool_use": Finish.TOOL_CALLS,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
}


class MessagesDecoder(StreamDecoder):
    """Named events, blocks that open and close. Blocks of unknown types say nothing."""

    dialect = Dialect.MESSAGES

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[object, str] = {}
        """The types of the blocks that are open, by index."""
        self._signature = ""
        self._given: dict[object, str] = {}
        self._finish: Finished | None = None

    def _read(self, kind: str, payload: Mapping[str, Any], out: list[RawEvent]) -> None:
        match kind:
            case "content_block_delta":
                self._delta(payload.get("index"), details(payload.get("delta")), out)
            case "content_block_start":
                self._start(_key(payload), details(payload.get("content_block")), out)
            case "content_block_stop":
                self._stop(_key(payload), out)
            case "message_start":
                message = details(payload.get("message"))
                out.append(Began(str(message.get("id") or ""), str(message.get("model") or "")))
            case "message_delta":
                delta = details(payload.get("delta"))
                reason = delta.get("stop_reason")
                if isinstance(reason, str) and reason:
                    sequence = delta.get("stop_sequence")
                    self._finish = finished(reason, sequence)
                self._settle(out)
            case "message_stop":
                self._blocks.clear()
                self._finish = self._finish or Finished(Finish.STOP)
                self._settle(out)
                out.append(Ended())
            case _:
                pass

    def _start(self, index: int | str, block: Mapping[str, Any], out: list[RawEvent]) -> None:
        kind = str(block.get("type"))
        self._blocks[index] = kind
        if kind == "tool_use":
            out.append(CallPiece(index, str(block.get("id") or ""), str(block.get("name") or "")))
            if block.get("input"):
                # A whole call at once, as some local servers send it.
                self._given[index] = orjson.dumps(block["input"]).decode()
        elif kind == "text" and isinstance(block.get("text"), str):
            out.append(TextPiece(block["text"]))
        elif kind == "thinking" and isinstance(block.get("thinking"), str):
            out.append(ThinkingPiece(block["thinking"]))
            self._signature = str(block.get("signature") or "")
        elif kind == "redacted_thinking":
            out.append(ThinkingEnd(str(block.get("data") or ""), redacted=True))

    def _delta(self, index: object, delta: Mapping[str, Any], out: list[RawEvent]) -> None:
        match delta.get("type"):
            case "text_delta":
                text = delta.get("text")
                if isinstance(text, str):
                    out.append(TextPiece(text))
            case "input_json_delta":
                text = delta.get("partial_json")
                if isinstance(text, str) and isinstance(index, int) and self._blocks.get(index) == "tool_use":
                    out.append(CallPiece(index, arguments=text))
            case "thinking_delta":
                text = delta.get("thinking")
                if isinstance(text, str):
                    out.append(ThinkingPiece(text))
            case "signature_delta":
                self._signature += str(delta.get("signature") or "")
            case _:
                pass

    def _stop(self, index: int | str, out: list[RawEvent]) -> None:
        kind = self._blocks.pop(index, "")
        if kind == "tool_use":
            out.append(CallEnd(index, self._given.pop(index, None)))
        elif kind == "thinking":
            out.append(ThinkingEnd(self._signature))
            self._signature = ""
        self._settle(out)

    def _settle(self, out: list[RawEvent]) -> None:
        if self._finish is not None and not self._blocks:
            out.append(self._finish)


def finished(reason: object, sequence: object) -> Finished:
    """A stop reason in our words; one that is not known is a stop."""
    return Finished(FINISHES.get(str(reason), Finish.STOP), sequence if isinstance(sequence, str) else None)


def _key(payload: Mapping[str, Any]) -> int | str:
    index = payload.get("index")
    return index if isinstance(index, int) else str(index)

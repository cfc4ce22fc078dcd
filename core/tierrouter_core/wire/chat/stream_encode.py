"""Chat's streams for Chat's clients."""

from collections.abc import Mapping
from typing import Any, Self

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import Envelope, usage_of_chat
from tierrouter_core.wire.events import Failed, Finish, Finished, Opened, Segment
from tierrouter_core.wire.in_band import in_band_error, meaning_of
from tierrouter_core.wire.model import ToolKind

FINISH_REASONS = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.LENGTH: "length",
    Finish.REFUSAL: "content_filter",
    Finish.FILTER: "content_filter",
}
_FIELDS = {Segment.TEXT: b"content", Segment.REFUSAL: b"refusal", Segment.THINKING: b"reasoning_content"}


class ChatEncoder:
    """Anonymous chunks with deltas. Proofs of what was thought have no place in them."""

    def __init__(self, envelope: Envelope, base: Mapping[str, Any] | None = None) -> None:
        """``base`` is what all chunks say of the answer, where others have come before."""
        self._envelope = envelope
        self._base: dict[str, Any] = {
            "id": f"chatcmpl-{envelope.turn_id}",
            "object": "chat.completion.chunk",
            "created": envelope.created_s,
            "model": envelope.model,
            **(base or {}),
        }
        self._head = b"data: " + orjson.dumps(self._base)[:-1] + b',"choices":[{"index":0,"delta":'
        self._calls = -1
        self._delta_head = self._delta_tail = b""

    @classmethod
    def resumed(cls, envelope: Envelope, base: Mapping[str, Any]) -> Self:
        """With text open, in an answer of which all chunks say ``base``."""
        encoder = cls(envelope, base)
        encoder.opened(Opened(Segment.TEXT))
        return encoder

    def begin(self) -> bytes:
        """The chunk with the role."""
        return self._chunk(b'{"role":"assistant","content":""}')

    def opened(self, segment: Opened) -> bytes:
        """A call's id and name; text begins with its first words."""
        if segment.segment is not Segment.CALL:
            self._delta_head = self._head + b'{"' + _FIELDS[segment.segment] + b'":'
            self._delta_tail = b'},"finish_reason":null}]}\n\n'
            return b""
        self._calls += 1
        custom = segment.kind is ToolKind.CUSTOM
        key, name = ("custom", "input") if custom else ("function", "arguments")
        call = {"index": self._calls, "id": segment.id, "type": key, key: {"name": segment.name, name: ""}}
        self._delta_head = self._head + b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (
            self._calls,
            key.encode(),
            name.encode(),
        )
        self._delta_tail = b'}}]},"finish_reason":null}]}\n\n'
        return self._chunk(orjson.dumps({"tool_calls": [call]}))

    def delta(self, text: str) -> bytes:
        """A chunk."""
        return self._delta_head + orjson.dumps(text) + self._delta_tail

    def closed(self, proof: str) -> bytes:
        """Nothing: Chat has no word for it."""
        return b""

    def finish(self, finished: Finished, usage: Usage) -> bytes:
        """The finish, the usage for those who asked, and ``[DONE]``."""
        last = self._head + b'{},"finish_reason":"' + FINISH_REASONS[finished.reason].encode() + b'"}]}\n\n'
        if self._envelope.include_usage:
            report = {**self._base, "choices": [], "usage": usage_of_chat(usage)}
            last += b"data: " + orjson.dumps(report) + b"\n\n"
        return last + b"data: [DONE]\n\n"

    def fail(self, failed: Failed) -> bytes:
        """A chunk with an error, and no ``[DONE]``."""
        return in_band_error(Dialect.CHAT, failed.message, meaning=meaning_of(failed.kind), kind=failed.kind)

    def _chunk(self, delta: bytes) -> bytes:
        return self._head + delta + b',"finish_reason":null}]}\n\n'

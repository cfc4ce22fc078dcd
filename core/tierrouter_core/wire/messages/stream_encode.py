"""Messages' streams for Messages' clients."""

from typing import Any, Self

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import Envelope, usage_of_messages
from tierrouter_core.wire.events import Failed, Finish, Finished, Opened, Segment
from tierrouter_core.wire.in_band import in_band_error, meaning_of

STOP_REASONS = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.TOOL_CALLS: "tool_use",
    Finish.LENGTH: "max_tokens",
    Finish.REFUSAL: "refusal",
    Finish.FILTER: "refusal",
}


class MessagesEncoder:
    """One block open at a time, indices without gaps."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._index = -1
        self._segment = Segment.TEXT
        self._delta_head = b""

    @classmethod
    def resumed(cls, envelope: Envelope, index: int) -> Self:
        """With the text block ``index`` open."""
        encoder = cls(envelope)
        encoder._index = index - 1
        encoder.opened(Opened(Segment.TEXT))
        return encoder

    def begin(self) -> bytes:
        """``message_start``, with an estimated input: agents judge by it how full the window is."""
        message: dict[str, Any] = {
            "id": f"msg_{self._envelope.turn_id}",
            "type": "message",
            "role": "assistant",
            "model": self._envelope.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": self._envelope.input_estimate,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 0,
            },
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def opened(self, segment: Opened) -> bytes:
        """``content_block_start``."""
        self._index += 1
        self._segment = segment.segment
        block: dict[str, Any]
        if segment.segment is Segment.THINKING:
            block, kind, key = {"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"
        elif segment.segment is Segment.CALL:
            block = {"type": "tool_use", "id": segment.id, "name": segment.name, "input": {}}
            kind, key = "input_json_delta", "partial_json"
        else:
            block, kind, key = {"type": "text", "text": ""}, "text_delta", "text"
        self._delta_head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
            % (self._index, kind.encode(), key.encode())
        )
        payload = {"type": "content_block_start", "index": self._index, "content_block": block}
        return _event("content_block_start", payload)

    def delta(self, text: str) -> bytes:
        """``content_block_delta``."""
        return self._delta_head + orjson.dumps(text) + b"}}\n\n"

    def closed(self, proof: str) -> bytes:
        """``content_block_stop``, after the signature of what was thought."""
        stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % self._index
        if self._segment is not Segment.THINKING:
            return stop
        delta = {"type": "signature_delta", "signature": proof}
        return (
            _event("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta}) + stop
        )

    def finish(self, finished: Finished, usage: Usage) -> bytes:
        """``message_delta`` with the true usage, and ``message_stop``."""
        delta = {"stop_reason": STOP_REASONS[finished.reason], "stop_sequence": finished.sequence}
        last = {"type": "message_delta", "delta": delta, "usage": usage_of_messages(usage)}
        return _event("message_delta", last) + _event("message_stop", {"type": "message_stop"})

    def fail(self, failed: Failed) -> bytes:
        """``error``."""
        return in_band_error(Dialect.MESSAGES, failed.message, meaning=meaning_of(failed.kind))


def _event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"

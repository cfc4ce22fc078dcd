"""What a Messages client has seen of a streamed answer."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.counts import details
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.messages.stream_encode import MessagesEncoder
from tierrouter_core.wire.seen import SeenAnswer

_THOUGHTS = ("thinking", "redacted_thinking")


class SeenMessage(SeenAnswer):
    """Blocks, one open at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._index = -1
        self._open = ""

    def encoder(self, envelope: Envelope) -> MessagesEncoder:
        """Goes on in the open block."""
        return MessagesEncoder.resumed(envelope, self._index)

    def _read(self, payload: Mapping[str, Any]) -> None:
        match payload.get("type"):
            case "message_start" | "ping":
                pass
            case "content_block_start":
                self._begin(details(payload.get("content_block")), payload.get("index"))
            case "content_block_delta":
                self._delta(details(payload.get("delta")))
            case "content_block_stop" if self._open in _THOUGHTS:
                self._open = ""
            case _:
                self._beyond_text = True

    def _begin(self, block: Mapping[str, Any], index: Any) -> None:
        kind = block.get("type")
        self._index += 1
        if self._open or index != self._index or kind not in ("text", *_THOUGHTS):
            self._beyond_text = True
            return
        self._open = str(kind)
        if kind == "text":
            self._said.write(str(block.get("text") or ""))

    def _delta(self, delta: Mapping[str, Any]) -> None:
        if self._open in _THOUGHTS:
            return
        text = delta.get("text")
        if delta.get("type") == "text_delta" and isinstance(text, str):
            self._said.write(text)
        else:
            # Citations belong to the model that has read the document.
            self._beyond_text = True

    def _is_open(self) -> bool:
        return self._open == "text"

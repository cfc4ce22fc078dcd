"""What a Chat client has seen of a streamed answer."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.chat.stream_encode import ChatEncoder
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.seen import SeenAnswer

_KEPT = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
_THOUGHTS = frozenset({"reasoning", "reasoning_content", "reasoning_details"})


class SeenChat(SeenAnswer):
    """Chunks that all begin alike."""

    def __init__(self) -> None:
        super().__init__()
        self._base: dict[str, Any] = {}

    def encoder(self, envelope: Envelope) -> ChatEncoder:
        """Goes on with chunks like those that came."""
        return ChatEncoder.resumed(envelope, self._base)

    def _read(self, payload: Mapping[str, Any]) -> None:
        self._base = self._base or {name: payload[name] for name in _KEPT if name in payload}
        choices = items(payload.get("choices"))
        if payload.get("error") or len(choices) > 1:
            self._beyond_text = True
            return
        for choice in map(details, choices):
            delta = details(choice.get("delta"))
            said = {name for name, value in delta.items() if value and name not in _THOUGHTS}
            if choice.get("finish_reason") or choice.get("index") or not said <= {"role", "content"}:
                self._beyond_text = True
                return
            text = delta.get("content")
            if isinstance(text, str) and text:
                self._said.write(text)

    def _is_open(self) -> bool:
        return self._said.tell() > 0

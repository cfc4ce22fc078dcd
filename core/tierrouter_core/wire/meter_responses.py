"""The meter of Responses streams: named events, one response id, numbers that only rise."""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details, utf8_length
from tierrouter_core.wire.failures import Meaning
from tierrouter_core.wire.in_band import in_band_error
from tierrouter_core.wire.meter_base import StreamMeter, WrittenText
from tierrouter_core.wire.sse import event_fields
from tierrouter_core.wire.usage_responses import generated_texts, is_filtered, item_texts, refuses, responses_usage

_OPENING = frozenset({"response.created", "response.in_progress", "response.queued"})
_COMPLETE = frozenset({"response.completed", "response.incomplete"})
_KEPT = ("id", "object", "created_at", "model")
_NUMBER = b'"sequence_number"'


class ResponsesMeter(StreamMeter):
    """Complete with ``response.completed`` or ``response.incomplete``.

    Local servers leave ``sequence_number`` out; then the relayed events are counted instead.
    """

    dialect = Dialect.RESPONSES
    model_path = ("response",)
    written = (WrittenText(b'"delta'),)

    def __init__(self, *, rename_model: str | None = None) -> None:
        super().__init__(rename_model=rename_model)
        self._usage: Usage | None = None
        self._response: dict[str, Any] = {}
        self._whole_bytes = 0
        self._over = False
        self._numbered = b""
        self._relayed_count = 0

    def _matters(self, raw: bytes) -> bool:
        return b'"response"' in raw or b"output_item.done" in raw or b'"error"' in raw or b"event: error" in raw

    def _is_opening(self, kind: str, payload: Mapping[str, Any]) -> bool:
        return kind in _OPENING

    def _read(self, kind: str, payload: Mapping[str, Any], raw: bytes) -> bytes:
        if kind == "response.output_item.done":
            item = details(payload.get("item"))
            self._whole_bytes += utf8_length(item_texts(item))
            self.flagged = self.flagged or refuses(item)
        response = payload.get("response")
        if not isinstance(response, dict):
            return raw
        self._response = {name: response[name] for name in _KEPT if name in response} or self._response
        if self._rename_model is not None:
            self._response["model"] = self._rename_model
        self._usage = responses_usage(response.get("usage")) or self._usage
        if kind in _COMPLETE:
            self._finished = True
            self.flagged = self.flagged or is_filtered(response)
            self._whole_bytes = max(self._whole_bytes, utf8_length(generated_texts(response)))
        self._over = self.terminated = self._over or kind in _COMPLETE or kind == "response.failed"
        return self._renamed(raw)

    def _reported(self) -> tuple[Usage | None, bool]:
        return self._usage, self._over

    def _output_bytes(self) -> int:
        # Some servers send no deltas, only whole items.
        return max(super()._output_bytes(), self._whole_bytes)

    def _relaying(self, events: list[bytes] | tuple[bytes, ...]) -> None:
        self._relayed_count += len(events)
        for event in reversed(events):
            if _NUMBER in event:
                self._numbered = event
                break

    def _next_number(self) -> int:
        try:
            last = count(details(orjson.loads(event_fields(self._numbered)[1])).get("sequence_number"))
        except orjson.JSONDecodeError:
            last = None
        return self._relayed_count if last is None else last + 1

    def _cut(self, reason: str) -> bytes:
        return self._failure(reason, Meaning.INTERNAL)

    def _epilogue(self) -> bytes:
        """Codex ignores a top-level error event; it gets the failure that it does read."""
        if self._over or self.error is None:
            return b""
        throttled = "rate_limit" in self.error.kind
        return self._failure(self.error.message, Meaning.WAIT if throttled else Meaning.INTERNAL)

    def _failure(self, message: str, meaning: Meaning) -> bytes:
        return in_band_error(
            self.dialect,
            message,
            meaning=meaning,
            response=self._response,
            next_sequence_number=self._next_number(),
            opened=self._relayed_count > 0,
        )

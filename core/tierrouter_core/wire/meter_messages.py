"""The meter of Messages streams: named events, blocks that open and close, cumulative usage."""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details
from tierrouter_core.wire.in_band import in_band_error
from tierrouter_core.wire.meter_base import StreamMeter, WrittenText
from tierrouter_core.wire.usage_messages import merged_report, messages_usage


class MessagesMeter(StreamMeter):
    """Complete with ``message_stop``, or with a stop reason while no block is open."""

    dialect = Dialect.MESSAGES
    model_path = ("message",)
    written = (WrittenText(b'"text'), WrittenText(b'"partial_json'), WrittenText(b'"thinking'))

    def __init__(self, *, rename_model: str | None = None) -> None:
        super().__init__(rename_model=rename_model)
        self._report: dict[str, Any] = {}
        self._output_reported = False
        self._open_blocks = 0
        self._stop_reason = False
        self._stopped = False

    def _matters(self, raw: bytes) -> bool:
        return b"message_" in raw or b"content_block_st" in raw or b'"error"' in raw or b"event: error" in raw

    def _is_opening(self, kind: str, payload: Mapping[str, Any]) -> bool:
        return kind == "message_start"

    def _read(self, kind: str, payload: Mapping[str, Any], raw: bytes) -> bytes:
        out = raw
        if kind == "message_start":
            self._report = merged_report(self._report, details(payload.get("message")).get("usage"))
            out = self._renamed(raw)
        elif kind == "content_block_start":
            self._open_blocks += 1
            given = details(payload.get("content_block")).get("input")
            if given:
                # A whole call at once, as some local servers send it.
                self._written_bytes += len(orjson.dumps(given))
        elif kind == "content_block_stop":
            self._open_blocks = max(0, self._open_blocks - 1)
        elif kind == "message_delta":
            usage = details(payload.get("usage"))
            self._report = merged_report(self._report, usage)
            self._output_reported = self._output_reported or count(usage.get("output_tokens")) is not None
            stop_reason = details(payload.get("delta")).get("stop_reason")
            self._stop_reason = self._stop_reason or bool(stop_reason)
            self.flagged = self.flagged or stop_reason == "refusal"
        elif kind == "message_stop":
            self._stopped = self.terminated = True
        self._finished = self._stopped or (self._stop_reason and not self._open_blocks)
        return out

    def _reported(self) -> tuple[Usage | None, bool]:
        # The output that message_start reports is that of the first token.
        return messages_usage(self._report), self._output_reported and self._finished

    def _cut(self, reason: str) -> bytes:
        return in_band_error(self.dialect, reason)

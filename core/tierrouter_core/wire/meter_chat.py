"""The meter of Chat Completions streams: anonymous chunks, a finish reason, usage anywhere, ``[DONE]``."""

import re
from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import count, details, items
from tierrouter_core.wire.in_band import in_band_error
from tierrouter_core.wire.meter_base import StreamMeter, WrittenText
from tierrouter_core.wire.rename import model_span, spliced_model
from tierrouter_core.wire.sse import event_data
from tierrouter_core.wire.usage_chat import chat_usage, usage_object

_USAGE = re.compile(rb'"usage"\s*+:\s*+(?!null)')
_FINISH = re.compile(rb'"finish_reason"\s*+:\s*+(?!null)')
_NULL_USAGE = b'"usage":null'
_NULL_FINISH = b'"finish_reason":null'


class ChatMeter(StreamMeter):
    """Complete when each of its choices has a finish reason, or with ``[DONE]``; usage may still come in between."""

    dialect = Dialect.CHAT
    model_path = ()
    renames_every_event = True
    written = tuple(map(WrittenText, (b"content", b"arguments", b"reasoning", b"refusal")))

    def __init__(self, *, swallow_usage: bool = False, rename_model: str | None = None, choices: int = 1) -> None:
        super().__init__(rename_model=rename_model)
        self._swallow_usage = swallow_usage
        self._choices = choices
        self._finished_choices: set[object] = set()
        self._report: object = None
        self._head = self._renamed_head = b""

    def _matters(self, raw: bytes) -> bool:
        return (
            b'"error"' in raw
            or b"[DONE]" in raw
            or b'"refusal":"' in raw
            or b"event:" in raw
            # Most providers say null in every chunk: counting is several times faster than the expression.
            or (raw.count(b'"finish_reason"') != raw.count(_NULL_FINISH) and _FINISH.search(raw) is not None)
            or (raw.count(b'"usage"') != raw.count(_NULL_USAGE) and _USAGE.search(raw) is not None)
        )

    def _is_opening(self, kind: str, payload: Mapping[str, Any]) -> bool:
        return not usage_object(payload) and not any(
            choice.get("finish_reason")
            or any(value for name, value in details(choice.get("delta")).items() if name != "role")
            for choice in map(details, items(payload.get("choices")))
        )

    def _read(self, kind: str, payload: Mapping[str, Any], raw: bytes) -> bytes:
        # Some servers report with every chunk: only the last is worth deriving.
        self._report = usage_object(payload) or self._report
        for choice in map(details, items(payload.get("choices"))):
            finish = choice.get("finish_reason")
            if finish and finish != "error":
                self._finished_choices.add(count(choice.get("index")) or 0)
                self._finished = self._finished or len(self._finished_choices) >= self._choices
            if finish == "content_filter" or details(choice.get("delta")).get("refusal"):
                self.flagged = True
        if self._swallow_usage and payload.get("choices") == [] and payload.get("usage") is not None:
            return b""
        return self._renamed(raw)

    def _renamed(self, raw: bytes) -> bytes:
        """All chunks of an answer begin alike, up to the model's name."""
        if self._rename_model is None:
            return raw
        if not self._head or not raw.startswith(self._head):
            span = model_span(raw, self.model_path, json_of=event_data)
            if span is None:
                return raw
            self._head = raw[: span[1]]
            self._renamed_head = spliced_model(self._head, span, self._rename_model)
        return self._renamed_head + raw[len(self._head) :]

    def _done(self) -> None:
        self._finished = self.terminated = True

    def _reported(self) -> tuple[Usage | None, bool]:
        # Without the end, the usage is one that comes with every chunk and covers what was generated until then.
        return chat_usage(self._report), self._finished

    def _cut(self, reason: str) -> bytes:
        return in_band_error(self.dialect, reason)

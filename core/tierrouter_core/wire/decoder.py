"""What all stream decoders are: bytes in, raw events out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.events import Ended, Failed, KeepAlive, RawEvent
from tierrouter_core.wire.reported_error import MALFORMED_KIND, reported_error
from tierrouter_core.wire.sse import KNOWN_EVENTS, MALFORMED, EventSplitter, event_fields


class StreamDecoder(ABC):
    """Reads one provider's stream; how it is cut into chunks makes no difference.

    Events that no client knows say nothing; one that should be known and can't be read is a failure. The caller
    learns of an end by ``Finished`` alone: without it the answer is not complete, whatever else has come.
    """

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self._splitter = EventSplitter()

    def feed(self, chunk: bytes) -> list[RawEvent]:
        """The events that ``chunk`` completes; raises SseError on one without end."""
        out: list[RawEvent] = []
        for raw in self._splitter.feed(chunk):
            self._event(raw, out)
        return out

    def end(self) -> list[RawEvent]:
        """The last event, where it lacks only its blank line."""
        out: list[RawEvent] = []
        tail = self._splitter.tail
        if tail:
            self._event(tail, out)
        return out

    def _event(self, raw: bytes, out: list[RawEvent]) -> None:
        name, data = event_fields(raw)
        if not data or name == b"ping":
            out.append(KeepAlive())
            return
        if data.startswith(b"[DONE]"):
            out.append(Ended())
            return
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            payload = None
        if not isinstance(payload, dict):
            if not name or name.startswith(KNOWN_EVENTS):
                out.append(Failed(MALFORMED, MALFORMED_KIND))
            return
        kind = str(payload.get("type") or name.decode("utf-8", "replace"))
        if "error" in payload or "error" in kind or "fail" in kind:
            error = reported_error(self.dialect, payload, name.decode("utf-8", "replace"))
            if error is not None:
                out.append(Failed(error.message, error.kind))
                return
        self._read(kind, payload, out)

    @abstractmethod
    def _read(self, kind: str, payload: Mapping[str, Any], out: list[RawEvent]) -> None:
        """One event that is no error."""

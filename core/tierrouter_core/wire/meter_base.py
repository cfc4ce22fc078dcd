"""What all stream meters do: relay whole events, look closely at the few that say something, end a cut honestly.

Most of a stream is deltas that only have to pass. After the opening a chunk is searched once for the marks of events
that matter (usage, ends, errors); where it holds none, its events are relayed together without being parsed. The
marks can't stand inside what a model writes, because a quote inside a JSON string follows a backslash; where one does
after all, the only harm is an event parsed for nothing.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.counts import estimated_tokens, usage_or_estimate
from tierrouter_core.wire.rename import renamed_model
from tierrouter_core.wire.reported_error import ReportedError, reported_error
from tierrouter_core.wire.sse import KNOWN_EVENTS, EventSplitter, event_data, event_fields, missing_end

CUT = "upstream ended before the answer was complete"
_DONE = b"[DONE]"
_DATA_LINE = re.compile(rb"^data:(.*)$", re.MULTILINE)
_MOST_UNCOUNTED_BYTES = 64 * 1024


class StreamMeter(ABC):
    """Reads one streamed answer while it is relayed: usage, end, errors.

    Feed it what comes, send on what it returns, and call :meth:`end` once when the provider's body ends or breaks.
    How the input is cut into chunks changes nothing but the cuts of the output.
    """

    dialect: ClassVar[Dialect]
    written: ClassVar[tuple["WrittenText", ...]]
    """What the model wrote, by the keys that hold it in a delta."""
    model_path: ClassVar[tuple[str, ...]]
    """Where in an event's payload the model's name stands."""
    renames_every_event: ClassVar[bool] = False

    def __init__(self, *, rename_model: str | None = None) -> None:
        self.malformed = False
        """Whether an event has come that no client could read. Neither it nor what follows is relayed: the answer is
        to be ended as one that was cut."""
        self.flagged = False
        """Whether the model refused, or its output was filtered."""
        self.semantic = False
        """Whether anything but comments, pings and errors has come."""
        self.beyond_opening = False
        """Whether anything has come that an overloaded provider would not have sent: more than ``message_start``,
        ``response.created`` or the chunk with the role alone. From here on the answer may be committed to."""
        self.error: ReportedError | None = None
        """The error that the provider reported inside the stream. It ends the answer: the client gets it from
        :meth:`end`, and nothing that follows it."""
        self.terminated = False
        """Whether the marker has come that ends a stream of this dialect: nothing of the answer follows it."""
        self._error_event = b""
        self._splitter = EventSplitter()
        self._rename_model = rename_model
        self._written_bytes = 0
        self._uncounted: list[bytes] = []
        self._uncounted_bytes = 0
        self._finished = False
        self._ended = False

    @property
    def at_work(self) -> bool:
        """Whether the provider has begun to answer: here no sooner than the client sees it."""
        return self.beyond_opening

    @property
    def complete(self) -> bool:
        """Whether the answer's end has come: its terminator, or its finish with nothing left open."""
        return self._finished and self.error is None

    @property
    def over(self) -> bool:
        """Never: a provider is read to its end, so that its connection can be used again."""
        return False

    @property
    def failed(self) -> str | None:
        """The message of the error that the provider reported inside the stream."""
        return None if self.error is None else self.error.message

    @property
    def usage(self) -> Usage:
        """What was used as far as the stream tells; input that it does not tell counts as zero."""
        return self.usage_or_estimate(0)

    def usage_or_estimate(self, input_estimate: int) -> Usage:
        """What was used; ``input_estimate`` is the input, in tokens, where the stream doesn't tell it."""
        reported, final = self._reported()
        return usage_or_estimate(
            reported,
            final=final,
            complete=self.complete,
            input_estimate=input_estimate,
            output_estimate=lambda: estimated_tokens(self._output_bytes()),
        )

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to relay now: whole events only, what comes after them is held back.

        They are as they came, but for what the meter was made to change. Raises SseError on an event without end; then
        there is nothing to do but to break off and send :meth:`end`.
        """
        events = self._splitter.feed(chunk)
        if not events:
            return b""
        if self.beyond_opening and not self.malformed and self.error is None:
            whole = b"".join(events)
            if not self._matters(whole) and _is_json(whole):
                self._keep(whole)
                self._relaying(events)
                if self._rename_model is None or not self.renames_every_event:
                    return whole
                return b"".join([self._renamed(event) for event in events])
        return b"".join([self._relayed(event) for event in events])

    def end(self, reason: str = CUT) -> bytes:
        """What to relay last: what was held back of a complete answer, or the error that says the answer is cut.

        A last event that lacks only its blank line counts as whole. Where it is what completes the answer, the blank
        line is added: without it no client would read the event. Half an event is never relayed. An error that the
        provider itself reported is told in its own words.
        """
        if self._ended:
            return b""
        self._ended = True
        tail = self._splitter.tail
        last = b""
        if tail and self.error is None and _is_whole(tail):
            was_settled = self._settled
            # Read on a copy: a tail that settles nothing is not relayed, so it must not count as relayed either.
            probe = copy(self)
            last = probe._relayed(tail)
            if not probe._settled:
                return self._cut(reason)
            self.__dict__.update(probe.__dict__)
            if last and not was_settled:
                last += missing_end(tail)
        if self.error is not None:
            return last + self._error_event + missing_end(self._error_event) + self._epilogue()
        return last if self._settled else self._cut(reason)

    @property
    def _settled(self) -> bool:
        return self._finished or self.error is not None

    def _relayed(self, raw: bytes) -> bytes:
        if self.malformed or self.error is not None:
            return b""
        name, data = event_fields(raw)
        if not data or name == b"ping":
            return raw
        if data.startswith(_DONE):
            self._done()
            return raw
        self._keep(raw)
        if self.beyond_opening and not self._matters(raw) and _is_json(raw):
            self._relaying((raw,))
            return self._renamed(raw) if self.renames_every_event else raw
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            payload = None
        if not isinstance(payload, dict):
            if name and not name.startswith(KNOWN_EVENTS):
                # What no client knows, none reads.
                self._relaying((raw,))
                return raw
            self.malformed = True
            return b""
        event_name = name.decode("utf-8", "replace")
        kind = str(payload.get("type") or event_name)
        if kind == "ping":
            return raw
        error = reported_error(self.dialect, payload, event_name)
        if error is None:
            self.semantic = True
            self.beyond_opening = self.beyond_opening or not self._is_opening(kind, payload)
        out = self._read(kind, payload, raw)
        if out:
            self._relaying((raw,))
        if error is None:
            return out
        self.error, self._error_event = error, out
        return b""

    def _keep(self, raw: bytes) -> None:
        """Keeps events to count what was written in them, should the provider not report it: mostly it does."""
        self._uncounted.append(raw)
        self._uncounted_bytes += len(raw)
        if self._uncounted_bytes > _MOST_UNCOUNTED_BYTES:
            self._count_written()

    def _count_written(self) -> None:
        raw = b"".join(self._uncounted)
        self._written_bytes += sum([text.utf8_bytes(raw) for text in self.written if text.mark in raw])
        self._uncounted, self._uncounted_bytes = [], 0

    def _renamed(self, raw: bytes) -> bytes:
        if self._rename_model is None:
            return raw
        return renamed_model(raw, self.model_path, self._rename_model, json_of=event_data)

    # What a dialect adds.

    @abstractmethod
    def _matters(self, raw: bytes) -> bool:
        """Whether ``raw``, one or more events, holds the mark of an event that has to be parsed."""

    @abstractmethod
    def _is_opening(self, kind: str, payload: Mapping[str, Any]) -> bool:
        """Whether an event is one that comes before anything was generated."""

    @abstractmethod
    def _read(self, kind: str, payload: Mapping[str, Any], raw: bytes) -> bytes:
        """Takes note of an event; the bytes to relay for it."""

    @abstractmethod
    def _reported(self) -> tuple[Usage | None, bool]:
        """What the provider reported so far, and whether that covers the whole answer."""

    @abstractmethod
    def _cut(self, reason: str) -> bytes:
        """The events that tell the client of a cut."""

    def _done(self) -> None:  # noqa: B027 - only Chat has it
        """``data: [DONE]`` has come."""

    def _relaying(self, events: list[bytes] | tuple[bytes, ...]) -> None:  # noqa: B027 - only Responses counts
        """These events are about to be relayed."""

    def _epilogue(self) -> bytes:
        """What the client needs after an error that the provider reported."""
        return b""

    def _output_bytes(self) -> int:
        """UTF-8 bytes of all that the model wrote so far: text, reasoning, arguments of calls."""
        self._count_written()
        return self._written_bytes


def _is_json(events: bytes) -> bool:
    """Whether the data of all ``events`` are JSON objects; several lines of data in one event count as none."""
    try:
        payloads = orjson.loads(b"[" + b",".join(_DATA_LINE.findall(events)) + b"]")
    except orjson.JSONDecodeError:
        return False
    return {dict}.issuperset(map(type, payloads))


def _is_whole(tail: bytes) -> bool:
    """Whether a tail is an event without its blank line, or only comments."""
    _, data = event_fields(tail)
    if data.startswith(_DONE):
        return True
    if not data:
        return all(line.startswith(b":") for line in tail.splitlines() if line)
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


class WrittenText:
    """The string values of one key, found in raw JSON without parsing it."""

    def __init__(self, key: bytes) -> None:
        """``key`` may lack its start, and its opening quote, to mean all keys that end in it."""
        self.mark = key + b'":'
        # It begins with a literal: a search for alternatives is several times slower.
        self._pattern = re.compile(self.mark + rb'[ \t]*+"([^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+)')

    def utf8_bytes(self, raw: bytes) -> int:
        """UTF-8 bytes of the texts that the values in ``raw`` stand for; ``\\uXXXX`` counts as two."""
        written = b"".join(self._pattern.findall(raw))
        if b"\\" not in written:
            return len(written)
        unescaped = written.replace(b"\\\\", b"-")
        return len(unescaped) - unescaped.count(b"\\") - 3 * unescaped.count(b"\\u")

"""Server-sent events, cut out of a byte stream at whatever places the network cuts it.

Only framing: what the events mean is the meters' business. Nothing is rewritten, so that the events and the tail put
together again are the input, byte for byte.
"""

import re

from tierrouter_core.errors import TierRouterError

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""One event may be this long. Encrypted reasoning and whole responses reach megabytes; more is no answer."""

_LINE_END = rb"(?>\r\n|\r|\n)"
_EVENT_END = re.compile(_LINE_END + _LINE_END)
_ENDED = re.compile(_LINE_END + _LINE_END + rb"\Z")
_LINES = re.compile(_LINE_END)
_LONGEST_END = 4
_BOM = b"\xef\xbb\xbf"


KNOWN_EVENTS = (b"message", b"content_block", b"response", b"error")
"""How the names begin of the events that clients read."""
MALFORMED = "the provider sent an event that is not a JSON object"


class SseError(TierRouterError):
    """A stream that can't be cut into events."""


class EventSplitter:
    """Cuts a stream into whole raw events. A blank line ends an event and belongs to it.

    Where events end does not depend on how the stream was cut into chunks. To that end an event that ends in a bare
    CR waits for one more byte: that could be the LF of the same line end.
    """

    def __init__(self, *, limit_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0

    @property
    def tail(self) -> bytes:
        """What has come since the last whole event."""
        return b"".join(self._pieces)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes, each with its blank line.

        Raises SseError when an event is longer than the limit; what was held of it is then gone.
        """
        if not self._pieces:
            return self._cut(chunk)
        if not chunk:
            return []
        # Only the seam is looked at again, so that an event of megabytes in small chunks costs one pass.
        seam = b"".join(self._pieces[-_LONGEST_END:])[-(_LONGEST_END - 1) :] + chunk
        if b"\n\n" not in seam and (b"\r" not in seam or not _EVENT_END.search(seam)):
            self._hold(chunk)
            return []
        whole = b"".join((*self._pieces, chunk))
        self._pieces.clear()
        self._held_bytes = 0
        return self._cut(whole)

    def _cut(self, data: bytes) -> list[bytes]:
        if b"\r" not in data:
            events = data.split(b"\n\n")
            rest = events.pop()
            events = [event + b"\n\n" for event in events]
        else:
            events, start = [], 0
            for match in _EVENT_END.finditer(data):
                end = match.end()
                if end == len(data) and data.endswith(b"\r"):
                    break
                events.append(data[start:end])
                start = end
            rest = data[start:]
        if rest:
            self._hold(rest)
        return events

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._limit_bytes:
            self._pieces.clear()
            self._held_bytes = 0
            raise SseError(
                f"the provider's stream holds an event of more than {self._limit_bytes} bytes; "
                "end the connection and report the answer as cut"
            )


def event_fields(raw: bytes) -> tuple[bytes, bytes]:
    """An event's ``(name, data)``. Several data lines are joined by LF; what is absent is empty; comments are skipped.

    ``raw`` may lack its blank line.
    """
    simple = _simple_fields(raw)
    if simple is not None:
        return simple
    if raw.startswith(_BOM):
        raw = raw[len(_BOM) :]
    name = b""
    data: list[bytes] = []
    for line in raw.split(b"\n") if b"\r" not in raw else _LINES.split(raw):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
        elif field == b"event":
            name = value[1:] if value.startswith(b" ") else value
    return name, data[0] if len(data) == 1 else b"\n".join(data)


def _simple_fields(raw: bytes) -> tuple[bytes, bytes] | None:
    """The same for an event as nearly all are: a line of data, maybe after its name, and a blank line."""
    if b"\r" in raw or not raw.endswith(b"\n\n"):
        return None
    name, start = b"", 0
    if raw.startswith(b"event: "):
        end = raw.find(b"\n")
        name, start = raw[7:end], end + 1
    if not raw.startswith(b"data: ", start) or raw.find(b"\n", start) != len(raw) - 2:
        return None
    return name, raw[start + 6 : -2]


def event_data(raw: bytes) -> bytes:
    """An event's data alone."""
    return event_fields(raw)[1]


def missing_end(raw: bytes) -> bytes:
    """What has to follow ``raw`` so that a reader dispatches it: nothing where its blank line is there."""
    if _ENDED.search(raw[-_LONGEST_END:]):
        return b""
    return b"\n" if raw.endswith(b"\n") else b"\n\n"

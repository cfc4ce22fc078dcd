"""The fast mode: prebuilt answers over a bare asyncio protocol, for load tests.

It understands as much of HTTP as a gateway sends (content-length or chunked bodies, keep-alive, one request at a time
per connection) and no more, so that it is never what a load test measures.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import orjson

from provider.answer import Answer, Asked
from provider.dialects import CHAT, MESSAGES, RESPONSES, Dialect
from provider.usage import Tokens

_PATHS = ((b"/chat/completions", CHAT), (b"/responses", RESPONSES), (b"/messages", MESSAGES))
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


class CannedAnswers:
    """Every answer of the fast mode, as bytes."""

    def __init__(self, *, events: int = 200, model: str = "canned-model") -> None:
        """``events``: how many events a streamed answer has, about."""
        fragments = [f"word{number} " for number in range(max(1, events - 6))]
        unary = Answer(text="Hello from the fast provider.", usage=Tokens(input=1200, cached=1000, output=40))
        streamed = Answer(text=fragments, usage=Tokens(input=1200, cached=1000, output=len(fragments)))
        self._unary = {d.name: _http(d.body(unary, Asked(model=model))) for _, d in _PATHS}
        self._streams = {
            (d.name, usage): [
                _chunk(event) for event in d.events(streamed, Asked(model=model, stream=True, include_usage=usage))
            ]
            for _, d in _PATHS
            for usage in (False, True)
        }

    def choose(self, path: bytes, body: bytes) -> bytes | Sequence[bytes]:
        """One whole response, or the chunks of a stream."""
        dialect = _dialect(path)
        if dialect is None:
            return _NOT_FOUND
        if _is_set(body, b"stream"):
            return self._streams[dialect.name, _is_set(body, b"include_usage")]
        return self._unary[dialect.name]


class FastProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: CannedAnswers) -> None:
        self._answers = answers
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop any stream."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._buffer += data
        while (request := take_request(self._buffer)) is not None:
            answer = self._answers.choose(*request)
            if isinstance(answer, bytes):
                self._write(answer)
            else:
                self._write(_STREAM_HEAD)
                self._stream(answer, 0)

    def _stream(self, chunks: Sequence[bytes], index: int) -> None:
        # One event each time the loop comes round, so that they leave as separate packets like a model's tokens.
        if index == len(chunks):
            self._write(b"0\r\n\r\n")
        elif self._transport is not None:
            self._write(chunks[index])
            self._loop.call_soon(self._stream, chunks, index + 1)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def take_request(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Remove the first whole request from ``buffer`` and give its path (with query) and body, or None."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    lowered = head.lower()
    path = head.split(b" ", 2)[1]
    start = end + 4
    if b"\r\ntransfer-encoding: chunked" in lowered:
        whole = _dechunk(buffer, start)
        if whole is None:
            return None
        body, stop = whole
    else:
        _, found, rest = lowered.partition(b"\r\ncontent-length:")
        stop = start + (int(rest.partition(b"\r\n")[0]) if found else 0)
        if len(buffer) < stop:
            return None
        body = bytes(buffer[start:stop])
    del buffer[:stop]
    return path, body


async def serve(host: str, port: int, answers: CannedAnswers) -> asyncio.Server:
    """Listen."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: FastProtocol(answers), host, port, backlog=512)


def _dechunk(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).partition(b";")[0], 16)
        stop = line_end + 2 + size + 2
        if len(buffer) < stop:
            return None
        if size == 0:
            return b"".join(parts), stop
        parts.append(bytes(buffer[line_end + 2 : stop - 2]))
        start = stop


def _dialect(path: bytes) -> Dialect | None:
    bare = path.partition(b"?")[0]
    return next((dialect for suffix, dialect in _PATHS if bare.endswith(suffix)), None)


def _is_set(body: bytes, name: bytes) -> bool:
    return b'"' + name + b'":true' in body or b'"' + name + b'": true' in body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _http(body: dict[str, Any]) -> bytes:
    data = orjson.dumps(body)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(data), data)

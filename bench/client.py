"""A small HTTP client over bare asyncio protocols, so that the load generator is never what is measured."""

import asyncio
import time
from dataclasses import dataclass
from typing import cast

_HEADERS = (
    "user-agent: claude-cli/2.1.330 (external, cli)\r\n"
    "accept: application/json\r\n"
    "content-type: application/json\r\n"
    "anthropic-version: 2023-06-01\r\n"
    "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14\r\n"
    "x-api-key: bench\r\n"
    "x-app: cli\r\n"
)


class LoadError(Exception):
    """A target that did not answer as it should; figures of such a run would mean nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    first_byte_s: float
    """From sending the request to the first byte of the answer."""
    total_s: float
    """From sending the request to its last byte."""


def post(port: int, body: bytes, *, session: str, hint: str = "", path: str = "/v1/messages?beta=true") -> bytes:
    """A whole request as bytes, with the headers that Claude Code sends; ``hint`` asks for a tier."""
    hinted = f"x-tierrouter-hint: {hint}\r\n" if hint else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{_HEADERS}{hinted}"
        f"x-claude-code-session-id: {session}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._sent_s = 0.0
        self._first_s = 0.0
        self._end: int | None = None
        self._start = 0
        self._chunked = False

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to the loopback address."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def exchange(self, request: bytes) -> asyncio.Future[Reply]:
        """Send a request; the future has its answer."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._first_s = 0.0
        self._sent_s = time.perf_counter()
        self._transport.write(request)
        return self._waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is waited for."""
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LoadError(f"the connection ended in the middle of an answer: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        if not self._first_s:
            self._first_s = time.perf_counter()
        self._buffer += data
        if not self._start and not self._read_head():
            return
        if self._chunked:
            # Good enough here: no body of this bench has these bytes at a chunk's start but the last chunk.
            if not self._buffer.endswith(b"\r\n0\r\n\r\n"):
                return
        elif self._end is None or len(self._buffer) < self._end:
            return
        self._finish()

    def _read_head(self) -> bool:
        split = self._buffer.find(b"\r\n\r\n")
        if split < 0:
            return False
        head = bytes(self._buffer[:split]).lower()
        self._start = split + 4
        self._chunked = b"\r\ntransfer-encoding: chunked" in head
        _, found, rest = head.partition(b"\r\ncontent-length:")
        self._end = self._start + int(rest.partition(b"\r\n")[0]) if found else None
        if not self._chunked and not found:
            raise LoadError(f"an answer without a length: {head!r}")
        return True

    def _finish(self) -> None:
        now = time.perf_counter()
        status = int(self._buffer[9:12])
        body = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply(status, body, self._first_s - self._sent_s, now - self._sent_s))

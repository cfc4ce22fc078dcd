"""A provider whose answers are bytes on the wire, heads and all, for what no HTTP server would send."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import orjson

from provider.answer import Answer, Asked
from provider.dialects import Dialect
from provider.fast import take_request

Piece = bytes | float
"""Bytes to be written, or seconds to wait."""
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FOR_EVER_S = 3600.0


class RawProvider:
    """Answers each request with the next of ``answers``, and with the last of them from then on."""

    def __init__(self, *answers: Sequence[Piece], hangs_up: bool = False) -> None:
        """``hangs_up``: close the connection behind each answer."""
        self._answers = answers
        self._hangs_up = hangs_up
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.bodies: list[bytes] = []
        """Of the requests, in the order in which they came."""
        self.connections = 0

    @property
    def base_url(self) -> str:
        """As a ModelProvider's ``baseURL``."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        buffer = bytearray()
        try:
            while True:
                while (request := take_request(buffer)) is None:
                    chunk = await reader.read(2**16)
                    if not chunk:
                        return
                    buffer += chunk
                self.bodies.append(request[1])
                for piece in self._answers[min(len(self.bodies), len(self._answers)) - 1]:
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        writer.write(piece)
                        await writer.drain()
                if self._hangs_up:
                    return
        except (OSError, asyncio.CancelledError):
            # Who asked has left, or the test is over.
            pass
        finally:
            self._serving.discard(task)
            writer.close()


def body(dialect: Dialect, answer: Answer, *, wait_s: float = 0.0) -> list[Piece]:
    """``answer`` as one body, which comes ``wait_s`` after its head."""
    data = orjson.dumps(dialect.body(answer, Asked(model="m")))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
    return [head, wait_s, data]


def events(dialect: Dialect, answer: Answer) -> bytes:
    """``answer`` as a stream's events."""
    return b"".join(dialect.events(answer, Asked(model="m", stream=True, include_usage=True)))


def chunks(*parts: bytes) -> bytes:
    """``parts`` as chunks of a body that does not end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def never_ending(data: bytes) -> list[Piece]:
    """A stream whose connection stays open behind it."""
    return [STREAM_HEAD, chunks(data), _FOR_EVER_S]

"""One HTTP request and its answer, over aiohttp's connections and parser but without its client.

The client does for every request what a call to a provider never needs: cookies, redirects, proxies, header merging, a
task that writes. That took a fifth of the time of a small turn. What is hard stays aiohttp's: names and addresses,
TLS, the pool of connections, parsing, and telling a whole answer from one that was cut.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakSet

import aiohttp
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL

_READ_LIMIT = 2**18
_BODYLESS_METHODS = ("GET", "HEAD")


class Stopped(aiohttp.ClientError):
    """It was us who broke it off."""

    def __init__(self) -> None:
        super().__init__("the router is shutting down")


class Limits(NamedTuple):
    """How long to wait, in seconds."""

    headers_s: float
    """For the answer's headers, connecting included."""
    connect_s: float
    """For a connection to one address."""
    idle_s: float
    """For the next byte of an answer."""


class Answer:
    """An answer whose headers are there and whose body is under way; whoever gets one has to release it."""

    __slots__ = ("__weakref__", "_connection", "content", "headers", "status")

    def __init__(
        self, connection: aiohttp.connector.Connection, status: int, headers: CIMultiDictProxy[str], body: StreamReader
    ) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers
        self.content = body

    @property
    def content_type(self) -> str:
        """The media type, lower case and without parameters; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def release(self) -> None:
        """Let go of the connection, whatever state it is in; harmless when done twice.

        After a whole answer it is kept for the next request. After any other it is closed, so that the provider stops
        generating.
        """
        transport = self._connection.transport
        if transport is not None and transport.get_write_buffer_size():
            # Answered before the request was sent: what is left of it must not delay another one.
            self._connection.close()
        else:
            self._connection.release()


class Connections:
    """A pool of connections, for as long as its event loop runs."""

    def __init__(self) -> None:
        # No limit: an agent's turns must never queue behind each other in here.
        self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30)
        self._routes: dict[tuple[str, ssl.SSLContext | bool], aiohttp.ClientRequest] = {}
        self._answers: WeakSet[Answer] = WeakSet()

    @property
    def closed(self) -> bool:
        """Whether no more requests are taken."""
        return self._connector.closed

    async def close(self) -> None:
        """Break everything off; those who read answers get :class:`Stopped`."""
        for answer in list(self._answers):
            # Closing connections alone would leave those who read waiting for ever.
            answer.content.set_exception(Stopped())
        await self._connector.close()

    async def request(
        self,
        method: str,
        origin: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        limits: Limits,
        tls: ssl.SSLContext | bool,
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and wait for its answer's headers.

        Args:
            method: not HEAD, whose answers have no bodies.
            origin: scheme, host and port.
            path: with the query, as it goes on the wire.
            headers: all but ``host`` and ``content-length``.
            tls: as aiohttp's ``ssl``.
            on_sent: is told when there is a connection and the request goes out on it.

        Raises:
            aiohttp.ConnectionTimeoutError: no connection in time.
            TimeoutError: no headers in time.
            aiohttp.ClientError, OSError: no connection, or no answer.
            ValueError: a line break in what would become a header.
        """
        route = self._route(origin, tls)
        head = _head(method, path, route.headers["Host"], headers, body)
        until_s = asyncio.get_running_loop().time() + limits.headers_s
        connecting = aiohttp.ClientTimeout(connect=limits.headers_s, sock_connect=limits.connect_s)
        try:
            connection = await self._connector.connect(route, [], connecting)
        except TimeoutError as error:
            if limits.headers_s < limits.connect_s:
                raise
            raise aiohttp.ConnectionTimeoutError(f"no connection to {origin} in time") from error
        if on_sent is not None:
            on_sent()
        try:
            answer = await _exchanged(connection, head, body, limits.idle_s, until_s)
        except BaseException:
            connection.close()
            raise
        self._answers.add(answer)
        return answer

    def _route(self, origin: str, tls: ssl.SSLContext | bool) -> aiohttp.ClientRequest:
        """What aiohttp's connector wants to know of a request: where it goes, and how. It never changes."""
        route = self._routes.get((origin, tls))
        if route is None:
            route = aiohttp.ClientRequest("GET", URL(origin), loop=asyncio.get_running_loop(), ssl=tls)
            self._routes[origin, tls] = route
        return route


def _head(method: str, path: str, host: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None or method not in _BODYLESS_METHODS:
        lines.append(f"content-length: {len(body or b'')}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a line break in the path or in a header")
    # As aiohttp's server decoded them, so that bytes that are not UTF-8 go out as they came in.
    return f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")


async def _exchanged(
    connection: aiohttp.connector.Connection, head: bytes, body: bytes | None, idle_s: float, until_s: float
) -> Answer:
    protocol = connection.protocol
    if protocol is None or protocol.transport is None:
        raise aiohttp.ClientConnectionResetError("the connection is gone")
    # What a provider sent is relayed as it is, so nothing is decompressed.
    protocol.set_response_params(
        read_until_eof=True, auto_decompress=False, read_timeout=idle_s, read_bufsize=_READ_LIMIT
    )
    protocol.transport.writelines((head, body) if body else (head,))
    protocol.start_timeout()
    # asyncio.timeout does the same for five times the price.
    timer = asyncio.get_running_loop().call_at(until_s, protocol.set_exception, TimeoutError())
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientConnectionError(f"not a valid HTTP answer: {error.message}") from error
    finally:
        timer.cancel()
    return Answer(connection, message.code, message.headers, content)

"""The client's answer while it is a stream: when it begins, and what keeps it alive."""

import asyncio
import contextlib

from aiohttp import web

from tierrouter_core.names import Dialect
from tierrouter_core.wire.in_band import keep_alive
from tierrouter_core.wire.seen import SeenAnswer
from tierrouter_sidecar.kept import KeptAnswer

KEEP_ALIVE_S = 10.0
"""So long after the last byte another shows that the stream lives: agents give up on a silent one."""
_STREAM_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
EVENT_STREAM = "text/event-stream"
Headers = list[tuple[str, str]]


class Reply:
    """One streamed answer to the client.

    Its headers wait for the first event of a provider's answer, so that another provider can still take over with
    nothing shown. They don't wait for ever: after ``hold_s`` they go out with keep-alives, and from then on a failure
    can only be told inside the stream. What is sent is whole events, so a keep-alive never falls into one.
    """

    def __init__(self, http: web.BaseRequest, dialect: Dialect, hold_s: float) -> None:
        self._http = http
        self._keep_alive = keep_alive(dialect)
        self._loop = asyncio.get_running_loop()
        self._hold_s = hold_s
        self._early: Headers = []
        self._response: web.StreamResponse | None = None
        self._beginning = asyncio.Lock()
        self._sent_s = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._closed = False
        self.seen: SeenAnswer | None = None
        """What the client has of the answer, where somebody may have to go on with it."""
        self.kept: KeptAnswer | None = None
        """All that the client has got, where somebody is to judge it."""

    @property
    def begun(self) -> bool:
        """Whether its headers have gone out."""
        return self._response is not None

    @property
    def response(self) -> web.StreamResponse:
        """What the server is given at the end."""
        assert self._response is not None
        return self._response

    def hold(self, headers: Headers) -> None:
        """Begin the wait for the first event; ``headers`` go out where it takes too long."""
        self._early = headers
        self._tick_in(self._hold_s)

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the headers, if that has not been done. OSError: the client is gone."""
        async with self._beginning:
            if self._response is not None:
                return
            response = web.StreamResponse(status=status, headers=[*headers, *_STREAM_HEADERS])
            # Exactly so: Claude Code takes no stream whose content type names a charset, as some providers' do.
            response.headers["content-type"] = EVENT_STREAM
            self._response = response
            await response.prepare(self._http)
            self._sent_s = self._loop.time()
            if not self._closed:
                # Until now it was set to how long the headers are held.
                self._tick_in(KEEP_ALIVE_S)

    async def write(self, events: bytes) -> None:
        """Send whole events. OSError: the client is gone."""
        assert self._response is not None
        if self.seen is not None:
            self.seen.feed(events)
        if self.kept is not None:
            self.kept.add(events)
        await self._response.write(events)
        self._sent_s = self._loop.time()

    async def end(self) -> web.StreamResponse:
        """The body is over. OSError: the client is gone."""
        self.close()
        await self.response.write_eof()
        return self.response

    def close(self) -> None:
        """No more keep-alives, not even one that was about to be sent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        silent_s = self._loop.time() - self._sent_s
        if self._response is None or silent_s >= KEEP_ALIVE_S:
            if self._sending is None or self._sending.done():
                self._sending = self._loop.create_task(self._show_life())
            silent_s = 0.0
        self._tick_in(KEEP_ALIVE_S - silent_s)

    def _tick_in(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(wait_s, self._tick)

    async def _show_life(self) -> None:
        # A client that is gone is noticed by the turn itself.
        with contextlib.suppress(OSError):
            if not self._closed:
                await self.begin(200, self._early)
            if not self._closed:
                await self.write(self._keep_alive)

"""aiohttp's server without its application layer: one handler, no middleware, errors as JSON.

The agent waits for us on every turn, so the router of paths is one dictionary look-up of ours.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger("tierrouter")

# Turns are in the ledger; a line per request would tell the same once more.
_NO_LOG = logging.Logger("tierrouter.access", level=logging.CRITICAL)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Protocol(RequestHandler):
    """Answers what is not HTTP, and our own defects, with JSON instead of a page."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= 500:
            log.error("a defect in the router: %r", exc, exc_info=exc)
            text, kind = "the router failed to handle this request; its log says why", "api_error"
        else:
            # aiohttp's text quotes the offending line after its first line; that much need not be echoed.
            text = f"not a valid HTTP request: {(message or str(exc or '')).strip().splitlines()[0]}"
            kind = "invalid_request_error"
        # The path may be what is broken, so this is an error in all dialects at once.
        body = {"type": "error", "error": {"type": kind, "message": text, "param": None, "code": None}}
        response = web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
        response.force_close()
        return response


class HttpServer(web.Server):
    """A server for one handler, which is cancelled when its client goes away."""

    def __init__(self, handler: Handler, *, max_body_bytes: int, head_patience_s: float) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._max_body_bytes = max_body_bytes
        self._head_patience_s = head_patience_s

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=self._max_body_bytes
        )

    def __call__(self) -> RequestHandler:
        # A head that drips in is as idle as no head: the connection is closed when the time is over.
        patience_s = self._head_patience_s
        return _Protocol(self, loop=self._loop, access_log=_NO_LOG, keepalive_timeout=patience_s, read_bufsize=2**18)

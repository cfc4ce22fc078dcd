"""The provider's HTTP server."""

import asyncio
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import orjson
from aiohttp import web

from provider import responses
from provider.answer import Answer, Ending, asked_from
from provider.delivery import Plan, plan
from provider.dialects import Dialect, dialect_of, generation, missing_field
from provider.record import Disconnect, RecordedRequest
from provider.script import Close, Condition, Hang, Raw, Reset, Scripted, Status, Step

_MAX_BODY_BYTES = 64 * 1024 * 1024
_JSON = "application/json"
_LINGER_OFF = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing the socket sends RST."""


class ScriptedProvider:
    """A provider that answers as it is told; use it as ``async with ScriptedProvider() as provider``."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """``port`` 0 takes a free one."""
        self.requests: list[RecordedRequest] = []
        """Every request whose body came whole, in that order."""
        self.disconnects: list[Disconnect] = []
        """Every client that left before its answer was complete."""
        self._host = host
        self._port = port
        self._tls = tls
        self._queues: list[tuple[Condition | None, deque[Scripted]]] = []
        self._standing: list[tuple[Condition | None, Scripted]] = []
        self._answers = 0
        self._stored: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()
        self._stopping = False
        self.in_flight = 0
        """Requests that are being answered now."""

    # What tests say.

    def script(self, *steps: Scripted, when: Condition | None = None) -> None:
        """Answer the next requests with ``steps``, one each.

        With ``when`` only requests that it accepts take one, whatever their path; without it every request that
        generates does.
        """
        self._queues.append((when, deque(steps)))

    def always(self, step: Scripted, when: Condition | None = None) -> None:
        """Answer with ``step`` whenever no scripted one is left; the last one said wins."""
        self._standing.insert(0, (when, step))

    def forget(self) -> None:
        """Drop every script and every record."""
        self._queues.clear()
        self._standing.clear()
        self.requests.clear()
        self.disconnects.clear()

    @property
    def unanswered_steps(self) -> int:
        """Scripted steps that no request has taken yet."""
        return sum(len(queue) for _, queue in self._queues)

    # What tests read.

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:12345``."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The origin with ``/v1``, as a ModelProvider's ``baseURL``."""
        return f"{self.origin}/v1"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def last(self) -> RecordedRequest:
        """The newest request."""
        if not self.requests:
            raise AssertionError("the provider has had no request")
        return self.requests[-1]

    async def received(self, count: int, timeout_s: float = 5.0) -> list[RecordedRequest]:
        """Wait until there have been ``count`` requests; TimeoutError if they don't come."""
        await self._until(lambda: len(self.requests) >= count, timeout_s)
        return self.requests

    async def disconnected(self, count: int = 1, timeout_s: float = 1.0) -> list[Disconnect]:
        """Wait until ``count`` clients have gone away early; TimeoutError if they stay."""
        await self._until(lambda: len(self.disconnects) >= count, timeout_s)
        return self.disconnects

    async def idle(self, timeout_s: float = 5.0) -> None:
        """Wait until no request is being answered."""
        await self._until(lambda: self.in_flight == 0, timeout_s)

    # Running.

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls, backlog=512)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        self._stopping = True
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # Serving.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        try:
            record = RecordedRequest(
                body=await request.read(),
                method=request.method,
                target=request.raw_path,
                headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
                at_s=time.monotonic(),
                connection=id(request.protocol),
            )
            self.requests.append(record)
            await self._tell()
            return await self._serve(request, record)
        finally:
            self.in_flight -= 1
            await self._tell()

    async def _serve(self, request: web.Request, record: RecordedRequest) -> web.StreamResponse:
        exchange = _Exchange(request)
        try:
            return await self._perform(exchange, record)
        except (asyncio.CancelledError, ConnectionError):
            if not self._stopping and not exchange.ended_by_us:
                self.disconnects.append(
                    Disconnect(request=record, at_s=time.monotonic(), bytes_sent=exchange.bytes_sent)
                )
            raise

    async def _perform(self, exchange: "_Exchange", record: RecordedRequest) -> web.StreamResponse:
        match self._next_step(record):
            case None:
                return self._housekeeping(record)
            case Answer() as answer:
                return await self._answer(exchange, record, answer)
            case Status() as step:
                await asyncio.sleep(step.delay_s)
                return _status(dialect_of(record.path), step)
            case Raw() as step:
                sent = plan(step.delivery, [step.data], ping=b": ping\n\n")
                await asyncio.sleep(step.delivery.first_delay_s)
                return await exchange.send(sent, step.status, {"content-type": step.content_type, **step.headers})
            case Reset(delay_s) | Close(delay_s) as step:
                await asyncio.sleep(delay_s)
                return exchange.hang_up(reset=isinstance(step, Reset))
            case Hang():
                return await _forever()

    def _next_step(self, record: RecordedRequest) -> Step | None:
        generates = generation(record.method, record.path) is not None
        for when, queue in self._queues:
            if queue and (generates if when is None else when(record)):
                return _resolve(queue.popleft(), record)
        for when, step in self._standing:
            if generates if when is None else when(record):
                return _resolve(step, record)
        return Answer() if generates else None

    async def _answer(self, exchange: "_Exchange", record: RecordedRequest, answer: Answer) -> web.StreamResponse:
        dialect = dialect_of(record.path)
        try:
            body = record.json
        except orjson.JSONDecodeError:
            return _status(dialect, Status(400, message="The request body is not valid JSON."))
        if not isinstance(body, Mapping):
            return _status(dialect, Status(400, message="The request body is not an object."))
        absent = missing_field(dialect, body)
        if absent is not None:
            return _status(dialect, Status(400, message=f"{absent}: Field required"))
        self._answers += 1
        asked = asked_from(body, self._answers)
        delivery = answer.delivery
        headers = {dialect.id_header: f"req_{asked.number:06d}", **answer.headers}
        await asyncio.sleep(delivery.first_delay_s)
        whole = dialect.body(answer, asked)
        if dialect.name == "responses" and body.get("store") is not False:
            self._stored[whole["id"]] = whole
        if not asked.stream:
            sent = plan(delivery, [orjson.dumps(whole)], ping=b"\n")
            length = {} if delivery.pings_before else {"content-length": str(len(orjson.dumps(whole)))}
            return await exchange.send(sent, 200, {"content-type": _JSON, **length, **headers})
        number = delivery.error_after_events or 0
        error = dialect.error_event(delivery.error, answer, asked, number)
        sent = plan(delivery, dialect.events(answer, asked), ping=dialect.ping, error=error)
        stream = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        return await exchange.send(sent, 200, {**stream, **headers})

    def _housekeeping(self, record: RecordedRequest) -> web.Response:
        """Endpoints that generate nothing."""
        path = record.path.rstrip("/")
        if record.method == "POST":
            if path.endswith("/messages/count_tokens"):
                return web.json_response({"input_tokens": max(1, len(record.body) // 4)})
            if path.endswith("/responses/input_tokens"):
                tokens = max(1, len(record.body) // 4)
                return web.json_response({"object": "response.input_tokens", "input_tokens": tokens})
            if path.endswith("/responses/compact"):
                self._answers += 1
                return web.json_response(responses.compacted(asked_from(record.json, self._answers)))
        _, found, stored_id = path.rpartition("/responses/")
        cancelled = stored_id.endswith("/cancel") and record.method == "POST"
        stored_id = stored_id.removesuffix("/cancel")
        if found and stored_id in self._stored:
            if record.method == "GET":
                return web.json_response(self._stored[stored_id])
            if record.method == "DELETE":
                del self._stored[stored_id]
                return web.json_response({"id": stored_id, "object": "response", "deleted": True})
            if cancelled:
                return web.json_response({**self._stored[stored_id], "status": "cancelled"})
        return _status(dialect_of(path), Status(404, message=f"No such endpoint or object: {record.target}"))

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, met: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(met)


class _Exchange:
    """One response on its way."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.bytes_sent = 0
        self.ended_by_us = False

    async def send(self, sent: Plan, status: int, headers: Mapping[str, str]) -> web.StreamResponse:
        """Write it all, then end as the plan says."""
        response = web.StreamResponse(status=status, headers=dict(headers))
        await response.prepare(self._request)
        for write in sent.writes:
            if write.delay_s:
                await asyncio.sleep(write.delay_s)
            await response.write(write.data)
            self.bytes_sent += len(write.data)
        if sent.ending is Ending.STALL:
            await _forever()
        if sent.ending is not Ending.COMPLETE:
            # A reset would overtake bytes that the client has not read yet.
            await asyncio.sleep(0.02)
            self.hang_up(reset=sent.ending is Ending.RESET)
        await response.write_eof()
        return response

    def hang_up(self, *, reset: bool) -> NoReturn:
        """End the connection now, without another byte."""
        self.ended_by_us = True
        transport = self._request.transport
        if transport is not None:
            if reset:
                raw = transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
                transport.abort()
            else:
                transport.close()
        raise ConnectionResetError("the script ended the connection")


def closed_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _resolve(step: Scripted, record: RecordedRequest) -> Step:
    return step(record) if callable(step) else step


def _status(dialect: Dialect, step: Status) -> web.Response:
    body = dialect.error_body(step.status, step.message) if step.body is None else step.body
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"content-type": _JSON, dialect.id_header: "req_error", **step.headers}
    return web.Response(status=step.status, body=data, headers=headers)


async def _forever() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody ever resolves that future")

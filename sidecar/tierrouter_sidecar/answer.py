"""Relays a provider's answer to the client and reads what it used from a copy."""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp
from aiohttp import web

from tierrouter_core.names import Outcome, UsageSource
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.dialects import response_headers
from tierrouter_core.wire.failures import WireError
from tierrouter_core.wire.meter import StreamMeter
from tierrouter_core.wire.sse import SseError
from tierrouter_core.wire.translate import StreamTranslator
from tierrouter_core.wire.unary import estimate_unary, rename_unary_model, unary_error, unary_usage
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.upstream import AttemptFailed, AttemptKind, broken_off, why_broken_off

MAX_UNARY_BYTES = 64 * 1024 * 1024
EVENT_STREAM = "text/event-stream"
_STREAM_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))

_BROKEN = (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, TimeoutError)
Headers = Sequence[tuple[str, str]]


def headers_of(upstream: Answer, ours: Headers, *, matches_requested: bool) -> list[tuple[str, str]]:
    """The answer's headers: those of the provider that a client may see, and ours."""
    return [*response_headers(upstream.headers.items(), matches_requested=matches_requested), *ours]


def error_response(error: WireError) -> web.Response:
    """An error of our own as an HTTP response."""
    return web.Response(status=error.status, body=error.body, headers=error.headers)


async def read_body(upstream: Answer, provider: str) -> bytes:
    """The whole body of an answer that is not a stream.

    Raises:
        AttemptFailed: it broke off, stalled or is absurdly long.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await upstream.content.readany():
            size += len(chunk)
            if size > MAX_UNARY_BYTES:
                raise AttemptFailed(AttemptKind.SERVER_ERROR, f"{provider} sent more than {MAX_UNARY_BYTES} bytes")
            chunks.append(chunk)
    except _BROKEN as error:
        raise broken_off(f"{provider} broke off its answer", error) from None
    return b"".join(chunks)


async def relay_unary(
    request: web.BaseRequest,
    upstream: Answer,
    record: TurnRecord,
    ours: Headers,
    *,
    input_estimate: Callable[[], int],
    rename_model: str | None,
) -> web.StreamResponse:
    """Relay a 200 that is one JSON body. ``input_estimate`` is asked for where the body reports no usage."""
    assert record.target is not None
    dialect = record.request.dialect
    body = await read_body(upstream, record.target.provider.name)
    usage = unary_usage(dialect, body)
    record.usage = usage if usage is not None else estimate_unary(dialect, body, input_estimate())
    record.outcome = Outcome.ANSWERED if unary_error(dialect, body) is None else Outcome.UPSTREAM_ERROR
    if rename_model is not None:
        body = rename_unary_model(body, rename_model)
    headers = headers_of(upstream, ours, matches_requested=record.target.model_id == record.request.model)
    response = web.Response(status=upstream.status, body=body, headers=headers)
    record.first_byte()
    await send(request, response, record)
    return response


async def send(request: web.BaseRequest, response: web.Response, record: TurnRecord) -> None:
    """Send a complete response; a client that is gone makes the turn's outcome so."""
    try:
        await response.prepare(request)
        await response.write_eof()
    except OSError:
        record.outcome = Outcome.CLIENT_GONE


async def relay_stream(
    request: web.BaseRequest,
    upstream: Answer,
    record: TurnRecord,
    ours: Headers,
    meter: StreamMeter | StreamTranslator,
    *,
    input_estimate: Callable[[], int],
) -> web.StreamResponse:
    """Relay a stream event by event, as it comes; a cut ends in the dialect's own error event.

    The client's headers go out with the first event, so until then the turn can still move to another tier.

    Raises:
        AttemptFailed: the stream broke before its first event.
    """
    assert record.target is not None
    provider = record.target.provider.name
    headers = headers_of(upstream, ours, matches_requested=record.target.model_id == record.request.model)
    response = web.StreamResponse(status=upstream.status, headers=[*headers, *_STREAM_HEADERS])
    # Exactly so: Claude Code takes no stream whose content type names a charset, as some providers' do.
    response.headers["content-type"] = EVENT_STREAM
    broken = ""
    try:
        content = upstream.content
        while not meter.over:
            try:
                chunk = await content.readany()
            except _BROKEN as error:
                broken = why_broken_off(f"{provider} broke off its answer", error)
                break
            if not chunk:
                break
            try:
                events = meter.feed(chunk)
            except SseError as error:
                broken = f"{provider}: {error}"
                break
            if events:
                if record.first_byte_s is None:
                    await response.prepare(request)
                    record.first_byte()
                await response.write(events)
        if record.first_byte_s is None and not meter.complete:
            why = broken or meter.failed or f"{provider} ended its answer before the first event"
            raise AttemptFailed(AttemptKind.CUT, why)
        tail = meter.end(broken) if broken else meter.end()
        if record.first_byte_s is None:
            await response.prepare(request)
            record.first_byte()
        if tail:
            await response.write(tail)
        await response.write_eof()
    except OSError:
        # Only writing to the client raises here: what reading raises is caught above.
        record.outcome = _outcome(meter, otherwise=Outcome.CLIENT_GONE)
    except asyncio.CancelledError:
        record.outcome = _outcome(meter, otherwise=Outcome.CLIENT_GONE)
        raise
    else:
        record.outcome = _outcome(meter, otherwise=Outcome.CUT)
    finally:
        # Also when the handler is cancelled because the client went away: the turn is metered all the same.
        record.usage = _usage_of(meter, input_estimate)
    return response


def _usage_of(meter: StreamMeter | StreamTranslator, input_estimate: Callable[[], int]) -> Usage:
    """What was used; most providers say it, and then nothing has to be estimated."""
    usage = meter.usage_or_estimate(0)
    return usage if usage.source is UsageSource.REPORTED else meter.usage_or_estimate(input_estimate())


def _outcome(meter: StreamMeter | StreamTranslator, *, otherwise: Outcome) -> Outcome:
    """How a stream ended. A client that leaves after the last event, as SDKs do, has had its answer."""
    if meter.failed is not None:
        return Outcome.UPSTREAM_ERROR
    return Outcome.ANSWERED if meter.complete else otherwise

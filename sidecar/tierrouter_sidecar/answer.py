"""Relays a provider's answer to the client and reads what it used from a copy."""

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web

from tierrouter_core.failover.classify import failure_of_error
from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_core.names import Dialect, Outcome, UsageSource
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.dialects import response_headers
from tierrouter_core.wire.failures import WireError
from tierrouter_core.wire.meter import StreamMeter
from tierrouter_core.wire.sse import MALFORMED, SseError
from tierrouter_core.wire.translated_stream import StreamTranslator
from tierrouter_core.wire.unary import (
    estimate_unary,
    rename_unary_model,
    unary_flagged,
    unary_payload,
    unary_reported_error,
    unary_usage,
)
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.record import Attempt, TurnRecord
from tierrouter_sidecar.reply import Reply
from tierrouter_sidecar.upstream import (
    BROKEN,
    AttemptFailed,
    FirstTokenLate,
    Interrupted,
    Lingers,
    attempt_failed,
    broken_off,
    forget_frames,
)

MAX_UNARY_BYTES = 64 * 1024 * 1024
_MOST_BEFORE_THE_ANSWER_BYTES = 256 * 1024
"""Of keep-alives and an answer's opening."""
_AFTER_THE_LAST_MARKER_S = 1.0
"""So long a provider may take to end a stream whose last marker has come; then the connection is not used again."""
Headers = Sequence[tuple[str, str]]


def headers_of(
    upstream: Answer, ours: Headers, *, matches_requested: bool, hide_model: bool = False
) -> list[tuple[str, str]]:
    """The answer's headers: those of the provider that a client may see, and ours."""
    theirs = response_headers(upstream.headers.items(), matches_requested, hide_model=hide_model)
    return [*theirs, *ours]


def error_response(error: WireError) -> web.Response:
    """An error of our own as an HTTP response."""
    return web.Response(status=error.status, body=error.body, headers=error.headers)


async def read_body(upstream: Answer, provider: str, late_s: float) -> bytes:
    """The whole body of an answer that is not a stream, which has to be there at ``late_s`` of the event loop's clock.

    Raises:
        AttemptFailed: it broke off, stalled or is absurdly long.
    """
    chunks: list[bytes] = []
    size = 0
    content = upstream.content
    timer: asyncio.TimerHandle | None = None
    if not content.is_eof():  # a short answer comes with its headers
        late = FirstTokenLate(f"{provider} did not send its whole answer in time")
        timer = asyncio.get_running_loop().call_at(late_s, content.set_exception, late)
    try:
        while chunk := await content.readany():
            size += len(chunk)
            if size > MAX_UNARY_BYTES:
                raise attempt_failed(FailureKind.MALFORMED, f"{provider} sent more than {MAX_UNARY_BYTES} bytes", 200)
            chunks.append(chunk)
    except FirstTokenLate as error:
        raise attempt_failed(FailureKind.LATE, str(error), upstream.status) from None
    except BROKEN as error:
        raise AttemptFailed(broken_off(f"{provider} broke off its answer", error)) from None
    finally:
        if timer is not None:
            timer.cancel()
    return b"".join(chunks)


async def relay_unary(
    request: web.BaseRequest,
    upstream: Answer,
    record: TurnRecord,
    attempt: Attempt,
    ours: Headers,
    *,
    late_s: float,
    input_estimate: Callable[[], int],
    rename_model: str | None,
    before_sending: Callable[[], None],
) -> web.StreamResponse:
    """Relay a 200 that is one JSON body.

    Args:
        late_s: when it has to be there, by the event loop's clock.
        input_estimate: asked for where the body reports no usage.
        before_sending: is told that the body is an answer; from then on nobody else may answer.

    Raises:
        AttemptFailed: the body is no answer; nothing has been sent.
    """
    body = await read_body(upstream, attempt.target.provider.name, late_s)
    note_unary(attempt, record.request.dialect, body, input_estimate)
    before_sending()
    record.outcome = Outcome.ANSWERED
    if rename_model is not None:
        body = rename_unary_model(body, rename_model)
    matches = attempt.target.model_id == record.request.model
    headers = headers_of(upstream, ours, matches_requested=matches, hide_model=rename_model is not None)
    response = web.Response(status=upstream.status, body=body, headers=headers)
    if record.kept is not None:
        record.kept.add(body)
    record.first_byte()
    await send(request, response, record)
    return response


def note_unary(attempt: Attempt, dialect: Dialect, body: bytes, input_estimate: Callable[[], int]) -> None:
    """Write down what an answer that is one JSON body has used, and whether it is flagged.

    Args:
        dialect: the provider's.
        input_estimate: asked for where the body reports no usage.

    Raises:
        AttemptFailed: the body is no answer.
    """
    payload = unary_payload(body)
    error = unary_reported_error(dialect, payload)
    if error is not None:
        raise AttemptFailed(failure_of_error(attempt.target.provider.name, error))
    usage = unary_usage(dialect, payload)
    attempt.usage = usage if usage is not None else estimate_unary(dialect, payload, input_estimate())
    attempt.flagged = unary_flagged(dialect, payload)


async def send(request: web.BaseRequest, response: web.Response, record: TurnRecord) -> None:
    """Send a complete response; a client that is gone makes the turn's outcome so."""
    try:
        await response.prepare(request)
        await response.write_eof()
    except OSError:
        record.outcome = Outcome.CLIENT_GONE


async def relay_stream(
    reply: Reply,
    upstream: Answer,
    record: TurnRecord,
    attempt: Attempt,
    meter: StreamMeter | StreamTranslator,
    *,
    late_s: float,
    input_estimate: Callable[[], int],
    redacted: Callable[[bytes], bytes],
    on_first_token: Callable[[], list[tuple[str, str]]],
    may_go_on: Callable[[Failure], bool],
) -> None:
    """Relay a stream event by event, as it comes; a cut ends in the dialect's own error event.

    Nothing goes out before something of the answer itself has come, so until then the turn can still move to another
    tier. What breaks it off after that is in ``attempt.broken``, also where the client is gone as soon as it was told,
    as SDKs are that close on an error event.

    Args:
        late_s: when the first token has to be there, by the event loop's clock.
        redacted: takes the keys out of an error that the provider reports.
        on_first_token: is told when it is there, and says the answer's headers, where they have not gone out yet.
        may_go_on: whether somebody else may go on with what has been sent, after that failure.

    Raises:
        AttemptFailed: it failed before that.
        Interrupted: it broke off after that, the client has not been told, and somebody else may go on.
    """
    stream = _Stream(reply, upstream, meter, attempt.target.provider.name, redacted, may_go_on)
    failed = opened = interrupted = False
    try:
        opening, broken = await stream.opened(late_s)
        headers = on_first_token()
        opened = True
        record.first_byte()
        await stream.begin(headers, opening)
        await stream.rest(broken)
    except OSError:
        # Only writing to the client raises here: what reading raises is caught where it is read.
        pass
    except Interrupted:
        interrupted = True
        raise
    except AttemptFailed:
        failed = True
        raise
    finally:
        # Also when the handler is cancelled because the client went away: the turn is metered all the same.
        if opened:
            record.outcome = _outcome(meter, otherwise=stream.outcome)
        if not failed:
            attempt.broken = None if interrupted else stream.failure
            attempt.usage = _usage_of(meter, input_estimate)
            attempt.flagged = meter.flagged


class _Stream:
    """One provider's stream on its way to the client."""

    def __init__(
        self,
        reply: Reply,
        upstream: Answer,
        meter: StreamMeter | StreamTranslator,
        provider: str,
        redacted: Callable[[bytes], bytes],
        may_go_on: Callable[[Failure], bool],
    ) -> None:
        self._redacted = redacted
        self._may_go_on = may_go_on
        self._reply = reply
        self.outcome = Outcome.CLIENT_GONE
        """What the turn's is where the client goes now and the answer is not whole."""
        self.failure: Failure | None = None
        """What broke it off, as far as the client was told."""
        self._upstream = upstream
        self._meter = meter
        self._provider = provider

    async def opened(self, late_s: float) -> tuple[bytes, Failure | None]:
        """Read until something of the answer has come; all that has, and what broke it off right there, if anything.

        Raises:
            AttemptFailed: it failed before that.
        """
        held: list[bytes] = []
        size = 0
        meter, broken = self._meter, None
        late = FirstTokenLate(f"{self._provider} sent no first token in time")
        timer = asyncio.get_running_loop().call_at(late_s, self._upstream.content.set_exception, late)
        try:
            while not meter.beyond_opening and not meter.complete:
                events, broken = await self._next()
                if meter.at_work:
                    # A model that thinks unseen is not late; leaving it now would be paid for twice.
                    timer.cancel()
                if events:
                    held.append(events)
                    size += len(events)
                if size > _MOST_BEFORE_THE_ANSWER_BYTES and not meter.beyond_opening:
                    raise attempt_failed(
                        FailureKind.MALFORMED, f"{self._provider} sent {size} bytes and no answer", 200
                    )
                if events is None or broken is not None or meter.error is not None:
                    break
        finally:
            timer.cancel()
        if not meter.beyond_opening and not meter.complete:
            # A whole answer may be there that lacks only its last line's end.
            tail = meter.end(broken.message) if broken is not None else meter.end()
            if meter.error is not None:
                raise AttemptFailed(failure_of_error(self._provider, meter.error))
            if not meter.complete:
                raise AttemptFailed(broken or self._ended_early("before its first token"))
            held.append(tail)
        return b"".join(held), broken

    async def begin(self, headers: list[tuple[str, str]], opening: bytes) -> None:
        """Send the answer's headers and what has come of it."""
        await self._reply.begin(self._upstream.status, headers)
        if opening:
            await self._reply.write(opening)

    async def rest(self, broken: Failure | None) -> None:
        """Relay the rest; ``broken`` is what broke it off already.

        Raises:
            Interrupted: it broke off, and somebody else may go on with it.
        """
        meter, reply, lingering = self._meter, self._reply, None
        while broken is None and not meter.over and meter.error is None:
            if meter.terminated and lingering is None:
                loop, content = asyncio.get_running_loop(), self._upstream.content
                lingering = loop.call_later(_AFTER_THE_LAST_MARKER_S, content.set_exception, Lingers())
            events, broken = await self._next()
            if events:
                await reply.write(events)
            if events is None:
                break
        if lingering is not None:
            lingering.cancel()
        tail = meter.end(broken.message) if broken is not None else meter.end()
        if meter.error is not None:
            self.failure, tail = failure_of_error(self._provider, meter.error), self._redacted(tail)
        elif not meter.complete:
            self.failure = broken or self._ended_early("before its answer was complete")
        self.outcome = Outcome.CUT
        if self.failure is not None and self._may_go_on(self.failure):
            raise Interrupted(self.failure, tail)
        if tail:
            await reply.write(tail)
        await reply.end()

    async def _next(self) -> tuple[bytes | None, Failure | None]:
        """The next events; None at the end; and what broke the stream off."""
        try:
            chunk = await self._upstream.content.readany()
        except Lingers as error:
            forget_frames(error)
            return None, None
        except FirstTokenLate as error:
            forget_frames(error)
            return None, Failure(kind=FailureKind.LATE, message=str(error), status=200)
        except BROKEN as error:
            forget_frames(error)
            return None, broken_off(f"{self._provider} broke off its answer", error)
        if not chunk:
            return None, None
        try:
            events = self._meter.feed(chunk)
        except SseError as error:
            return None, Failure(kind=FailureKind.MALFORMED, message=f"{self._provider}: {error}", status=200)
        if self._meter.malformed:
            return events, Failure(kind=FailureKind.MALFORMED, message=f"{self._provider}: {MALFORMED}", status=200)
        return events, None

    def _ended_early(self, when: str) -> Failure:
        return Failure(kind=FailureKind.CUT, message=f"{self._provider} ended its stream {when}", status=200)


def _usage_of(meter: StreamMeter | StreamTranslator, input_estimate: Callable[[], int]) -> Usage:
    """What was used; most providers say it, and then nothing has to be estimated."""
    usage = meter.usage_or_estimate(0)
    return usage if usage.source is UsageSource.REPORTED else meter.usage_or_estimate(input_estimate())


def _outcome(meter: StreamMeter | StreamTranslator, *, otherwise: Outcome) -> Outcome:
    """How a stream ended. A client that leaves after the last event, as SDKs do, has had its answer."""
    if meter.failed is not None:
        return Outcome.UPSTREAM_ERROR
    return Outcome.ANSWERED if meter.complete else otherwise

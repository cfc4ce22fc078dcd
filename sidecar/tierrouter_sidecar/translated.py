"""Answers that come as one body, or go out as one, on their way to a client of another dialect."""

from collections.abc import Callable

from aiohttp import web

from tierrouter_core.failover.classify import failure_of_error
from tierrouter_core.failover.failure import FailureKind
from tierrouter_core.names import Outcome
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.events import Failed
from tierrouter_core.wire.meter import stream_meter
from tierrouter_core.wire.reported_error import ReportedError
from tierrouter_core.wire.sse import SseError
from tierrouter_core.wire.translate import Translated
from tierrouter_core.wire.translated_answer import answer_of_stream, stream_of_answer, translate_answer
from tierrouter_sidecar.answer import Headers, headers_of, note_unary, read_body, send
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.record import Attempt, TurnRecord
from tierrouter_sidecar.reply import EVENT_STREAM, Reply
from tierrouter_sidecar.upstream import AttemptFailed, attempt_failed


async def relay_translated_unary(
    request: web.BaseRequest,
    reply: Reply | None,
    upstream: Answer,
    record: TurnRecord,
    attempt: Attempt,
    ours: Headers,
    translated: Translated,
    envelope: Envelope,
    *,
    late_s: float,
    hide_model: bool,
    before_sending: Callable[[], None],
) -> web.StreamResponse:
    """Relay a 200 whose body, or whose answer, is one piece.

    A provider that streams unasked, or doesn't though it was asked to, is understood all the same. ``reply`` is the
    stream that the client has asked for, if it has; ``late_s`` when the whole has to be there;
    ``hide_model`` whether no header may name the one that served; ``before_sending`` is told that it is an answer.

    Raises:
        AttemptFailed: the body is no answer; nothing has been sent.
    """
    provider = attempt.target.provider.name
    body = await read_body(upstream, provider, late_s)
    dialect, streamed = translated.target, upstream.content_type == EVENT_STREAM
    if streamed:
        meter = stream_meter(dialect)
        try:
            meter.feed(body)
        except SseError as error:
            raise attempt_failed(FailureKind.MALFORMED, f"{provider}: {error}", 200) from None
        meter.end()
        attempt.flagged = meter.flagged
        attempt.usage = meter.usage_or_estimate(envelope.input_estimate)
        answer = answer_of_stream(translated, body, envelope, attempt.usage)
    else:
        note_unary(attempt, dialect, body, lambda: envelope.input_estimate)
        turn = stream_of_answer if record.request.stream else translate_answer
        answer = turn(translated, body, envelope, attempt.usage)
    if isinstance(answer, Failed):
        raise AttemptFailed(failure_of_error(provider, ReportedError(answer.message, answer.kind)))
    before_sending()
    record.outcome = Outcome.ANSWERED
    headers = headers_of(upstream, ours, matches_requested=False, hide_model=hide_model)
    theirs = [pair for pair in headers if pair[0] != "content-type"]
    record.first_byte()
    if reply is not None:
        try:
            await reply.begin(200, theirs)
            await reply.write(answer)
            return await reply.end()
        except OSError:
            record.outcome = Outcome.CLIENT_GONE
            return reply.response
    if record.kept is not None:
        record.kept.add(answer)
    response = web.Response(status=200, body=answer, headers=[*theirs, ("content-type", "application/json")])
    await send(request, response, record)
    return response

"""One call to a provider: the request as it gets it, and its answer on the way to the client."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from tierrouter_core.failover.classify import MOST_WORDS, failure_of_answer
from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_core.failover.patience import patience
from tierrouter_core.failover.resumption import may_go_on
from tierrouter_core.names import Dialect
from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.fitting import Fit, as_it_is, asks_for_usage, fit, not_asked_for_usage
from tierrouter_core.routing.targets import Target, profile_of_target
from tierrouter_core.wire.begun import begun, marked
from tierrouter_core.wire.claude import without_betas
from tierrouter_core.wire.counts import count
from tierrouter_core.wire.dialects import EndpointKind, turns_endpoint
from tierrouter_core.wire.edits import BETAS, Edited
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.trace_context import passed_on
from tierrouter_core.wire.translate import Refused, Translated, untranslated
from tierrouter_core.wire.translated_stream import Carried, StreamTranslator
from tierrouter_sidecar.answer import Headers, headers_of, read_body, relay_stream, relay_unary
from tierrouter_sidecar.errors import CredentialError
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.outgoing import Outgoing, outgoing, raw_query
from tierrouter_sidecar.record import Attempt
from tierrouter_sidecar.reply import EVENT_STREAM, Reply
from tierrouter_sidecar.translated import relay_translated_unary
from tierrouter_sidecar.under_way import UnderWay
from tierrouter_sidecar.upstream import AttemptFailed, attempt_failed

_ERROR_BODY_PATIENCE_S = 10.0
"""What a provider has to say of its failure is not waited for any longer."""


class Call:
    """One call to ``target``."""

    def __init__(self, way: UnderWay, target: Target, on_first_token: Callable[["Call"], None]) -> None:
        """Make it ready; ``on_first_token`` is told before the client is sent anything of the answer.

        Raises:
            AttemptFailed: there can be none: the turn does not fit, or the key is missing.
        """
        self._way = way
        self.target = target
        self.attempt = Attempt(target)
        self._on_first_token = on_first_token
        self._upstream: Answer | None = None
        self._sent = False
        self.began = False
        """Whether the first token of a stream has come."""
        self._fitted = self._fit()
        way.calls += 1
        try:
            self._outgoing = self._made_out()
        except CredentialError as error:
            raise attempt_failed(FailureKind.CREDENTIAL, str(error)) from None

    @property
    def _dialect(self) -> Dialect:
        """That it is made in."""
        return self._fitted.target if isinstance(self._fitted, Translated) else self._way.record.request.dialect

    def _fit(self) -> Edited | Translated:
        """The request as the target gets it; another tier's turn where it can't."""
        way, record, target = self._way, self._way.record, self._as_it_is_asked()
        fitted, way.first = way.first, None
        if way.unfinished is not None:
            fitted = self._fit_rest(way.unfinished.carried, target)
        elif way.endpoint.kind is EndpointKind.COMPACT:
            fitted = as_it_is(record.request, target)
        elif fitted is None or target is not self.target or target.key != record.decision.targets[0].key:
            fitted = fit(record.request, target, lambda target: way.server.circumstances(way.read, target))
        if isinstance(fitted, Refused):
            raise attempt_failed(FailureKind.UNFIT, f"{target.tier_name} can't take this turn: {fitted}")
        if isinstance(fitted, Edited):
            self.attempt.edits = fitted.edits
        elif fitted.lost:
            for name in fitted.lost:
                way.server.metrics.count(m.TRANSLATION_LOSSY, name)
            notice = f"left behind in translation: {', '.join(fitted.lost)}"
            if notice not in way.notices:
                way.notices = (*way.notices, notice)
        return fitted

    def _as_it_is_asked(self) -> Target:
        """The target, as one that takes no ``stream_options`` where it has refused them."""
        way, target = self._way, self.target
        if way.record.request.stream and (way.refused_usage == target.key or self._asking in way.server.unasked):
            return not_asked_for_usage(target)
        return target

    @property
    def _asking(self) -> tuple[str, str, str]:
        return self._way.record.in_force.revision, self.target.provider.name, self.target.model_id

    def _fit_rest(self, carried: Carried, target: Target) -> Fit:
        """The request for the rest of an answer that another call has begun."""
        way = self._way
        self.attempt.carried = carried.usage
        request = begun(way.record.request, carried.seen.text)
        fitted = fit(request, target, lambda target: way.server.circumstances(way.read, target))
        if isinstance(fitted, Refused):
            return fitted
        dialect = fitted.target if isinstance(fitted, Translated) else request.dialect
        if dialect is not Dialect.CHAT:
            return fitted
        return replace(fitted, body=marked(fitted.body, profile_of_target(target)))

    def _made_out(self) -> Outgoing:
        way, credentials = self._way, self._way.server.credentials
        if isinstance(self._fitted, Translated):
            # The client's own headers belong to its dialect, and so does its query.
            traced = dict(passed_on(way.headers))
            return outgoing(credentials, self.target, turns_endpoint(self._fitted.target), traced, "")
        first = way.calls == 1
        return outgoing(credentials, self.target, way.endpoint, way.headers, raw_query(way.http), first_attempt=first)

    async def perform(self, *, left_s: float, others: bool) -> web.StreamResponse:
        """Make it, and relay its answer; ``attempt`` says what broke that off after its first token.

        Args:
            left_s: of ``failover.totalTimeout``.
            others: whether somebody else may be asked after it.

        Raises:
            AttemptFailed: nothing of an answer has gone to the client.
        """
        way, record, failover, target = self._way, self._way.record, self._way.document.failover, self.target
        may_take = patience(failover, target, record.request, self._dialect, left_s=left_s, others=others)
        late_s = asyncio.get_running_loop().time() + may_take.first_token_s
        upstream = self._upstream = await self._way.server.upstream.send(
            target.provider,
            "POST",
            self._outgoing.path,
            self._headers(),
            self._fitted.body,
            failover,
            may_take.headers_s,
            self._note_sent,
        )
        if upstream.status != 200:
            raise AttemptFailed(await self._failure_of(upstream))
        if record.request.stream and way.refused_usage == target.key:
            # It was that field and nothing else: from now on it is left out at once.
            way.server.unasked.add(self._asking)
        if isinstance(self._fitted, Translated):
            return await self._relay_translated(upstream, self._fitted, late_s)
        return await self._relay(upstream, self._fitted, late_s)

    @property
    def at_work(self) -> bool:
        """Whether the provider has the request and has not refused it: what it does then is paid for."""
        return self._sent and (self._upstream is None or self._upstream.status == 200)

    def _note_sent(self) -> None:
        self._sent = True

    def close(self) -> int:
        """Let go of the provider's connection, whatever state it is in; the status that came, or 0."""
        # Whom it told has it in hand, and the two would keep each other for as long as the collector lets them.
        self._on_first_token = _tell_nobody
        upstream, self._upstream = self._upstream, None
        if upstream is None:
            return 0
        upstream.release()
        return upstream.status

    def _headers(self) -> list[tuple[str, str]]:
        headers = list(self._outgoing.headers)
        if isinstance(self._fitted, Edited) and self._fitted.unpaired_betas:
            paired = without_betas(headers, self._fitted.unpaired_betas)
            if paired != headers:
                self.attempt.edits = (*self.attempt.edits, BETAS)
            return paired
        return headers

    async def _relay(self, upstream: Answer, edited: Edited, late_s: float) -> web.StreamResponse:
        way, record, target = self._way, self._way.record, self.target
        rename = record.request.model if way.hides_model else None
        if upstream.content_type == EVENT_STREAM and way.reply is not None:
            if way.unfinished is not None:
                again = untranslated(edited.body, record.request.dialect)
                return await self._relay_translated(upstream, again, late_s)
            meter = stream_meter(
                record.request.dialect,
                swallow_usage=edited.swallow_usage,
                rename_model=rename,
                choices=count(record.request.parsed.get("n")) or 1,
            )
            return await self._relay_stream(way.reply, upstream, meter, late_s)
        if way.reply is not None:
            # SDKs find nothing in a body in a stream's place, and the stream's headers may be out before it is there.
            if record.request.parsed.get("n") not in (None, 1):
                message = f"{target.provider.name} sent no stream, though one was asked for"
                raise attempt_failed(FailureKind.MALFORMED, message, 200)
            return await self._relay_translated(upstream, untranslated(edited.body, record.request.dialect), late_s)
        return await relay_unary(
            way.http,
            upstream,
            record,
            self.attempt,
            way.our_headers(target),
            late_s=late_s,
            input_estimate=lambda: way.estimate(target),
            rename_model=rename,
            before_sending=self._begin,
        )

    async def _relay_translated(self, upstream: Answer, translated: Translated, late_s: float) -> web.StreamResponse:
        way, record, target = self._way, self._way.record, self.target
        envelope = Envelope(
            turn_id=record.turn_id,
            model=record.request.model if way.hides_model else target.model_id,
            created_s=int(record.arrived_s),
            input_estimate=way.estimate(target),
            include_usage=record.request.wants_usage is True,
        )
        if upstream.content_type == EVENT_STREAM and way.reply is not None:
            carried = None if way.unfinished is None else way.unfinished.carried
            meter = StreamTranslator(translated, envelope, carried)
            return await self._relay_stream(way.reply, upstream, meter, late_s)
        if way.unfinished is not None:
            message = f"{target.provider.name} sent no stream, though one was asked for"
            raise attempt_failed(FailureKind.MALFORMED, message, 200)
        ours = way.our_headers(target)
        return await relay_translated_unary(
            way.http,
            way.reply,
            upstream,
            record,
            self.attempt,
            ours,
            translated,
            envelope,
            late_s=late_s,
            hide_model=way.hides_model,
            before_sending=self._begin,
        )

    async def _relay_stream(
        self, reply: Reply, upstream: Answer, meter: StreamMeter | StreamTranslator, late_s: float
    ) -> web.StreamResponse:
        way, record, target = self._way, self._way.record, self.target

        def begins() -> list[tuple[str, str]]:
            self.began = True
            self._begin()
            return self._headers_of(upstream, way.our_headers(target))

        try:
            await relay_stream(
                reply,
                upstream,
                record,
                self.attempt,
                meter,
                late_s=late_s,
                input_estimate=lambda: way.estimate(target),
                redacted=way.server.credentials.redacted,
                on_first_token=begins,
                may_go_on=lambda failure: reply.seen is not None and may_go_on(failure, reply.seen.text),
            )
        finally:
            if meter.malformed:
                way.server.metrics.count(m.MALFORMED_EVENTS, target.provider.name)
        if meter.complete and not (meter.terminated or meter.over):
            way.server.metrics.count(m.UNTERMINATED, target.provider.name)
        return reply.response

    def _begin(self) -> None:
        """From here on nobody else may answer."""
        self._on_first_token(self)

    def _headers_of(self, upstream: Answer, ours: Headers) -> list[tuple[str, str]]:
        matches = self.target.model_id == self._way.record.request.model
        return headers_of(upstream, ours, matches_requested=matches, hide_model=self._way.hides_model)

    async def _failure_of(self, upstream: Answer) -> Failure:
        """What a status other than 200 means."""
        way, target = self._way, self.target
        provider = target.provider.name
        try:
            late_s = asyncio.get_running_loop().time() + _ERROR_BODY_PATIENCE_S
            body = way.server.credentials.redacted(await read_body(upstream, provider, late_s))
        except AttemptFailed:
            body = b""
        failure = failure_of_answer(
            provider,
            self._dialect,
            upstream.status,
            dict(upstream.headers),
            body,
            time.time(),
            secret=_secret_of(target),
            shown_headers=tuple(self._headers_of(upstream, ())),
        )
        if failure.kind is FailureKind.REJECTED and self._refuses_usage(body):
            way.refused_usage = target.key
            message = f"{provider} refused `stream_options` ({upstream.status}), by which the router asks for usage"
            return replace(failure, kind=FailureKind.OPTION, message=message)
        if failure.kind is not FailureKind.REASONING:
            return failure
        if way.read.conversation in way.server.unreplayed or not isinstance(self._fitted, Translated):
            # What a client sends in its own dialect is its own to mend.
            return replace(failure, kind=FailureKind.REJECTED)
        way.server.unreplayed.add(way.read.conversation)
        return replace(failure, message=f"{provider} refused past reasoning (400); it is asked again without")

    def _refuses_usage(self, body: bytes) -> bool:
        """Whether what is refused is a field that the router has added to ask for usage."""
        asked = asks_for_usage(self._fitted, self._way.record.request) and self._as_it_is_asked() is self.target
        if self.target.model is None or not asked:
            return False
        return any(name in body[:MOST_WORDS] for name in (b"stream_options", b"include_usage"))


def _tell_nobody(call: Call) -> None:
    """A call that is closed begins no more."""


def _secret_of(target: Target) -> str:
    provider = target.provider
    return f"Secret {provider.secret_name}, key {provider.secret_key}" if provider.secret_name else "its configuration"

"""A turn's attempts, one after another: call, fail over, relay, and say what came of it."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from tierrouter_core.failover.classify import failure_of_answer
from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_core.failover.ladder import Ask, Elsewhere, GiveUp, Tried, Walk, after, step
from tierrouter_core.failover.patience import patience
from tierrouter_core.names import (
    MODEL_HEADER,
    NOTICE_HEADER,
    REASON_HEADER,
    REVISION_HEADER,
    TIER_HEADER,
    TURN_HEADER,
    Outcome,
    Reason,
)
from tierrouter_core.routing.decide import printable
from tierrouter_core.routing.fitting import as_it_is, fit
from tierrouter_core.routing.targets import Target
from tierrouter_core.wire.claude import without_betas
from tierrouter_core.wire.dialects import Endpoint, EndpointKind, turns_endpoint
from tierrouter_core.wire.edits import BETAS, Edited
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_core.wire.in_band import in_band_error
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.translate import Refused, StreamTranslator, Translated
from tierrouter_core.wire.translated_error import CONTEXT_CODE, translated_error
from tierrouter_sidecar import metrics as m
from tierrouter_sidecar.answer import error_response, headers_of, read_body, relay_stream, relay_unary, send
from tierrouter_sidecar.errors import CredentialError
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.outgoing import Outgoing, outgoing, raw_query
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.reply import EVENT_STREAM, Reply
from tierrouter_sidecar.translated import relay_translated_unary
from tierrouter_sidecar.upstream import AttemptFailed, attempt_failed

if TYPE_CHECKING:
    from tierrouter_sidecar.turn import TurnServer, Understood

log = logging.getLogger("tierrouter")

_ERROR_BODY_PATIENCE_S = 10.0
"""What a provider has to say of its failure is not waited for any longer."""
_CONFIGURATION = frozenset(
    {FailureKind.CREDENTIAL, FailureKind.NO_MODEL, FailureKind.QUOTA, FailureKind.REDIRECT, FailureKind.TLS}
)
"""Somebody has to mend these."""


class Attempts:
    """A turn's attempts, one after another."""

    def __init__(
        self,
        server: "TurnServer",
        http: web.BaseRequest,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        record: TurnRecord,
        understood: "Understood",
    ) -> None:
        self._server = server
        self._http = http
        self._endpoint = endpoint
        self._document = record.in_force.document
        self._headers = headers
        self._record = record
        self._notices = understood.notices
        self._walk = Walk(waiting=record.decision.targets)
        self._attempt_open = False
        self._read = understood.read
        self._first = understood.first
        self._upstream: Answer | None = None
        self._reply: Reply | None = None
        if record.request.stream:
            self._reply = Reply(http, record.request.dialect, self._document.failover.hold_headers_ms / 1000)

    async def walk(self) -> web.StreamResponse:
        record, failover = self._record, self._document.failover
        if not record.decision.targets:
            record.outcome = Outcome.REFUSED
            return await self._refuse(Meaning.NOT_SERVABLE, record.decision.detail)
        if self._reply is not None:
            self._reply.hold([("x-request-id", record.turn_id), *self._our_headers(record.decision.targets[0])])
        deadline_s = record.began_s + failover.total_timeout_ms / 1000
        try:
            while True:
                left_s = deadline_s - time.monotonic()
                health, most = self._server.health, failover.max_attempts
                self._walk, now = step(self._walk, health.absent, left_s=left_s, most=most)
                if isinstance(now, GiveUp):
                    return await self._give_up(now)
                response = await self._ask(now, deadline_s)
                if response is not None:
                    return response
        finally:
            if self._reply is not None:
                self._reply.close()

    async def _ask(self, now: Ask, deadline_s: float) -> web.StreamResponse | None:
        """One attempt; None where it failed and the way goes on."""
        record, target, health = self._record, now.target, self._server.health
        if now.after_s:
            await asyncio.sleep(now.after_s)
        self._move_to(target)
        record.begin_attempt(target)
        try:
            fitted, call = self._prepared(target)
        except AttemptFailed as failed:
            self._failed(target, failed.failure, called=False)
            return None
        self._attempt_open = True
        health.asked(target)
        try:
            response, broken = await self._attempt(target, fitted, call, deadline_s)
        except AttemptFailed as failed:
            failure = self._redacted(failed.failure)
            health.failed(target, failure, self._document.failover)
            self._failed(target, failure, called=True)
            return None
        except BaseException:
            health.let_go(target)
            raise
        if broken is not None:
            broken = self._redacted(broken)
            health.failed(target, broken, self._document.failover)
            self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, broken.kind)
            log.warning("turn %s: tier %s: %s", record.turn_id, target.tier_name, broken.message)
        else:
            health.answered(target)
        self.close_open_attempt("" if broken is None else broken.message)
        if record.outcome in (Outcome.ANSWERED, Outcome.CUT, Outcome.CLIENT_GONE):
            self._server.remember(record)
        return response

    def client_went_away(self) -> None:
        """Close what is open: with an answer that was complete, as if nothing had happened."""
        if self._record.outcome is Outcome.ANSWERED:
            self.close_open_attempt("")
            self._server.remember(self._record)
            return
        self._record.outcome = Outcome.CLIENT_GONE
        self.close_open_attempt("the client went away")

    def _failed(self, target: Target, failure: Failure, *, called: bool) -> None:
        self._walk = after(
            self._walk,
            Tried(target, failure, called),
            self._elsewhere(),
            jitter=random.random(),  # noqa: S311 (nothing to guess)
            most=self._document.failover.max_attempts,
        )
        self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, failure.kind)
        level = logging.ERROR if failure.kind in _CONFIGURATION else logging.WARNING
        log.log(level, "turn %s: tier %s: %s", self._record.turn_id, target.tier_name, failure.message)
        self.close_open_attempt(failure.message, failure.status)

    def _elsewhere(self) -> Elsewhere:
        router, turn, state = self._record.in_force.router, self._read.turn, self._record.decision.state
        return Elsewhere(
            larger=lambda target: router.larger(turn, target), flagged=lambda: router.if_flagged(turn, state)
        )

    def _move_to(self, target: Target) -> None:
        """Say why it is this tier, where it is not the one that was decided on."""
        if not self._walk.tried:
            return
        last = self._walk.tried[-1]
        if last.target.key == target.key:
            return
        self._server.metrics.count(m.FAILOVERS, last.target.tier_name, target.tier_name)
        self._record.reason = (
            f"{Reason.FAILOVER}: {last.failure.message}; {target.tier_name} takes over from {last.target.tier_name}"
        )

    def close_open_attempt(self, error: str, status: int | None = None) -> None:
        """Write the attempt down and let go of the provider's connection, whatever state it is in."""
        if not self._attempt_open:
            return
        self._attempt_open = False
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            status = upstream.status if status is None else status
            upstream.release()
        self._record.end_attempt(status or 0, error)

    def _prepared(self, target: Target) -> tuple[Edited | Translated, Outgoing]:
        """The request as ``target`` gets it, and the call; AttemptFailed where there can be none."""
        fitted = self._fitted(target)
        try:
            call = self._outgoing(target, fitted if isinstance(fitted, Translated) else None)
        except CredentialError as error:
            raise attempt_failed(FailureKind.CREDENTIAL, str(error)) from None
        return fitted, call

    async def _attempt(
        self, target: Target, fitted: Edited | Translated, call: Outgoing, deadline_s: float
    ) -> tuple[web.StreamResponse, Failure | None]:
        """Call ``target`` and relay its answer; and what broke that off after its first token."""
        record, failover = self._record, self._document.failover
        headers = call.headers
        if isinstance(fitted, Edited) and fitted.unpaired_betas:
            headers = without_betas(headers, fitted.unpaired_betas)
            if headers != list(call.headers):
                record.edits = (*record.edits, BETAS)
        dialect = fitted.target if isinstance(fitted, Translated) else record.request.dialect
        may_take = patience(failover, target, record.request, dialect)
        loop = asyncio.get_running_loop()
        left_s = deadline_s - time.monotonic()
        late_s = loop.time() + min(may_take.first_token_s, left_s)
        upstream = self._upstream = await self._server.upstream.send(
            target.provider, "POST", call.path, headers, fitted.body, failover, min(may_take.headers_s, left_s)
        )
        if upstream.status != 200:
            raise AttemptFailed(await self._failure_of(target, upstream, fitted))
        if isinstance(fitted, Translated):
            return await self._relay_translated(target, upstream, fitted, late_s)
        return await self._relay(target, upstream, fitted, late_s)

    def _fitted(self, target: Target) -> Edited | Translated:
        """The request as ``target`` gets it; another tier's turn where it can't."""
        first, self._first = self._first, None
        if self._endpoint.kind is EndpointKind.COMPACT:
            first = as_it_is(self._record.request, target)
        if first is None or target.key != self._record.decision.targets[0].key:
            first = fit(self._record.request, target, lambda target: self._server.circumstances(self._read, target))
        fitted = first
        if isinstance(fitted, Refused):
            raise attempt_failed(FailureKind.UNFIT, f"{target.tier_name} can't take this turn: {fitted}")
        if isinstance(fitted, Edited):
            self._record.edits = fitted.edits
        elif fitted.lost:
            for name in fitted.lost:
                self._server.metrics.count(m.TRANSLATION_LOSSY, name)
            notice = f"left behind in translation: {', '.join(fitted.lost)}"
            if notice not in self._notices:
                self._notices = (*self._notices, notice)
        return fitted

    def _outgoing(self, target: Target, translated: Translated | None) -> Outgoing:
        credentials = self._server.credentials
        if translated is None:
            return outgoing(credentials, target, self._endpoint, self._headers, raw_query(self._http))
        # The client's own headers belong to its dialect, and so does its query.
        return outgoing(credentials, target, turns_endpoint(translated.target), {}, "")

    async def _relay(
        self, target: Target, upstream: Answer, edited: Edited, late_s: float
    ) -> tuple[web.StreamResponse, Failure | None]:
        record, ours = self._record, self._our_headers(target)
        rename = record.request.model if self._document.response_model == "Requested" else None
        if upstream.content_type == EVENT_STREAM and self._reply is not None:
            meter = stream_meter(record.request.dialect, swallow_usage=edited.swallow_usage, rename_model=rename)
            return await self._relay_stream(self._reply, target, upstream, meter, late_s)
        if self._reply is not None and self._reply.begun:
            message = f"{target.provider.name} sent no stream, though one was asked for"
            raise attempt_failed(FailureKind.MALFORMED, message, 200)
        response = await relay_unary(
            self._http, upstream, record, ours, input_estimate=lambda: self._estimate(target), rename_model=rename
        )
        return response, None

    async def _relay_translated(
        self, target: Target, upstream: Answer, translated: Translated, late_s: float
    ) -> tuple[web.StreamResponse, Failure | None]:
        record, ours = self._record, self._our_headers(target)
        envelope = Envelope(
            turn_id=record.turn_id,
            model=record.request.model if self._document.response_model == "Requested" else target.model_id,
            created_s=int(record.arrived_s),
            input_estimate=self._estimate(target),
            include_usage=record.request.wants_usage is True,
        )
        if upstream.content_type == EVENT_STREAM and self._reply is not None:
            meter = StreamTranslator(translated, envelope)
            return await self._relay_stream(self._reply, target, upstream, meter, late_s)
        response = await relay_translated_unary(self._http, self._reply, upstream, record, ours, translated, envelope)
        return response, None

    async def _relay_stream(
        self,
        reply: Reply,
        target: Target,
        upstream: Answer,
        meter: StreamMeter | StreamTranslator,
        late_s: float,
    ) -> tuple[web.StreamResponse, Failure | None]:
        record = self._record
        matches = target.model_id == record.request.model
        try:
            broken = await relay_stream(
                reply,
                upstream,
                record,
                headers_of(upstream, self._our_headers(target), matches_requested=matches),
                meter,
                late_s=late_s,
                input_estimate=lambda: self._estimate(target),
                on_first_token=lambda: self._server.health.answered(target),
            )
        finally:
            if meter.malformed:
                self._server.metrics.count(m.MALFORMED_EVENTS, target.provider.name)
        return reply.response, broken

    def _estimate(self, target: Target) -> int:
        return self._server.tokens_for(target, self._read)

    async def _failure_of(self, target: Target, upstream: Answer, fitted: Edited | Translated) -> Failure:
        """What a status other than 200 means."""
        record, provider = self._record, target.provider.name
        try:
            async with asyncio.timeout(_ERROR_BODY_PATIENCE_S):
                body = self._server.credentials.redacted(await read_body(upstream, provider))
        except (AttemptFailed, TimeoutError):
            body = b""
        failure = failure_of_answer(
            provider,
            fitted.target if isinstance(fitted, Translated) else record.request.dialect,
            upstream.status,
            dict(upstream.headers),
            body,
            time.time(),
            secret=_secret_of(target),
            shown_headers=tuple(headers_of(upstream, (), matches_requested=target.model_id == record.request.model)),
        )
        if failure.kind is not FailureKind.REASONING:
            return failure
        known = self._read.conversation in self._server.unreplayed
        if known or not isinstance(fitted, Translated):
            # What a client sends in its own dialect is its own to mend.
            return replace(failure, kind=FailureKind.REJECTED)
        self._server.unreplayed.add(self._read.conversation)
        return replace(failure, message=f"{provider} refused past reasoning (400); it is asked again without")

    def _redacted(self, failure: Failure) -> Failure:
        """Fit for answers, logs and the ledger."""
        message = self._server.credentials.redacted(failure.message.encode()).decode()
        return failure if message == failure.message else replace(failure, message=message)

    def _our_headers(self, target: Target) -> list[tuple[str, str]]:
        record = self._record
        headers = [
            (TIER_HEADER, target.tier_name),
            (MODEL_HEADER, printable(target.model_name, 128)),
            (REASON_HEADER, printable(record.reason or record.decision.explanation, 500)),
            (REVISION_HEADER, record.in_force.revision),
            (TURN_HEADER, record.turn_id),
        ]
        if self._notices:
            headers.append((NOTICE_HEADER, printable("; ".join(self._notices), 500)))
        return headers

    async def _give_up(self, now: GiveUp) -> web.StreamResponse:
        """Tell the client: what the provider said, or what will help its own retries."""
        shown = now.shown
        if now.meaning is not None or shown is None or shown.failure.said is None:
            code = CONTEXT_CODE if shown is not None and shown.failure.kind is FailureKind.CONTEXT_LENGTH else None
            return await self._refuse(now.meaning or Meaning.WAIT, now.message, now.retry_after_s, code)
        if self._reply is not None and self._reply.begun:
            return await self._refuse(Meaning.BAD_REQUEST, shown.failure.message)
        record, said = self._record, shown.failure.said
        ours = self._our_headers(shown.target)
        if said.dialect is record.request.dialect:
            response = web.Response(status=said.status, body=said.body, headers=[*said.headers, *ours])
        else:
            error = translated_error(record.request.dialect, said.dialect, said.status, said.body, record.turn_id)
            response = error_response(error)
            response.headers.extend(ours)
        await send(self._http, response, record)
        return response

    async def _refuse(
        self, meaning: Meaning, message: str, retry_after_s: int | None = None, code: str | None = None
    ) -> web.StreamResponse:
        record = self._record
        if self._reply is not None and self._reply.begun:
            return await self._refuse_in_band(self._reply, meaning, message)
        error = final_error(
            record.request.dialect, meaning, message, turn_id=record.turn_id, retry_after_s=retry_after_s, code=code
        )
        response = error_response(error)
        ours = self._our_headers(record.target) if record.target is not None else [(TURN_HEADER, record.turn_id)]
        response.headers.extend(ours)
        await send(self._http, response, record)
        return response

    async def _refuse_in_band(self, reply: Reply, meaning: Meaning, message: str) -> web.StreamResponse:
        """The headers have gone out while the client waited: what is left is to say it in the stream."""
        record = self._record
        response = {"id": f"resp_{record.turn_id}", "created_at": int(record.arrived_s), "model": record.request.model}
        try:
            await reply.write(in_band_error(record.request.dialect, message, meaning=meaning, response=response))
            return await reply.end()
        except OSError:
            record.outcome = Outcome.CLIENT_GONE
            return reply.response


def _secret_of(target: Target) -> str:
    provider = target.provider
    return f"Secret {provider.secret_name}, key {provider.secret_key}" if provider.secret_name else "its configuration"

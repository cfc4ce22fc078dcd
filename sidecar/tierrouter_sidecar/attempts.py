"""A turn's attempts, one after another: call, fail over, relay, and say what came of it."""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

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
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.translate import Refused, StreamTranslator, Translated
from tierrouter_core.wire.translated_error import refuses_reasoning, translated_error
from tierrouter_sidecar import metrics as m
from tierrouter_sidecar.answer import (
    EVENT_STREAM,
    error_response,
    headers_of,
    read_body,
    relay_stream,
    relay_unary,
    send,
)
from tierrouter_sidecar.errors import CredentialError
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.outgoing import Outgoing, outgoing, raw_query
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.translated import relay_translated_unary
from tierrouter_sidecar.upstream import FAILOVER_STATUSES, AttemptFailed, AttemptKind, failure_of

if TYPE_CHECKING:
    from tierrouter_sidecar.turn import TurnServer, Understood

log = logging.getLogger("tierrouter")

DEFAULT_RETRY_AFTER_S = 5
MAX_RETRY_AFTER_S = 60


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
        self._failures: list[tuple[Target, AttemptFailed]] = []
        self._attempt_open = False
        self._read = understood.read
        self._first = understood.first
        self._upstream: Answer | None = None

    async def walk(self) -> web.StreamResponse:
        record = self._record
        if not record.decision.targets:
            record.outcome = Outcome.REFUSED
            return await self._refuse(Meaning.NOT_SERVABLE, record.decision.detail)
        deadline_s = record.began_s + self._document.failover.total_timeout_ms / 1000
        waiting = list(record.decision.targets)
        while waiting and len(record.attempts) < self._document.failover.max_attempts:
            target = waiting.pop(0)
            if self._failures:
                self._move_to(target)
            record.begin_attempt(target)
            self._attempt_open = True
            try:
                response = await self._attempt(target, deadline_s)
            except AttemptFailed as failure:
                self._failed(target, failure)
                if failure.kind is AttemptKind.REASONING:
                    self._server.unreplayed.add(self._read.conversation)
                    waiting.insert(0, target)
                continue
            self.close_open_attempt("")
            if record.outcome in (Outcome.ANSWERED, Outcome.CUT, Outcome.CLIENT_GONE):
                self._server.remember(record)
            return response
        return await self._give_up()

    def client_went_away(self) -> None:
        """Close what is open: with an answer that was complete, as if nothing had happened."""
        if self._record.outcome is Outcome.ANSWERED:
            self.close_open_attempt("")
            self._server.remember(self._record)
            return
        self._record.outcome = Outcome.CLIENT_GONE
        self.close_open_attempt("the client went away")

    def _failed(self, target: Target, failure: AttemptFailed) -> None:
        self._failures.append((target, failure))
        self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, failure.kind)
        level = logging.ERROR if failure.kind is AttemptKind.CREDENTIAL else logging.WARNING
        log.log(level, "turn %s: tier %s: %s", self._record.turn_id, target.tier_name, failure.message)
        self.close_open_attempt(failure.message, failure.status)

    def _move_to(self, target: Target) -> None:
        failed, failure = self._failures[-1]
        if failed is target:
            return
        self._server.metrics.count(m.FAILOVERS, failed.tier_name, target.tier_name)
        self._record.reason = (
            f"{Reason.FAILOVER}: {failure.message}; {target.tier_name} takes over from {failed.tier_name}"
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

    async def _attempt(self, target: Target, deadline_s: float) -> web.StreamResponse:
        record, failover = self._record, self._document.failover
        fitted = self._fitted(target)
        translated = fitted if isinstance(fitted, Translated) else None
        try:
            call = self._outgoing(target, translated)
        except CredentialError as error:
            raise AttemptFailed(AttemptKind.CREDENTIAL, str(error)) from None
        headers = call.headers
        if isinstance(fitted, Edited) and fitted.unpaired_betas:
            headers = without_betas(headers, fitted.unpaired_betas)
            if headers != list(call.headers):
                record.edits = (*record.edits, BETAS)
        patience_s = failover.headers_timeout_ms / 1000 if record.request.stream else failover.total_timeout_ms / 1000
        wait_s = min(patience_s, deadline_s - time.monotonic())
        if wait_s <= 0:
            raise AttemptFailed(AttemptKind.TIMEOUT, f"no time is left of {failover.total_timeout_ms} ms")
        upstream = self._upstream = await self._server.upstream.send(
            target.provider,
            "POST",
            call.path,
            headers,
            fitted.body,
            failover,
            wait_s,
        )
        if upstream.status != 200:
            return await self._not_200(target, upstream, call, translated)
        if translated is not None:
            return await self._relay_translated(target, upstream, translated)
        assert isinstance(fitted, Edited)
        return await self._relay(target, upstream, fitted)

    def _fitted(self, target: Target) -> Edited | Translated:
        """The request as ``target`` gets it; another tier's turn where it can't."""
        first, self._first = self._first, None
        if self._endpoint.kind is EndpointKind.COMPACT:
            first = as_it_is(self._record.request, target)
        if first is None:
            first = fit(self._record.request, target, lambda target: self._server.circumstances(self._read, target))
        fitted = first
        if isinstance(fitted, Refused):
            raise AttemptFailed(AttemptKind.UNFIT, f"{target.tier_name} can't take this turn: {fitted}")
        if isinstance(fitted, Edited):
            self._record.edits = fitted.edits
        elif fitted.lost:
            for name in fitted.lost:
                self._server.metrics.count(m.TRANSLATION_LOSSY, name)
            self._notices = (*self._notices, f"left behind in translation: {', '.join(fitted.lost)}")
        return fitted

    def _outgoing(self, target: Target, translated: Translated | None) -> Outgoing:
        credentials = self._server.credentials
        if translated is None:
            return outgoing(credentials, target, self._endpoint, self._headers, raw_query(self._http))
        # The client's own headers belong to its dialect, and so does its query.
        return outgoing(credentials, target, turns_endpoint(translated.target), {}, "")

    async def _relay(self, target: Target, upstream: Answer, edited: Edited) -> web.StreamResponse:
        record, ours = self._record, self._our_headers(target)
        rename = record.request.model if self._document.response_model == "Requested" else None
        if upstream.content_type == EVENT_STREAM:
            meter = stream_meter(record.request.dialect, swallow_usage=edited.swallow_usage, rename_model=rename)
            return await self._relay_stream(target, upstream, ours, meter)
        return await relay_unary(
            self._http, upstream, record, ours, input_estimate=lambda: self._estimate(target), rename_model=rename
        )

    async def _relay_translated(self, target: Target, upstream: Answer, translated: Translated) -> web.StreamResponse:
        record, ours = self._record, self._our_headers(target)
        envelope = Envelope(
            turn_id=record.turn_id,
            model=record.request.model if self._document.response_model == "Requested" else target.model_id,
            created_s=int(record.arrived_s),
            input_estimate=self._estimate(target),
            include_usage=record.request.wants_usage is True,
        )
        if upstream.content_type == EVENT_STREAM and record.request.stream:
            return await self._relay_stream(target, upstream, ours, StreamTranslator(translated, envelope))
        return await relay_translated_unary(self._http, upstream, record, ours, translated, envelope)

    async def _relay_stream(
        self, target: Target, upstream: Answer, ours: list[tuple[str, str]], meter: StreamMeter | StreamTranslator
    ) -> web.StreamResponse:
        try:
            return await relay_stream(
                self._http, upstream, self._record, ours, meter, input_estimate=lambda: self._estimate(target)
            )
        finally:
            if meter.malformed:
                self._server.metrics.count(m.MALFORMED_EVENTS, target.provider.name, by=meter.malformed)

    def _estimate(self, target: Target) -> int:
        return self._server.tokens_for(target, self._read)

    async def _not_200(
        self, target: Target, upstream: Answer, call: Outgoing, translated: Translated | None
    ) -> web.StreamResponse:
        """A provider's refusal: another tier's chance, or the client's to read, word for word or in its dialect."""
        status = upstream.status
        if status in FAILOVER_STATUSES:
            raise failure_of(target.provider, status, upstream.headers)
        if status == 401:
            # Such bodies quote parts of the key, and the key is not the client's.
            message = f"{target.provider.name} rejected the router's credential (401); check {_secret_of(target)}"
            raise AttemptFailed(AttemptKind.CREDENTIAL, message, status=status)
        if 300 <= status < 400:
            message = f"{target.provider.name} answered with a redirect ({status}), which is never followed"
            raise AttemptFailed(AttemptKind.SERVER_ERROR, message, status=status)
        body = call.without_key(await read_body(upstream, target.provider.name))
        if (
            translated is not None
            and self._read.conversation not in self._server.unreplayed
            and refuses_reasoning(translated.target, status, body)
        ):
            message = f"{target.provider.name} refused past reasoning (400); it is asked again without"
            raise AttemptFailed(AttemptKind.REASONING, message, status=status)
        self._record.outcome = Outcome.UPSTREAM_ERROR
        self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, "client_error")
        if translated is not None:
            error = translated_error(translated.source, translated.target, status, body, self._record.turn_id)
            response = error_response(error)
            response.headers.extend(self._our_headers(target))
            await send(self._http, response, self._record)
            return response
        matches = target.model_id == self._record.request.model
        headers = headers_of(upstream, self._our_headers(target), matches_requested=matches)
        response = web.Response(status=status, body=body, headers=headers)
        await send(self._http, response, self._record)
        return response

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

    async def _give_up(self) -> web.StreamResponse:
        """All targets failed: say which, and tell the client's own retries what will help."""
        tried = "; ".join(f"{target.tier_name}: {failure.message}" for target, failure in self._failures)
        waits = [failure.retry_after_s for _, failure in self._failures if failure.retry_after_s is not None]
        if all(failure.kind is AttemptKind.UNFIT for _, failure in self._failures):
            return await self._refuse(Meaning.NOT_SERVABLE, f"no tier could serve this turn ({tried})")
        if all(failure.kind in (AttemptKind.CREDENTIAL, AttemptKind.UNFIT) for _, failure in self._failures):
            return await self._refuse(Meaning.FINAL, f"no tier could serve this turn ({tried})")
        wait_s = min(MAX_RETRY_AFTER_S, max(1, round(min(waits, default=DEFAULT_RETRY_AFTER_S))))
        return await self._refuse(Meaning.WAIT, f"no tier could serve this turn ({tried})", wait_s)

    async def _refuse(self, meaning: Meaning, message: str, retry_after_s: int | None = None) -> web.StreamResponse:
        record = self._record
        error = final_error(
            record.request.dialect, meaning, message, turn_id=record.turn_id, retry_after_s=retry_after_s
        )
        response = error_response(error)
        ours = self._our_headers(record.target) if record.target is not None else [(TURN_HEADER, record.turn_id)]
        response.headers.extend(ours)
        await send(self._http, response, record)
        return response


def _secret_of(target: Target) -> str:
    provider = target.provider
    return f"Secret {provider.secret_name}, key {provider.secret_key}" if provider.secret_name else "its configuration"

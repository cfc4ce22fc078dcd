"""One turn's way: read, decide, call with failover, relay, write down (design section 5.1)."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from aiohttp import web

from tierrouter_core.document.model import Document
from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import (
    MODEL_HEADER,
    NOTICE_HEADER,
    REASON_HEADER,
    REVISION_HEADER,
    TIER_HEADER,
    TURN_HEADER,
    Dialect,
    Outcome,
    Reason,
    TurnKind,
)
from tierrouter_core.routing.decide import Decision, SessionState, printable
from tierrouter_core.routing.fitting import Circumstances, Fit, as_it_is, fit, place
from tierrouter_core.routing.targets import Target, speaks, target_of_tier
from tierrouter_core.turn import Measured, ReadTurn, read_turn
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.claude import without_betas
from tierrouter_core.wire.dialects import Endpoint, EndpointKind, target_of, turns_endpoint
from tierrouter_core.wire.edits import BETAS, Edited
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.failures import Meaning, WireError, final_error
from tierrouter_core.wire.identity import Identity
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.translate import Refused, StreamTranslator, Translated
from tierrouter_core.wire.translated_error import refuses_reasoning, translated_error
from tierrouter_core.wire.weighing import Weighed
from tierrouter_sidecar import metrics as m
from tierrouter_sidecar.answer import EVENT_STREAM, headers_of, read_body, relay_stream, relay_unary, send
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.errors import CredentialError
from tierrouter_sidecar.exchange import Answer
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.outgoing import Outgoing, outgoing, raw_query
from tierrouter_sidecar.record import Bookkeeper, TurnRecord, new_turn_id
from tierrouter_sidecar.sessions import Recent, SessionStore
from tierrouter_sidecar.token_memory import TokenMemory
from tierrouter_sidecar.translated import relay_translated_unary
from tierrouter_sidecar.upstream import FAILOVER_STATUSES, AttemptFailed, AttemptKind, Upstream, failure_of

log = logging.getLogger("tierrouter")

ONLY_OPENAI = "only OpenAI's own API does this, and no tier of this router is there"
DEFAULT_RETRY_AFTER_S = 5
MAX_RETRY_AFTER_S = 60


@value_class
class Understood:
    """A request that was read, and what was decided of it."""

    read: ReadTurn
    decision: Decision
    notices: tuple[str, ...]
    first: Fit | None = None
    """The request as the first target gets it; None where nobody does."""


@dataclass(slots=True)
class TurnServer:
    """Serves turns; everything that it needs is handed in."""

    upstream: Upstream
    credentials: Credentials
    bookkeeper: Bookkeeper
    metrics: m.Metrics
    salt: bytes
    pod: str = ""
    sessions: SessionStore = field(default_factory=SessionStore)
    tokens: TokenMemory = field(default_factory=TokenMemory)
    unreplayed: Recent[tuple[str, str]] = field(default_factory=Recent)
    """Conversations whose past reasoning a provider has refused; it stays away to their end."""
    in_flight: int = 0

    def understand(self, in_force: InForce, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Understood:
        """Read a request and decide who serves it, by what is remembered of its session.

        A tier that can't be given the request, in its own dialect or translated, is left out and the decision made
        again.

        Raises:
            MalformedRequestError: the body or a header makes no sense; the message is for the client.
        """
        compacts = endpoint.kind is EndpointKind.COMPACT
        kind = TurnKind.COMPACTION if compacts else None
        measure = partial(self._measured, in_force.document)
        by_length = in_force.router.rules.uses("turn.context_tokens")
        read = read_turn(endpoint.dialect, headers, body, self.salt, kind, measure, by_length=by_length)
        state = self._state(in_force.document, read.identity)
        first: Fit | None = None
        if endpoint.kind.generates or endpoint.kind.counts:
            placed = place(
                in_force.router, read.turn, state, read.request, lambda target: self.circumstances(read, target)
            )
            decision, first = placed.decision, placed.fit
        else:
            decision = in_force.router.decide(read.turn, state)
        if compacts:
            # Only OpenAI's own API compacts; its answer is paid for like a turn's.
            targets = openai_targets(in_force.document)
            reason = decision.reason if targets else Reason.NOT_SERVABLE
            decision = replace(decision, targets=targets, reason=reason, detail=ONLY_OPENAI)
        notices = read.notices
        if decision.hint_outcome == "not_allowed":
            notices = (*notices, f"the hint {decision.hint} is not allowed")
        return Understood(read, decision, notices, first)

    def circumstances(self, read: ReadTurn, target: Target) -> Circumstances:
        """What a request's translation for ``target`` depends on beside the request."""
        conversation = conversation_of(read)
        return Circumstances(
            seal_key=self.salt,
            session=":".join(conversation),
            input_tokens=self.tokens_for(target, read),
            replays_reasoning=conversation not in self.unreplayed,
        )

    def _state(self, document: Document, identity: Identity) -> SessionState:
        idle_s = document.session.idle_timeout_ms / 1000
        return self.sessions.get((identity.session, identity.agent), time.monotonic(), idle_s)

    def _measured(self, document: Document, request: Request, identity: Identity) -> Measured:
        """A request's length for the rules, which come before there is a target: for the tier that serves now."""
        current = document.tiers.get(self._state(document, identity).current)
        target = None if current is None else target_of_tier(document, current)
        weighed = self.tokens.weigh(request, identity)
        return Measured(weighed, self.tokens.estimate(target, request, identity, weighed))

    def tokens_for(self, target: Target, read: ReadTurn) -> int:
        """Input tokens of a turn for the model of ``target``, estimated."""
        return self.tokens.estimate(target, read.request, read.identity, read.measured().weighed)

    async def serve(
        self, http: web.BaseRequest, endpoint: Endpoint, in_force: InForce, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        """Serve one turn; every turn that was understood ends in the ledger."""
        arrived_s, began_s = time.time(), time.monotonic()
        turn_id = new_turn_id()
        try:
            understood = self.understand(in_force, endpoint, headers, body)
        except MalformedRequestError as error:
            self.metrics.count(m.REJECTED, "malformed")
            return error_response(final_error(endpoint.dialect, Meaning.BAD_REQUEST, str(error), turn_id=turn_id))
        read = understood.read
        record = TurnRecord(
            turn_id, in_force, read.request, read.identity, understood.decision, self.pod, arrived_s, began_s
        )
        way = _Way(self, http, endpoint, headers, record, understood)
        self.in_flight += 1
        try:
            return await way.walk()
        except asyncio.CancelledError:
            way.client_went_away()
            raise
        finally:
            self.in_flight -= 1
            self.bookkeeper.close(record)
            if record.target is not None:
                weigh = partial(_weighed, read)
                self.tokens.learn(record.target, read.request, read.identity, weigh, record.usage)

    def remember(self, record: TurnRecord) -> None:
        """Keep who served, so that the prompt's next turn goes there too."""
        identity, state = record.identity, record.decision.state
        if record.decision.observed is not None or record.decision.reason is Reason.OFF:
            served = state
        else:
            served = SessionState(state.home, record.target.tier_name if record.target else state.current)
        self.sessions.put((identity.session, identity.agent), time.monotonic(), served)


class _Way:
    """A turn's attempts, one after another."""

    def __init__(
        self,
        server: TurnServer,
        http: web.BaseRequest,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        record: TurnRecord,
        understood: Understood,
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
                    self._server.unreplayed.add(conversation_of(self._read))
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
            and conversation_of(self._read) not in self._server.unreplayed
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


def _weighed(read: ReadTurn) -> Weighed:
    return read.measured().weighed


def conversation_of(read: ReadTurn) -> tuple[str, str]:
    """What is remembered apart: a session's agents have a context each."""
    return (read.identity.session, read.identity.agent)


def _secret_of(target: Target) -> str:
    provider = target.provider
    return f"Secret {provider.secret_name}, key {provider.secret_key}" if provider.secret_name else "its configuration"


def openai_targets(document: Document) -> tuple[Target, ...]:
    """The tiers at OpenAI's own API, which alone compacts and keeps responses."""
    tiers = (
        tier
        for tier in document.tiers.values()
        if speaks(document.model_of(tier), Dialect.RESPONSES, has_tools=False)
        and target_of(document.provider_of(tier).base_url) == "openai"
    )
    return tuple(target_of_tier(document, tier) for tier in tiers)


def error_response(error: WireError) -> web.Response:
    """An error as an HTTP response."""
    return web.Response(status=error.status, body=error.body, headers=error.headers)

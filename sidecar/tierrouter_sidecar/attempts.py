"""A turn's attempts, one after another: ask, fail over, and say what came of it."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_core.failover.ladder import Ask, Elsewhere, GiveUp, Tried, Walk, after, step
from tierrouter_core.names import Outcome, Reason, UsageSource
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.dialects import Endpoint
from tierrouter_core.wire.failures import Meaning
from tierrouter_sidecar import metrics as m
from tierrouter_sidecar.call import Call
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.refusal import give_up, refuse
from tierrouter_sidecar.reply import Reply
from tierrouter_sidecar.under_way import UnderWay
from tierrouter_sidecar.upstream import AttemptFailed

if TYPE_CHECKING:
    from tierrouter_sidecar.turn import TurnServer, Understood

log = logging.getLogger("tierrouter")

_CONFIGURATION = frozenset(
    {FailureKind.CREDENTIAL, FailureKind.NO_MODEL, FailureKind.QUOTA, FailureKind.REDIRECT, FailureKind.TLS}
)
"""Somebody has to mend these."""
_BILLED = frozenset({FailureKind.LATE, FailureKind.STALLED})
"""Without a token, and yet paid for: the model was at work on the turn when we left."""


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
        self._failover = record.in_force.document.failover
        reply = None
        if record.request.stream:
            reply = Reply(http, record.request.dialect, self._failover.hold_headers_ms / 1000)
        self._way = UnderWay(
            server, http, endpoint, headers, record, understood.read, understood.first, understood.notices, reply
        )
        self._server = server
        self._record = record
        self._walk = Walk(waiting=record.decision.targets)
        self._call: Call | None = None
        """The one that is open."""

    async def walk(self) -> web.StreamResponse:
        """Serve the turn: whatever comes of it, the client is told once."""
        record, reply = self._record, self._way.reply
        if not record.decision.targets:
            record.outcome = Outcome.REFUSED
            return await refuse(self._way, Meaning.NOT_SERVABLE, record.decision.detail)
        if reply is not None:
            reply.hold([("x-request-id", record.turn_id), *self._way.our_headers(record.decision.targets[0])])
        deadline_s = record.began_s + self._failover.total_timeout_ms / 1000
        health, most = self._server.health, self._failover.max_attempts
        try:
            while True:
                left_s = deadline_s - time.monotonic()
                self._walk, now = step(self._walk, health.absent, left_s=left_s, most=most)
                if isinstance(now, GiveUp):
                    return await give_up(self._way, now)
                response = await self._ask(now, deadline_s)
                if response is not None:
                    return response
        finally:
            if reply is not None:
                reply.close()

    async def _ask(self, now: Ask, deadline_s: float) -> web.StreamResponse | None:
        """One attempt; None where it failed and the way goes on."""
        record, target, health = self._record, now.target, self._server.health
        if now.after_s:
            await asyncio.sleep(now.after_s)
        self._move_to(target)
        record.begin_attempt(target)
        try:
            call = self._call = Call(self._way, target)
        except AttemptFailed as failed:
            self._failed(target, failed.failure, called=False)
            return None
        health.asked(target)
        others = any(each.key != target.key for each in self._walk.waiting)
        try:
            response, broken = await call.perform(left_s=max(deadline_s - time.monotonic(), 0.0), others=others)
        except AttemptFailed as failed:
            failure = self._redacted(failed.failure)
            if failure.kind in _BILLED:
                record.usage = Usage(input_uncached=self._way.estimate(target), source=UsageSource.ESTIMATED)
            health.failed(target, failure, self._failover)
            self._failed(target, failure, called=True)
            return None
        except BaseException:
            health.let_go(target)
            raise
        if broken is not None:
            broken = self._redacted(broken)
            health.failed(target, broken, self._failover)
            self._say(target, broken)
        elif not call.began:
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

    def close_open_attempt(self, error: str, status: int = 0) -> None:
        """Write the attempt down and let go of the provider's connection."""
        if self._call is None:
            return
        call, self._call = self._call, None
        came = call.close()
        self._record.end_attempt(status or came, error)

    def _failed(self, target: Target, failure: Failure, *, called: bool) -> None:
        self._walk = after(
            self._walk,
            Tried(target, failure, called),
            self._elsewhere(),
            jitter=random.random(),  # noqa: S311 (nothing to guess)
            most=self._failover.max_attempts,
        )
        self._say(target, failure)
        self.close_open_attempt(failure.message, failure.status)

    def _say(self, target: Target, failure: Failure) -> None:
        self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, failure.kind)
        level = logging.ERROR if failure.kind in _CONFIGURATION else logging.WARNING
        log.log(level, "turn %s: tier %s: %s", self._record.turn_id, target.tier_name, failure.message)

    def _elsewhere(self) -> Elsewhere:
        router, turn, state = self._record.in_force.router, self._way.read.turn, self._record.decision.state
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

    def _redacted(self, failure: Failure) -> Failure:
        """Fit for answers, logs and the ledger: providers quote keys."""
        message = self._server.credentials.redacted(failure.message.encode()).decode()
        return failure if message == failure.message else replace(failure, message=message)

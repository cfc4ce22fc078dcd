"""A turn's attempts, one after another: ask, fail over, and say what came of it."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tierrouter_core.failover.failure import Failure, FailureKind
from tierrouter_core.failover.ladder import Ask, Elsewhere, Tried, Walk, after, step
from tierrouter_core.failover.resumption import goes_on, resuming
from tierrouter_core.names import Outcome, Reason, UsageSource
from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.hooks import Response
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.begun import may_be_begun
from tierrouter_core.wire.dialects import Endpoint
from tierrouter_core.wire.failures import Meaning
from tierrouter_core.wire.quoted import without_quotes
from tierrouter_core.wire.translated_stream import Carried, seen_answer
from tierrouter_sidecar.call import Call
from tierrouter_sidecar.hooks import says_yes
from tierrouter_sidecar.paying import Paying
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.refusal import give_up, leave_unfinished, refuse, refuse_spending
from tierrouter_sidecar.reply import Reply
from tierrouter_sidecar.under_way import UnderWay, Unfinished
from tierrouter_sidecar.upstream import AttemptFailed, Interrupted, attempt_failed, forget_frames
from tierrouter_telemetry.logs import fields

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
            if record.kept is not None:
                record.kept.streamed, reply.kept = True, record.kept
            if self._failover.resume_cut_streams and may_be_begun(record.request):
                reply.seen = seen_answer(record.request.dialect)
        self._way = UnderWay(
            server, http, endpoint, headers, record, understood.read, understood.first, understood.notices, reply
        )
        self._server = server
        self._record = record
        self._walk = Walk(waiting=record.decision.targets)
        self._open: list[Call] = []
        self._winner: Call | None = None
        """The call whose answer the client gets."""
        self._racing: dict[asyncio.Future[web.StreamResponse], Call] = {}
        """While a hedge is asked beside the first."""
        self.paying = Paying(server.spending, understood.read, record)
        self._hedge: Call | None = None
        self._hedging = ""
        self._deadline_s = record.began_s + self._failover.total_timeout_ms / 1000

    async def walk(self) -> web.StreamResponse:
        """Serve the turn: whatever comes of it, the client is told once."""
        record, reply = self._record, self._way.reply
        if not record.decision.targets:
            record.outcome = Outcome.REFUSED
            if record.decision.cap is not None and record.decision.reason is Reason.BUDGET:
                return await refuse_spending(self._way, record.decision.cap)
            return await refuse(self._way, Meaning.NOT_SERVABLE, record.decision.detail)
        if reply is not None:
            reply.hold([("x-request-id", record.turn_id), *self._way.our_headers(record.decision.targets[0])])
        health, most = self._server.health, self._failover.max_attempts
        try:
            while True:
                left_s = self._deadline_s - time.monotonic()
                self._walk, now = step(self._walk, health.absent, left_s=left_s, most=most)
                if isinstance(now, Ask):
                    response = await self._ask(now)
                elif reply is not None and self._way.unfinished is not None:
                    response = await leave_unfinished(self._way, reply, self._way.unfinished)
                    self._server.remember(record)
                else:
                    if reply is not None:
                        # What is sent now is a response of its own, unless the stream has begun.
                        reply.close()
                    response = await give_up(self._way, now)
                if response is not None:
                    return response
        finally:
            if reply is not None:
                reply.close()

    async def _ask(self, now: Ask) -> web.StreamResponse | None:
        """One attempt, or one and its hedge; None where it failed and the way goes on."""
        if now.after_s:
            await self._server.upstream.pause(now.after_s)
            why = self._server.health.absent(now.target)
            if why is not None and not why.tried_now:
                # Another turn has learned in the meantime that it is to be left alone.
                self._walk = replace(self._walk, again=None)
                return None
        self._move_to(now.target)
        call = self._opened(now.target)
        if call is None:
            return None
        hedge = self._hedge_for(now.target)
        try:
            if hedge is None:
                return await self._settled(call, self._performed(call))
            return await self._raced(call, *hedge)
        except BaseException:
            # A client that leaves tells nothing of the providers, unless it left because it was told of a failure.
            for each in self._open:
                if self._broken(each) is None:
                    self._server.health.let_go(each.target)
            raise

    def _opened(self, target: Target) -> Call | None:
        """A call to ``target``, ready to be made; None where there can be none."""
        cap = self.paying.held_back(target)
        if cap is not None:
            self._failed(target, Failure(kind=FailureKind.UNFIT, message=cap.detail), called=False)
            return None
        self._record.target = target
        try:
            call = Call(self._way, target, self._began)
        except AttemptFailed as failed:
            self._failed(target, failed.failure, called=False)
            return None
        self._open.append(call)
        self.paying.begin(call)
        self._server.health.asked(target)
        return call

    def _performed(self, call: Call) -> Coroutine[Any, Any, web.StreamResponse]:
        others = any(each.key != call.target.key for each in self._walk.waiting)
        return call.perform(left_s=max(self._deadline_s - time.monotonic(), 0.0), others=others)

    async def _settled(self, call: Call, relayed: Awaitable[web.StreamResponse]) -> web.StreamResponse | None:
        """Wait for a call and write down what came of it; None where it failed."""
        record, target, health = self._record, call.target, self._server.health
        try:
            response = await relayed
        except AttemptFailed as failed:
            forget_frames(failed)
            failure = self._judged(target, failed.failure)
            if self._is_billed(call, failure) and not isinstance(failed, Interrupted):
                self._owe_input(call)
            health.failed(target, failure, self._failover)
            self._close(call, failure.message, failure.status)
            if isinstance(failed, Interrupted):
                self._interrupted(failed.ending)
            self._failed(target, failure, called=True)
            return None
        broken = self._broken(call)
        self._close(call, "" if broken is None else broken.message)
        if record.outcome in (Outcome.ANSWERED, Outcome.CUT, Outcome.CLIENT_GONE):
            self._server.remember(record)
        return response

    def _interrupted(self, ending: bytes) -> None:
        """Somebody else may go on with the answer that has just been closed."""
        record, reply = self._record, self._way.reply
        assert reply is not None
        assert reply.seen is not None
        self._way.unfinished = Unfinished(Carried(reply.seen, record.usage), ending, record.outcome)
        self._winner = None
        self._deadline_s = time.monotonic() + self._failover.total_timeout_ms / 1000

    def _broken(self, call: Call) -> Failure | None:
        """What broke a call's answer off after its first token, made known to whom it concerns; None where nothing."""
        if call.attempt.broken is None:
            return None
        broken = call.attempt.broken = self._judged(call.target, call.attempt.broken)
        self._server.health.failed(call.target, broken, self._failover)
        self._say(call.target, broken)
        return broken

    # Hedging.

    def _hedge_for(self, target: Target) -> tuple[Target, float] | None:
        """Who is asked too, and after how many seconds without a first token; None where nobody is."""
        hedge = self._record.in_force.router.hedge_of(target)
        if (
            hedge is None
            or self._way.reply is None
            or self._way.unfinished is not None
            or hedge.key == target.key
            or self._way.read.turn.signed_thinking
        ):
            return None
        if self._walk.calls + 2 > self._failover.max_attempts or self._server.health.absent(hedge) is not None:
            return None
        if self.paying.held_back(hedge) is not None:
            return None
        late_s = self._server.first_tokens.late_after_s(target)
        return None if late_s is None else (hedge, late_s)

    async def _raced(self, call: Call, target: Target, late_s: float) -> web.StreamResponse | None:
        """Ask, and where the first token is late ask the hedge too: who has one first serves, the other is let go."""
        try:
            return await self._race(call, target, late_s)
        finally:
            # What came of them until now has to be known before it is written down.
            left = list(self._racing)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self._racing = {}

    async def _race(self, call: Call, target: Target, late_s: float) -> web.StreamResponse | None:
        first = asyncio.ensure_future(self._performed(call))
        self._racing = {first: call}
        await asyncio.wait({first}, timeout=late_s)
        hedge = self._hedge = None if first.done() or call.began else self._opened(target)
        if hedge is not None:
            self._hedging = (
                f"{Reason.HEDGE}: {call.target.tier_name} had no first token in {late_s:.1f} s; "
                f"{target.tier_name} was faster"
            )
            self._racing[asyncio.ensure_future(self._performed(hedge))] = hedge
        response = None
        while self._racing and response is None:
            done, _ = await asyncio.wait(self._racing, return_when=asyncio.FIRST_COMPLETED)
            if self._winner is not None:
                # What the turn used is what the call says that is closed last.
                await self._let_others_go(self._winner)
            for task in done & self._racing.keys():
                response = await self._settled(self._racing.pop(task), task) or response
        if hedge is not None:
            won = "won" if self._winner is hedge else "lost"
            self._server.metrics.count(m.HEDGES, call.target.tier_name, hedge.target.tier_name, won)
        return response

    def _began(self, call: Call) -> None:
        """The first token of an answer is there: it serves, and whoever is still asked beside it is let go.

        Raises:
            AttemptFailed: another was sooner.
        """
        if self._winner is not None and self._winner is not call:
            raise attempt_failed(FailureKind.OUTRUN, "another tier had its first token sooner")
        self._winner = call
        self._record.target = call.target
        self._server.health.answered(call.target)
        if call.began:
            self._server.first_tokens.add(call.target, time.monotonic() - call.attempt.began_s)
        if call is self._hedge:
            self._record.reason = self._hedging
        for task, other in self._racing.items():
            if other is call:
                continue
            if other is not self._hedge and not task.done():
                # At least so long: were only winners known, what counts as late would sink with every hedge.
                self._server.first_tokens.add(other.target, time.monotonic() - other.attempt.began_s)
            task.cancel()

    async def _let_others_go(self, winner: Call) -> None:
        """Write down the calls that ``winner`` made needless; their models were at work, and that is paid for."""
        for task, call in [(task, call) for task, call in self._racing.items() if call is not winner]:
            del self._racing[task]
            task.cancel()
            (error,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(error, AttemptFailed) and error.failure.kind is not FailureKind.OUTRUN:
                await self._settled(call, task)
            else:
                self._server.health.let_go(call.target)
                self._owe_input(call)
                outrun = Failure(kind=FailureKind.OUTRUN, message=f"outrun by {winner.target.tier_name}")
                self._walk = replace(self._walk, tried=(*self._walk.tried, Tried(call.target, outrun)))
                self._close(call, outrun.message)
        self._record.target = winner.target

    def _is_billed(self, call: Call, failure: Failure) -> bool:
        # The headers of an answer that is not streamed come when all of it has been generated.
        whole = failure.kind is FailureKind.TIMEOUT and call.at_work and not self._record.request.stream
        return whole or failure.kind in _BILLED

    def _owe_input(self, call: Call) -> None:
        call.attempt.usage = Usage(input_uncached=self._way.estimate(call.target), source=UsageSource.ESTIMATED)

    def client_went_away(self) -> None:
        """Close what is open: with an answer that was complete, as if nothing had happened."""
        if self._record.outcome is Outcome.ANSWERED:
            self._close_open("")
            self._server.remember(self._record)
            return
        if self._winner is None:
            # Else the answer's end, or the lack of one, has said how the turn ended.
            self._record.outcome = Outcome.CLIENT_GONE
        self._close_open("the client went away")

    def _close_open(self, error: str) -> None:
        """Close every call that is open, the one that serves last."""
        for call in sorted(self._open, key=lambda call: call is self._winner):
            broken = call.attempt.broken
            if call.at_work and call.attempt.usage.source is UsageSource.NONE:
                self._owe_input(call)
            self._close(call, error if broken is None else broken.message)

    def _close(self, call: Call, error: str, status: int = 0) -> None:
        """Write a call down and let go of the provider's connection."""
        if call in self._open:
            self._open.remove(call)
            self._record.end_attempt(call.attempt, status or call.close(), error)
            call.close()
            self.paying.end(call)

    def _failed(self, target: Target, failure: Failure, *, called: bool) -> None:
        self._walk = after(
            self._walk,
            Tried(target, failure, called),
            self._elsewhere(),
            jitter=random.random(),  # noqa: S311 (nothing to guess)
            most=self._failover.max_attempts,
        )
        if self._way.unfinished is not None:
            self._walk = resuming(self._walk, goes_on)
        self._say(target, failure)

    def _say(self, target: Target, failure: Failure) -> None:
        self._server.metrics.count(m.ATTEMPT_ERRORS, target.provider.name, failure.kind)
        level = logging.ERROR if failure.kind in _CONFIGURATION else logging.WARNING
        more = fields(turn=self._record.turn_id, tier=target.tier_name, kind=str(failure.kind), **self._record.traced)
        log.log(level, "turn %s: tier %s: %s", self._record.turn_id, target.tier_name, failure.message, extra=more)

    def _elsewhere(self) -> Elsewhere:
        router, turn, state = self._record.in_force.router, self._way.read.turn, self._record.decision.state
        return Elsewhere(
            larger=lambda target: router.larger(turn, target), flagged=lambda: router.if_flagged(turn, state)
        )

    def _move_to(self, target: Target) -> None:
        """Say why it is this tier, where it is not the one that was decided on."""
        if not self._walk.tried:
            return
        last, unfinished = self._walk.tried[-1], self._way.unfinished
        if last.target.key != target.key:
            self._server.metrics.count(m.FAILOVERS, last.target.tier_name, target.tier_name)
        elif unfinished is None:
            return
        what = f"{target.tier_name} takes over from {last.target.tier_name}"
        if unfinished is not None:
            what = f"{target.tier_name} goes on after {len(unfinished.carried.seen.text)} characters"
        self._record.reason = f"{Reason.FAILOVER}: {last.failure.message}; {what}"

    def _judged(self, target: Target, failure: Failure) -> Failure:
        """What a provider's failure is by the router's own hook, fit to be shown."""
        hook = self._record.in_force.router.hooks.throttled
        if hook is not None and failure.status and failure.kind is not FailureKind.THROTTLED:
            response = Response(
                tier=target.tier_name,
                model=target.model_name,
                provider=target.provider.name,
                status=failure.status,
                failure=failure.kind,
                error=failure.words,
            )
            turn = self._way.read.turn.variables
            if says_yes(hook, response, turn, self._server.metrics, self._record.turn_id):
                failure = replace(failure, kind=FailureKind.THROTTLED, message=f"{failure.message} ({hook.name})")
        return self._redacted(failure)

    def _redacted(self, failure: Failure) -> Failure:
        """Fit for answers, logs and the ledger: providers quote keys, and what they were asked."""
        message = self._server.credentials.redacted(failure.message.encode()).decode()
        names = () if self._record.target is None else (self._record.target.model_id,)
        message = without_quotes(message, self._record.request, *names)
        return failure if message == failure.message else replace(failure, message=message)

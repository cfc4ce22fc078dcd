"""Turns: read, decide, have them served (``attempts``), write down."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from aiohttp import web

from tierrouter_core.document.model import Document
from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import Dialect, Outcome, Reason, TurnKind
from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.fitting import Circumstances, Fit, place
from tierrouter_core.routing.serving import after_answer, merged
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.targets import Target, speaks, target_of_tier
from tierrouter_core.routing.variables import Value
from tierrouter_core.signals.reading import NOT_BEGUN, Progress, edits_since, read_on
from tierrouter_core.signals.state import Signals
from tierrouter_core.signals.variables import NAMES as SIGNAL_NAMES
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.summary import MOST_RECENT
from tierrouter_core.turn import Measured, ReadTurn, continuing, read_asked, turn_of
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.dialects import Endpoint, EndpointKind, target_of
from tierrouter_core.wire.failures import Meaning, final_error
from tierrouter_core.wire.identity import Identity
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.trace_context import trace_of
from tierrouter_core.wire.weighing import Weighed
from tierrouter_sidecar.answer import error_response
from tierrouter_sidecar.attempts import Attempts
from tierrouter_sidecar.counters import Counters
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.first_tokens import FirstTokens
from tierrouter_sidecar.health import Health
from tierrouter_sidecar.kept import KeptAnswer
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.measured_sessions import MeasuredSessions
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.nesting import nesting_of
from tierrouter_sidecar.output_policy import OutputJudge
from tierrouter_sidecar.record import Bookkeeper, TurnRecord, new_turn_id
from tierrouter_sidecar.sessions import Conversation, Recent, RecentMap, SessionStore
from tierrouter_sidecar.spending import Reservation, Spending
from tierrouter_sidecar.token_memory import TokenMemory
from tierrouter_sidecar.trials import Seat, Seats
from tierrouter_sidecar.upstream import Upstream

_COST = "session.cost_usd_micros"
_DEPTH = "task.ast_depth"
_OF_TASKS = SIGNAL_NAMES | {_DEPTH}
"""Variables for which conversations are read on."""
_TASK_KINDS = frozenset({TurnKind.USER, TurnKind.TOOL_LOOP})
"""Turns that go on with a conversation."""
ONLY_OPENAI = "only OpenAI's own API does this, and no tier of this router is there"


@value_class
class Understood:
    """A request that was read, and what was decided of it."""

    in_force: InForce
    """What it was decided by: that of the session's side, where a canary is tried."""
    seat: Seat
    read: ReadTurn
    decision: Decision
    notices: tuple[str, ...]
    first: Fit | None = None
    """The request as the first target gets it; None where nobody does."""
    before: SessionState = NEW_SESSION
    """What was remembered of the conversation."""


@dataclass(slots=True)
class TurnServer:
    """Serves turns; everything that it needs is handed in."""

    upstream: Upstream
    credentials: Credentials
    bookkeeper: Bookkeeper
    metrics: Metrics
    health: Health
    salt: bytes
    pod: str = ""
    sessions: SessionStore = field(default_factory=SessionStore)
    tasks: RecentMap[Conversation, Progress] = field(default_factory=RecentMap)
    """What each conversation says of its task."""
    depths: RecentMap[Conversation, int] = field(default_factory=RecentMap)
    """Of the code that was edited in each conversation's task."""
    seats: Seats = field(default_factory=Seats)
    """Which side of a trial sessions are on."""
    counters: Counters = field(default_factory=Counters)
    spending: Spending = field(default_factory=Spending)
    measured: MeasuredSessions | None = None
    """What each session has taken, where one tier is forced."""
    judge: OutputJudge | None = None
    """Of answers, where a router wants them judged."""
    tokens: TokenMemory = field(default_factory=TokenMemory)
    first_tokens: FirstTokens = field(default_factory=FirstTokens)
    unreplayed: Recent[tuple[str, str]] = field(default_factory=Recent)
    """Conversations whose past reasoning a provider has refused; it stays away to their end."""
    unasked: Recent[tuple[str, str, str]] = field(default_factory=Recent)
    """Revision, provider and model of those that answered when they were not asked for usage, and only then."""
    in_flight: int = 0
    begun: int = 0
    """Turns that were understood, since the process began."""
    recent: deque[TurnRow] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    """The latest turns that are over, for people who look; the oldest first."""

    def understand(self, in_force: InForce, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Understood:
        """Read a request and decide who serves it, by what is remembered of its session.

        A tier that can't be given the request, in its own dialect or translated, is left out and the decision made
        again.

        Raises:
            MalformedRequestError: the body or a header makes no sense; the message is for the client.
        """
        compacts = endpoint.kind is EndpointKind.COMPACT
        kind = TurnKind.COMPACTION if compacts else None
        asked = read_asked(endpoint.dialect, headers, body, self.salt, kind)
        in_force, seat = self.seats.seated(in_force, asked.identity.session, begins=endpoint.kind.generates)
        state = self._state(in_force.document, asked.identity)
        asked = continuing(asked, state.prompt)
        measure = partial(self._measured, in_force.document)
        used = in_force.router.used
        read = turn_of(
            asked,
            headers,
            self.salt,
            measure,
            partial(self._signals, goes_on=endpoint.kind.generates, begins=asked.begins),
            by_length="turn.context_tokens" in used,
            by_signals=not used.isdisjoint(_OF_TASKS),
            now_s=time.time(),
        )
        read = self._with_what_is_remembered(in_force, read, state)
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
        return Understood(in_force, seat, read, decision, notices, first, state)

    def _with_what_is_remembered(self, in_force: InForce, read: ReadTurn, state: SessionState) -> ReadTurn:
        """``read`` with what its own request does not tell: variables of earlier turns, and what is capped."""
        used, session, turn = in_force.router.used, read.identity.session, read.turn
        more: dict[str, Value] = {}
        if state.flagged:
            more["turn.output_flagged"] = True
        if _DEPTH in used and _DEPTH not in turn.stated:
            more[_DEPTH] = self._depth_of(read)
        if _COST in used:
            more[_COST] = int(self.sessions.spent_usd(session) * 1_000_000)
        if more:
            turn = replace(turn, variables={**turn.variables, **more})
        notices = read.notices
        if self.spending.watched:
            turn = replace(turn, caps=self.spending.caps(in_force.document, session, turn.now_s))
            notices = (*notices, *self.spending.warnings(session, turn.now_s))
        return read if turn is read.turn else replace(read, turn=turn, notices=notices)

    def circumstances(self, read: ReadTurn, target: Target) -> Circumstances:
        """What a request's translation for ``target`` depends on beside the request."""
        conversation = read.conversation
        return Circumstances(
            seal_key=self.salt,
            session=":".join(conversation),
            input_tokens=self.tokens_for(target, read),
            replays_reasoning=conversation not in self.unreplayed,
        )

    def _state(self, document: Document, identity: Identity) -> SessionState:
        idle_s = document.session.idle_timeout_ms / 1000
        return self.sessions.get((identity.session, identity.agent), time.time(), idle_s)

    def _signals(self, request: Request, identity: Identity, *, goes_on: bool, begins: bool | None) -> Signals:
        """What is known of a request's task. Calls beside the conversation, and counts, say nothing of it."""
        key = (identity.session, identity.agent)
        known = self.tasks.get(key) or NOT_BEGUN
        if not goes_on or request.kind in (TurnKind.UTILITY, TurnKind.COMPACTION):
            return known.signals
        progress = read_on(request, known, begins=begins)
        self.tasks.put(key, progress)
        return progress.signals

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
        read, in_force = understood.read, understood.in_force
        record = TurnRecord(
            turn_id, in_force, read.request, read.identity, understood.decision, self.pod, arrived_s, began_s
        )
        record.before, record.trace = understood.before, trace_of(headers)
        judged = read.request.kind in _TASK_KINDS and _are_judged(in_force)
        if judged and _are_read(in_force):
            record.kept = KeptAnswer()
        way = Attempts(self, http, endpoint, headers, record, understood)
        # Nothing is awaited between the look at what is left and this, so no two turns are promised the same dollar.
        if understood.decision.targets:
            way.paying.expect(understood.decision.targets[0])
        self.in_flight += 1
        self.begun += 1
        try:
            return await way.walk()
        except asyncio.CancelledError:
            way.client_went_away()
            raise
        finally:
            self.in_flight -= 1
            self._settle(record, understood.seat, way.paying.held, self.bookkeeper.close(record))
            self._look_at_code(in_force, read)
            if judged and record.outcome is Outcome.ANSWERED and self.judge is not None:
                self.judge.judge(record, read.turn.variables, partial(self._flag, record))
            if record.target is not None:
                weigh = partial(_weighed, read)
                self.tokens.learn(record.target, read.request, read.identity, weigh, record.usage)

    def remember(self, record: TurnRecord) -> None:
        """Keep who served, so that the prompt's next turn goes there too."""
        if record.request.kind is TurnKind.UTILITY:
            return
        identity, state = record.identity, replace(record.decision.state, flagged=record.flagged)
        if record.decision.observed is None and record.decision.reason is not Reason.OFF and record.target is not None:
            tier, usage = record.target.tier_name, record.usage
            state = replace(state, current=tier)
            if record.outcome is Outcome.ANSWERED and usage.total_input:
                state = after_answer(
                    record.in_force.document,
                    state,
                    tier,
                    context=usage.total_input,
                    output=usage.output,
                    now_s=record.arrived_s,
                )
        known = self._state(record.in_force.document, identity)
        state = merged(state, record.before, known, arrived_s=record.arrived_s)
        self.sessions.put((identity.session, identity.agent), time.time(), state)

    def _depth_of(self, read: ReadTurn) -> int:
        """The nesting that the task's edits have shown in the turns before."""
        progress = self.tasks.get(read.conversation)
        if progress is None or not progress.signals.calls_in_task:
            return 0
        return self.depths.get(read.conversation) or 0

    def _look_at_code(self, in_force: InForce, read: ReadTurn) -> None:
        """When a turn is over: the edits that were new in it are known to the next."""
        progress = self.tasks.get(read.conversation)
        if progress is None or not in_force.router.uses(_DEPTH) or read.request.kind not in _TASK_KINDS:
            return
        before = self._depth_of(read)
        self.depths.put(read.conversation, max(before, nesting_of(edits_since(read.request, progress.begun))))

    def _flag(self, record: TurnRecord) -> None:
        """The answer of a turn that is over is to be flagged: its session's next turn knows it."""
        key = (record.identity.session, record.identity.agent)
        state = self._state(record.in_force.document, record.identity)
        self.sessions.put(key, time.time(), replace(state, flagged=True))

    def _settle(self, record: TurnRecord, seat: Seat, held: Iterable[Reservation], row: TurnRow) -> None:
        if row.cost_usd:
            self.sessions.spend(row.session, row.cost_usd)
        self.recent.append(row)
        self.counters.count(record, row, seat)
        if self.measured is not None:
            self.measured.add(row)
        self.spending.settle(held, record.in_force.document, row, record.attempts, time.time())


def _are_judged(in_force: InForce) -> bool:
    """Whether somebody says of answers that they are to be flagged."""
    return in_force.document.output_policy is not None or in_force.router.hooks.flagged is not None


def _are_read(in_force: InForce) -> bool:
    """Whether that takes the answers themselves."""
    hook = in_force.router.hooks.flagged
    return in_force.document.output_policy is not None or (hook is not None and hook.reads_the_answer)


def _weighed(read: ReadTurn) -> Weighed:
    return read.measured().weighed


def openai_targets(document: Document) -> tuple[Target, ...]:
    """The tiers at OpenAI's own API, which alone compacts and keeps responses."""
    tiers = (
        tier
        for tier in document.tiers.values()
        if speaks(document.model_of(tier), Dialect.RESPONSES, has_tools=False)
        and target_of(document.provider_of(tier).base_url) == "openai"
    )
    return tuple(target_of_tier(document, tier) for tier in tiers)

"""A turn's record: what happened is collected here and closed into ledger rows and metrics, once, whatever happens."""

import itertools
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from tierrouter_core.failover.failure import Failure
from tierrouter_core.names import CostSource, Outcome, Reason, TurnKind, UsageSource
from tierrouter_core.observability import sidecar as m
from tierrouter_core.printable import printable
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.switching import anew_usd, readable
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.baseline import BaselineState
from tierrouter_core.spend.price import cost_of
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.row_facts import PURPOSE_LABEL, REGRESSION_PURPOSE
from tierrouter_core.spend.usage import NOTHING_USED, Usage
from tierrouter_core.wire.identity import Identity
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.trace_context import Trace
from tierrouter_sidecar.kept import KeptAnswer
from tierrouter_sidecar.ledger import Ledger
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.metrics import TOKEN_KINDS, Metrics
from tierrouter_telemetry.ended_turn import EndedTurn
from tierrouter_telemetry.logs import fields
from tierrouter_telemetry.sinks import Sinks

log = logging.getLogger("tierrouter")

_REGRESSION = orjson.dumps({PURPOSE_LABEL: REGRESSION_PURPOSE}).decode()

# Turns of one millisecond keep their order, which the simulated cache of the baseline depends on.
_sequence = itertools.count()
_random = random.Random()  # noqa: S311 (seeded by the system; an id need not be unguessable)


def new_turn_id() -> str:
    """A fresh id that sorts by time: 12 hex digits of milliseconds, 4 that count up, 12 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{next(_sequence) & 0xFFFF:04x}{_random.getrandbits(48):012x}"


@dataclass(slots=True)
class Attempt:
    """One call to a provider, as it will be written down."""

    target: Target
    began_s: float = field(default_factory=time.monotonic)
    usage: Usage = NOTHING_USED
    carried: Usage | None = None
    """What was used before for the beginning of its answer, which it goes on with."""
    flagged: bool = False
    """The answer was a refusal, or was filtered."""
    edits: tuple[str, ...] = ()
    """What was changed in the request."""
    broken: Failure | None = None
    """What broke the answer off after its first token."""


@dataclass(slots=True)
class TurnRecord:
    """One turn under way."""

    turn_id: str
    in_force: InForce
    request: Request
    identity: Identity
    decision: Decision
    pod: str = ""
    arrived_s: float = field(default_factory=time.time)
    """Wall clock."""
    began_s: float = field(default_factory=time.monotonic)
    attempts: list[AttemptRow] = field(default_factory=list)
    first_byte_s: float | None = None
    before: SessionState = NEW_SESSION
    """What was remembered of the conversation when the turn came."""
    target: Target | None = None
    """Who was asked last."""
    usage: Usage = NOTHING_USED
    """What the last attempt used."""
    outcome: Outcome = Outcome.UPSTREAM_ERROR
    flagged: bool = False
    """As the last attempt's; so are the edits."""
    edits: tuple[str, ...] = ()
    reason: str = ""
    kept: KeptAnswer | None = None
    """The answer as it went out, where somebody is to judge it."""
    trace: Trace | None = None
    """The client's, where it has one."""

    @property
    def traced(self) -> dict[str, str]:
        """For log lines."""
        return {} if self.trace is None else {"trace_id": self.trace.trace_id}

    def end_attempt(self, attempt: Attempt, status: int, error: str) -> None:
        """An attempt is over. What the turn used and who served it is what the last one says that ends."""
        self.target, self.usage = attempt.target, attempt.usage
        if attempt.carried is not None:
            self.usage = attempt.carried.gone_on_with(attempt.usage)
        self.flagged, self.edits = attempt.flagged, attempt.edits
        usage, model = attempt.usage, attempt.target.model
        # Nothing was generated, so nothing is owed; an unknown price makes no difference to that.
        nothing = usage.source is UsageSource.NONE
        cost = cost_of(usage, None if model is None else model.price)
        self.attempts.append(
            AttemptRow(
                turn_id=self.turn_id,
                attempt=len(self.attempts) + 1,
                tier=attempt.target.tier_name,
                provider=attempt.target.provider.name,
                model=attempt.target.model_name,
                status=status,
                error=error[:500],
                input_tokens=usage.input_uncached,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write_5m,
                cache_write_1h_tokens=usage.cache_write_1h,
                output_tokens=usage.output,
                reasoning_tokens=usage.reasoning_output,
                cost_usd=Decimal(0) if nothing else cost.usd,
                own_cost_usd=None if nothing or cost.source is not CostSource.PROVIDER else cost.own_usd,
                cost_source="" if nothing else cost.source,
                duration_ms=round((time.monotonic() - attempt.began_s) * 1000),
            )
        )

    def first_byte(self) -> None:
        """The first byte of the answer's body goes to the client."""
        if self.first_byte_s is None:
            self.first_byte_s = time.monotonic()

    def row(self, baseline_state: BaselineState) -> TurnRow:
        """The turn as the ledger keeps it."""
        document, decision, usage, target = self.in_force.document, self.decision, self.usage, self.target
        now_s = time.monotonic()
        baseline = document.baseline
        baseline_cost = None
        if baseline is not None and self.outcome is Outcome.ANSWERED:
            key = (self.identity.session, self.identity.agent)
            baseline_cost = baseline_state.price_turn(key, self.arrived_s, usage, baseline)
        ttft = None if self.first_byte_s is None else round((self.first_byte_s - self.began_s) * 1000)
        return TurnRow(
            turn_id=self.turn_id,
            time=datetime.fromtimestamp(self.arrived_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            namespace=document.namespace,
            router=document.router,
            pod=self.pod,
            session=self.identity.session,
            agent=self.identity.agent,
            dialect=self.request.dialect,
            hint=decision.hint,
            tier="" if target is None else target.tier_name,
            provider="" if target is None else target.provider.name,
            model="" if target is None else target.model_name,
            revision=self.in_force.revision,
            reason=self.reason or decision.explanation,
            outcome=self.outcome,
            attempts=len(self.attempts),
            input_tokens=usage.input_uncached,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write_5m,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning_output,
            usage_source=usage.source,
            cost_usd=_sum_or_unknown([attempt.cost_usd for attempt in self.attempts]),
            baseline_model="" if baseline is None else baseline.model,
            baseline_cost_usd=baseline_cost,
            ttft_ms=ttft,
            duration_ms=round((now_s - self.began_s) * 1000),
            requested_model=printable(self.request.model, 128),
            turn_kind=self.request.kind,
            parent_agent=self.identity.parent_agent,
            cache_write_1h_tokens=usage.cache_write_1h,
            cost_source=next((attempt.cost_source for attempt in reversed(self.attempts) if attempt.cost_source), ""),
            labels=self._labels(),
        )

    def _labels(self) -> str:
        if self.in_force.is_forced:
            return _REGRESSION
        observed = self.decision.observed
        if observed is None:
            return ""
        tier = observed.targets[0].tier_name if observed.targets else ""
        return orjson.dumps({"observed_reason": observed.explanation, "observed_tier": tier}).decode()


def _sum_or_unknown(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _said(row: TurnRow) -> dict[str, object]:
    """What a log line says of a turn: names and numbers, and nothing of what was said in it."""
    return {
        "turn": row.turn_id,
        "session": row.session,
        "agent": row.agent,
        "tier": row.tier,
        "model": row.model,
        "provider": row.provider,
        "revision": row.revision,
        "outcome": str(row.outcome),
        "reason": row.reason,
        "attempts": row.attempts,
        "input_tokens": row.input_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "cache_write_tokens": row.cache_write_tokens + row.cache_write_1h_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": None if row.cost_usd is None else float(row.cost_usd),
        "ttft_ms": row.ttft_ms,
        "duration_ms": row.duration_ms,
    }


class Bookkeeper:
    """Closes records: a row for the ledger, numbers for the metrics."""

    def __init__(self, ledger: Ledger, metrics: Metrics, sinks: Sinks | None = None) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._sinks = sinks or Sinks()
        self._baseline = BaselineState()

    def close(self, record: TurnRecord) -> TurnRow:
        """Write the turn down, and hand out its row; never blocks."""
        row = record.row(self._baseline)
        self._ledger.record(row, record.attempts)
        self._count(record, row)
        if self._sinks:
            label = "" if record.target is None else record.target.model_label
            self._sinks.ended(EndedTurn(row, label, record.arrived_s, record.trace))
        if log.isEnabledFor(logging.INFO):
            log.info("turn", extra=fields(**_said(row), **record.traced))
        return row

    def _count(self, record: TurnRecord, row: TurnRow) -> None:
        count, usage = self._metrics.count, record.usage
        # A decision that found no tier still counts, under an empty tier.
        first = record.decision.targets[0].tier_name if record.decision.targets else ""
        count(m.DECISIONS, first, record.decision.reason)
        model = "" if record.target is None else record.target.model_label
        count(m.TURNS, row.tier, model, row.outcome)
        deep = record.target is not None and record.target.tier is not None and record.target.tier.expensive
        if deep:
            count(m.DEEP_TURNS)
            count(m.DEEP_COST, by=float(row.cost_usd or 0))
        # Whatever the last attempt used: those before it may have cost something.
        if row.cost_usd is None:
            count(m.UNPRICED, row.tier, model)
        elif row.cost_usd:
            count(m.COST, row.tier, model, by=float(row.cost_usd))
        self._count_moves(record, first)
        if record.decision.hint_outcome:
            count(m.HINTS, record.decision.hint_outcome)
        for evaluation in record.decision.rule_errors:
            count(m.RULE_ERRORS, evaluation.rule.name)
        for edit in record.edits:
            count(m.EDITS, edit)
        if usage.source is not UsageSource.NONE:
            self._count_usage(row, model, usage)
        elapsed_s = row.duration_ms / 1000
        self._metrics.observe(m.DURATION, elapsed_s, row.tier)
        if row.ttft_ms is not None:
            self._metrics.observe(m.TTFT, row.ttft_ms / 1000, row.tier)
        baseline = record.in_force.document.baseline
        # Only what has a baseline is held against it. A turn that failed is paid for and saves nothing.
        if baseline is not None and baseline.price is not None:
            count(m.BASELINE_COST, baseline.model, by=float(row.baseline_cost_usd or 0))
            count(m.COMPARED_COST, baseline.model, by=float(row.cost_usd or 0))

    def _count_moves(self, record: TurnRecord, first: str) -> None:
        """Whether the conversation goes on with another tier than the one that has served it until now."""
        before, document, target = record.before.current, record.in_force.document, record.target
        if before not in document.tiers or record.request.kind is TurnKind.UTILITY:
            return
        decided = document.tiers.get(first)
        if decided is None or record.decision.reason in (Reason.OBSERVE, Reason.OFF):
            return
        if decided.rank > document.tiers[before].rank:
            self._metrics.count(m.ESCALATIONS, before, first)
        usage = record.usage
        if target is None or target.model is None or usage.source is UsageSource.NONE or target.tier_name == before:
            return
        self._metrics.count(m.SWITCHES, before, target.tier_name)
        left = document.model_of(document.tiers[before])
        warm = readable(record.before.warm.get(before), usage.total_input, record.arrived_s, left)
        self._metrics.count(m.SWITCH_COST, before, target.tier_name, by=anew_usd(target.model, usage, warm))

    def _count_usage(self, row: TurnRow, model: str, usage: Usage) -> None:
        tokens = (
            usage.input_uncached,
            usage.cache_read,
            usage.cache_write_5m + usage.cache_write_1h,
            usage.output,
            usage.reasoning_output,
        )
        for kind, number in zip(TOKEN_KINDS, tokens, strict=True):
            if number:
                self._metrics.count(m.TOKENS, row.tier, model, kind, by=number)
        # Who breaks an answer off, or whose client leaves, is not asked for its usage any more.
        if usage.source is not UsageSource.REPORTED and row.outcome is Outcome.ANSWERED:
            self._metrics.count(m.USAGE_MISSING, row.tier)
        if usage.inconsistent:
            self._metrics.count(m.USAGE_INCONSISTENT, row.tier)

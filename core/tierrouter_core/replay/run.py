"""Recorded calls through a policy: every call is served, its cache simulated, its price added up."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tierrouter_core.replay.cache import PromptCaches, Seat
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.policy import NOBODY, Policy
from tierrouter_core.replay.tariff import UNITS_PER_USD, usd

CURVE_POINTS = 200
"""How many points of the cumulative cost are kept, at most."""
_PROGRESS_CALLS = 500
_UNITS_PER_MICRO = UNITS_PER_USD // 1_000_000


@dataclass(slots=True)
class Sums:
    """What one tier, one model, or all of them did."""

    calls: int = 0
    input_tokens: int = 0
    """Cached or not."""
    cache_read_tokens: int = 0
    output_tokens: int = 0
    cost_units: int = 0
    """Of the calls whose price is known; see :mod:`tierrouter_core.replay.tariff`."""
    unknown_cost_calls: int = 0
    """Calls that are not in the cost, because no price is known."""

    @property
    def cost_usd(self) -> Decimal:
        """The cost in dollars, exact."""
        return usd(self.cost_units)

    def add(self, other: "Sums") -> None:
        """Add ``other`` to this one."""
        self.calls += other.calls
        self.input_tokens += other.input_tokens
        self.cache_read_tokens += other.cache_read_tokens
        self.output_tokens += other.output_tokens
        self.cost_units += other.cost_units
        self.unknown_cost_calls += other.unknown_cost_calls


@dataclass(slots=True)
class Switches:
    """Calls that went to another model than the agent's call before."""

    count: int = 0
    reread_tokens: int = 0
    """Input that the model before still had cached, and the new one had not."""
    cost_units: int = 0
    """What it cost to read that input anew, beyond what the model before would have taken for reading its cache."""

    @property
    def cost_usd(self) -> Decimal:
        """The cost in dollars, exact."""
        return usd(self.cost_units)


@dataclass(slots=True)
class Run:
    """What came of one replay."""

    tiers: dict[str, Sums] = field(default_factory=dict)
    """By the tier's name, in the order in which they first served."""
    models: dict[str, Sums] = field(default_factory=dict)
    """By the user's name of the model."""
    total: Sums = field(default_factory=Sums)
    expensive: Sums = field(default_factory=Sums)
    """The tiers marked ``expensive``."""
    switches: Switches = field(default_factory=Switches)
    reasons: dict[str, int] = field(default_factory=dict)
    """Calls by the reason's first word."""
    unserved: list[int] = field(default_factory=list)
    """Positions of calls that no tier could take. They are in no sum."""
    curve_usd: list[float] = field(default_factory=list)
    """The cumulative cost at evenly spaced calls, the last included."""


class _Session:
    __slots__ = ("cost_units",)

    def __init__(self) -> None:
        self.cost_units = 0


class _Agent:
    """What is known of one agent of one session; a policy sees it as its ``History``."""

    __slots__ = ("caches", "calls", "calls_in_prompt", "prompt_idx", "seat", "session")

    def __init__(self, session: _Session) -> None:
        self.session = session
        self.caches = PromptCaches()
        self.seat: Seat | None = None
        self.prompt_idx: int | None = None
        self.calls = self.calls_in_prompt = 0

    @property
    def session_cost_usd_micros(self) -> int:
        return self.session.cost_units // _UNITS_PER_MICRO


def replay(
    calls: Sequence[ReplayCall],
    policy: Policy,
    seats: Mapping[str, Seat],
    on_progress: Callable[[int], None] = lambda calls: None,
) -> Run:
    """Replay ``calls``.

    Args:
        calls: each agent's in their order.
        seats: who serves under each tier's name that ``policy`` may answer.
        on_progress: told now and then how many calls more are done.
    """
    run = Run()
    sessions: dict[str, _Session] = {}
    agents: dict[tuple[str, str], _Agent] = {}
    tiers, reasons, switches = run.tiers, run.reasons, run.switches
    spent = 0
    every = max(1, -(-len(calls) // CURVE_POINTS))
    for at, call in enumerate(calls):
        key = (call.session, call.agent)
        agent = agents.get(key)
        if agent is None:
            session = sessions.get(call.session)
            if session is None:
                session = sessions[call.session] = _Session()
            agent = agents[key] = _Agent(session)
        if call.prompt_idx != agent.prompt_idx:
            agent.prompt_idx = call.prompt_idx
            agent.calls_in_prompt = 0
        tier, reason = policy.serve(call, agent)
        reasons[reason] = reasons.get(reason, 0) + 1
        agent.calls_in_prompt += 1
        agent.calls += 1
        if tier == NOBODY:
            run.unserved.append(at)
        else:
            seat = seats[tier]
            sums = tiers.get(tier)
            if sums is None:
                sums = tiers[tier] = Sums()
            units = _served(call, agent, seat, sums, switches)
            spent += units
            agent.session.cost_units += units
        if at % every == every - 1 or at == len(calls) - 1:
            run.curve_usd.append(spent / UNITS_PER_USD)
        if at % _PROGRESS_CALLS == _PROGRESS_CALLS - 1:
            on_progress(_PROGRESS_CALLS)
    on_progress(len(calls) % _PROGRESS_CALLS)
    for tier, sums in tiers.items():
        seat = seats[tier]
        run.models.setdefault(seat.model, Sums()).add(sums)
        run.total.add(sums)
        if seat.expensive:
            run.expensive.add(sums)
    return run


def _served(call: ReplayCall, agent: _Agent, seat: Seat, sums: Sums, switches: Switches) -> int:
    """Add the call where it belongs; what it cost, in units (0 where no price is known)."""
    context, at_s, output = call.context_tokens, call.t_rel_s, call.output_tokens
    read = agent.caches.read(seat, context, at_s)
    sums.calls += 1
    sums.input_tokens += context
    sums.cache_read_tokens += read
    sums.output_tokens += output
    before, agent.seat = agent.seat, seat
    tariff = seat.tariff
    fresh_rate = units = 0
    if tariff is None:
        sums.unknown_cost_calls += 1
    else:
        rates = tariff.rates_for(context)
        # What is too short to be cached is not written to the cache either.
        fresh_rate = rates.write if context >= seat.min_tokens else rates.input
        units = read * rates.read + (context - read) * fresh_rate + output * rates.output
        sums.cost_units += units
    if before is not None and before.place != seat.place:
        switches.count += 1
        reread = agent.caches.readable(before, context, at_s) - read
        if reread > 0:
            switches.reread_tokens += reread
            if tariff is not None and before.tariff is not None:
                switches.cost_units += reread * (fresh_rate - before.tariff.rates_for(context).read)
    return units


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the calls would have cost on one model otherwise than by a simulated cache: what its figure is held to."""

    as_recorded_usd: Decimal
    """With the cache reads that were recorded."""
    uncached_usd: Decimal
    """As if nothing were ever cached: the baseline by which savings are often overstated."""
    cache_read_share: float
    """Of the recorded input, 0 to 1."""


def recorded_on(calls: Iterable[ReplayCall], seat: Seat, without: Collection[int] = ()) -> Recorded | None:
    """The calls on one model, by the cache reads that were recorded; None where it has no known price.

    Args:
        without: positions of calls to leave out.
    """
    if seat.tariff is None:
        return None
    left_out = frozenset(without)
    as_recorded = uncached = read_tokens = input_tokens = 0
    for at, call in enumerate(calls):
        if at in left_out:
            continue
        context, read = call.context_tokens, call.cache_read_tokens
        rates = seat.tariff.rates_for(context)
        fresh = rates.write if context >= seat.min_tokens else rates.input
        output = call.output_tokens * rates.output
        as_recorded += read * rates.read + (context - read) * fresh + output
        uncached += context * rates.input + output
        read_tokens += read
        input_tokens += context
    share = read_tokens / input_tokens if input_tokens else 0.0
    return Recorded(as_recorded_usd=usd(as_recorded), uncached_usd=usd(uncached), cache_read_share=share)

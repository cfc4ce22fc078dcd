"""What may never happen, whatever goes wrong. Values in, verdicts out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chaos.faults import HARMLESS, Fault
from chaos.plan import Client, TurnPlan, text_of
from chaos.resources import AFTER_LOAD, Held, growths
from chaos.seen import WHOLE, End, Seen
from chaos.vendors import HELD_UP, Away, Served

LOST_WINDOW_S = 0.7
"""What docs/ledger.md says that a kill can cost, 0.2 s, and half a second that a busy machine may add before a client's
end of an answer."""
MOST_GROWTH_PERCENT = 5.0
FEWEST_ANSWERED_PERCENT = 60
"""A run in which fewer turns are answered shows little: its providers were mostly left alone."""
FEWEST_TURNS = 1500
"""Between the first reading and the last. In fewer a process is still warming up: its pool of threads grows to what the
machine's cores allow, its allocator to what the largest answers need."""

_FEWEST_READINGS = 6


@dataclass(frozen=True, slots=True)
class Stop:
    """A time, by the monotonic clock, from a signal until a sidecar was ready again."""

    signal: str
    from_s: float
    to_s: float

    @property
    def is_kill(self) -> bool:
        """Whether nothing could be done about it."""
        return self.signal == "SIGKILL"


@dataclass(frozen=True, slots=True)
class Call:
    """A row of the ledger's attempts."""

    provider: str
    status: int
    error: str

    @property
    def found_nobody(self) -> bool:
        """Whether no provider can have seen it."""
        return "can't be reached" in self.error or "took no connection" in self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the ledger's turns, with its attempts."""

    turn_id: str
    requested_model: str
    outcome: str
    attempts: int
    calls: Sequence[Call] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that may not be."""

    turn: str
    form: str
    faults: str
    what: str

    def __str__(self) -> str:
        return f"{self.turn} ({self.form}; faults: {self.faults}): {self.what}"


@dataclass(slots=True)
class Verdict:
    """What came of one invariant."""

    name: str
    checked: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)
    """Counted, and excused by what was done to the sidecar just then."""
    violations: list[Violation] = field(default_factory=list)
    note: str = ""
    """What else is worth knowing."""

    def against(self, plan: TurnPlan, what: str, form: str = "") -> None:
        """Note a violation."""
        faults = ", ".join(str(fault) for fault in plan.faults) or "none"
        self.violations.append(Violation(plan.tag, form or f"{plan.dialect}, {plan.client}", faults, what))

    def against_run(self, what: str) -> None:
        """Note a violation that belongs to no turn."""
        self.violations.append(Violation("run", "no turn", "none", what))


def during(seen: Seen, stops: Iterable[Stop]) -> Stop | None:
    """The stop that a turn was under way in; of several a kill, which excuses more."""
    then = [stop for stop in stops if seen.ended_s >= stop.from_s - 0.05 and seen.began_s <= stop.to_s]
    return max(then, key=lambda stop: stop.is_kill, default=None)


def kill_that_may_cost(seen: Seen, stops: Iterable[Stop]) -> Stop | None:
    """The ``kill -9`` that a turn's row may have been lost to."""
    for stop in stops:
        if stop.is_kill and seen.ended_s >= stop.from_s - LOST_WINDOW_S and seen.began_s <= stop.to_s:
            return stop
    return None


def check_endings(seens: Sequence[Seen], stops: Sequence[Stop]) -> Verdict:
    """Every turn ends exactly once at its client: whole, or in an error that the dialect knows."""
    verdict = Verdict("every turn ends once, whole or in an error")
    times = Counter(seen.plan.number for seen in seens)
    for seen in seens:
        verdict.checked += 1
        if times[seen.plan.number] > 1:
            verdict.against(seen.plan, "it ended twice", seen.form)
        if seen.problem:
            verdict.against(seen.plan, f"{seen.end}, but {seen.problem}", seen.form)
        if seen.end in (End.OPEN, End.HUNG):
            verdict.against(seen.plan, f"{seen.end} after {seen.text[-60:]!r}", seen.form)
        elif seen.end is End.UNMARKED:
            # That the text is whole is for check_texts to say.
            verdict.set_aside["whole but for the last marker, as the provider sent it"] += 1
        elif seen.end in (End.BROKEN, End.REFUSED):
            excuse = _why_broken(seen, during(seen, stops))
            if excuse:
                verdict.set_aside[excuse] += 1
            else:
                what = f"{seen.end} (status {seen.status}{_since(seen, stops)}): {seen.error}"
                verdict.against(seen.plan, what, seen.form)
    return verdict


def _since(seen: Seen, stops: Sequence[Stop]) -> str:
    """How long after the last restart, for who looks for the cause."""
    last = max((stop for stop in stops if stop.from_s <= seen.ended_s), key=lambda stop: stop.from_s, default=None)
    if last is None:
        return ""
    return f"; {seen.began_s - last.to_s:+.3f} s from a {last.signal}'s end, lasted {seen.ended_s - seen.began_s:.3f} s"


def _why_broken(seen: Seen, stop: Stop | None) -> str:
    if stop is None:
        return ""
    if seen.end is End.REFUSED:
        return "refused while it restarted"
    if stop.is_kill:
        return "broken by kill -9"
    if not seen.status:
        return "connection closed by a restart before it was taken"
    return "slow reader cut off by a restart" if seen.plan.client is Client.SLOW else ""


def check_accounts(
    seens: Sequence[Seen],
    rows: Sequence[Row],
    requests: Mapping[int, int],
    stops: Sequence[Stop],
    aways: Sequence[Away],
) -> Verdict:
    """The ledger has each turn that was accepted once, and each call to a provider.

    Args:
        requests: what the providers saw, by the turn's number.
    """
    verdict = Verdict("ledger rows = turns, attempts = calls")
    by_model: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_model[row.requested_model].append(row)
    oldest_lost_s = 0.0
    for seen in seens:
        verdict.checked += 1
        mine, asked = by_model.pop(seen.plan.tag, []), requests.get(seen.plan.number, 0)
        if len(mine) > 1:
            verdict.against(seen.plan, f"{len(mine)} rows", seen.form)
        elif mine:
            for what in _wrong_row(seen, mine[0], asked, stops, aways):
                verdict.against(seen.plan, what, seen.form)
        elif seen.turn_id or asked:
            kill = kill_that_may_cost(seen, stops)
            if kill is not None:
                ended = seen.ended_s < kill.from_s
                oldest_lost_s = max(oldest_lost_s, kill.from_s - seen.ended_s)
                verdict.set_aside["ended just before kill -9" if ended else "under way at kill -9"] += 1
            else:
                what = f"{seen.end}, {asked} calls, and no row {seen.turn_id or '(its id is not known)'}"
                verdict.against(seen.plan, what, seen.form)
    if oldest_lost_s:
        verdict.note = f"The oldest row that a kill -9 cost was of a turn that had ended {oldest_lost_s:.2f} s before."
    for model, strangers in by_model.items():
        verdict.against_run(f"{len(strangers)} rows of a turn that nobody sent: {model}")
    return verdict


def _wrong_row(seen: Seen, row: Row, asked: int, stops: Sequence[Stop], aways: Sequence[Away]) -> Iterable[str]:
    """What is wrong with a turn's only row."""
    if seen.turn_id and row.turn_id != seen.turn_id:
        yield f"the client was told turn {seen.turn_id}, the row has {row.turn_id}"
    if seen.end is End.REFUSED:
        yield "a row of a turn whose connection was refused"
    if seen.end is End.BROKEN and not seen.status and not kill_that_may_cost(seen, stops):
        yield f"it was accepted ({row.outcome}), and its connection closed without an answer"
    allowed = {
        End.COMPLETE: ("answered",),
        End.UNMARKED: ("answered",),
        End.FAILED: ("cut", "upstream_error") if seen.status == 200 else ("upstream_error", "refused"),
    }.get(seen.end)
    if allowed is not None and row.outcome not in allowed:
        yield f"{seen.end} at the client (status {seen.status}), {row.outcome} in the ledger"
    if row.attempts != len(row.calls):
        yield f"the row says {row.attempts} attempts, {len(row.calls)} stand in the ledger"
    unreached = sum(call.found_nobody for call in row.calls)
    unsure = sum(_may_not_have_arrived(call, seen, aways) for call in row.calls)
    arrived = len(row.calls) - unreached
    if not arrived - unsure <= asked <= arrived:
        told = "; ".join(f"{call.provider} {call.status} {call.error}" for call in row.calls)
        yield f"{asked} requests came to providers, the ledger has {len(row.calls)} attempts: {told}"


def _may_not_have_arrived(call: Call, seen: Seen, aways: Sequence[Away]) -> bool:
    """Broken off by the client, a faster tier, the sidecar's own end, or by a provider that was stopped just then."""
    if call.error in ("the client went away", "the router is shutting down") or call.error.startswith("outrun by"):
        return True
    then = {away.vendor for away in aways if seen.ended_s >= away.from_s - 0.1 and seen.began_s <= away.to_s + 0.1}
    if call.status:
        return False
    if "sent no headers in" in call.error and HELD_UP in then:
        return True
    return "broke off before answering" in call.error and call.provider in then


def check_texts(
    seens: Sequence[Seen], served: Mapping[int, Sequence[Served]], stops: Sequence[Stop], aways: Sequence[Away]
) -> Verdict:
    """A whole answer is one attempt's whole text, a broken one the beginning of one attempt's; none is lost.

    The text of an attempt that goes on with an answer has before it what was said until then, which has to be the
    beginning of an earlier attempt's.
    """
    verdict = Verdict("text of one attempt, or gone on with where it broke off; nothing lost, doubled or mixed")
    for seen in seens:
        verdict.checked += 1
        plan, attempts = seen.plan, served.get(seen.plan.number, ())
        texts = [_text_of(plan, each) for each in attempts]
        for place, each in enumerate(attempts):
            if each.begun and not any(text.startswith(each.begun) for text in texts[:place]):
                told = _told_apart(each.begun, texts[:place])
                verdict.against(plan, f"{each.vendor} was asked to go on with {told}", seen.form)
        if seen.end in WHOLE:
            if seen.text not in texts:
                verdict.against(plan, f"answered with {_told_apart(seen.text, texts)}", seen.form)
        elif seen.text and not any(text.startswith(seen.text) for text in texts):
            verdict.against(plan, f"{seen.end} after {_told_apart(seen.text, texts)}", seen.form)
        last = _that_counts(seen, attempts, texts)
        if last is not None and seen.end is End.FAILED and last.fault in (None, *HARMLESS):
            excuse = _why_not_whole(seen, last, stops, aways)
            if excuse:
                verdict.set_aside[f"a good answer cut off by {excuse}"] += 1
            else:
                what = f"attempt {last.attempt} at {last.vendor} was well, and the client got: {seen.error[:300]}"
                verdict.against(plan, what, seen.form)
    return verdict


def _that_counts(seen: Seen, attempts: Sequence[Served], texts: Sequence[str]) -> Served | None:
    """The attempt whose text the client has the beginning of, the last of them; else the last one."""
    if not seen.text:
        return attempts[-1] if attempts else None
    fitting = [each for each, text in zip(attempts, texts, strict=True) if text.startswith(seen.text)]
    return fitting[-1] if fitting else None


def _text_of(plan: TurnPlan, served: Served) -> str:
    """The whole text of an attempt. What is gone on with loses the blank behind its last word, which was sent."""
    own = text_of(plan.number, served.attempt, plan.words)
    return f"{served.begun} {own}" if served.begun else own


def _why_not_whole(seen: Seen, last: Served, stops: Sequence[Stop], aways: Sequence[Away]) -> str:
    if during(seen, stops):
        return "a restart"
    then = {away.vendor for away in aways if seen.ended_s >= away.from_s - 0.1 and last.at_s <= away.to_s + 0.1}
    if last.vendor in then:
        return "its provider's stop"
    return "the run itself being held up" if HELD_UP in then else ""


def _told_apart(text: str, texts: Sequence[str]) -> str:
    """Where a text leaves what it should be."""
    if not texts:
        return f"{text[:60]!r}, though no provider was asked"

    def common(other: str) -> int:
        return next(
            (at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(map(len, (text, other)))
        )

    longest = max(map(common, texts))
    return f"{len(text)} characters of at most {max(map(len, texts))}; after {longest} comes {text[longest:][:60]!r}"


def check_resources(readings: Sequence[Held]) -> Verdict:
    """After the warm-up nothing grows by more than the limit within one life of the process."""
    verdict = Verdict(f"descriptors, threads and memory grow by at most {MOST_GROWTH_PERCENT:g} %", len(readings))
    if len(readings) < 2:
        verdict.set_aside["not enough readings"] += 1
        return verdict
    few = readings[-1].turns - readings[0].turns < FEWEST_TURNS or len(readings) < _FEWEST_READINGS
    for each in growths(readings):
        if each.name == AFTER_LOAD:
            continue
        if few and each.name != "file descriptors":
            verdict.set_aside[f"{each.name.partition(',')[0]} not judged: still warming up"] += 1
        elif each.percent > MOST_GROWTH_PERCENT:
            verdict.against_run(
                f"{each.name}: from {each.first:g} to {each.last:g} (+{each.percent:.1f} %, "
                f"{each.slope:+.3g} for 1,000 turns)"
            )
    return verdict


def check_recovery(seens: Sequence[Seen]) -> Verdict:
    """With everything well again turns in a row are answered by the tier that they belong to."""
    verdict = Verdict("well again, each turn is answered by its own tier")
    for seen in seens:
        verdict.checked += 1
        if seen.end is not End.COMPLETE or seen.tier != seen.plan.tier:
            what = f"{seen.end} by {seen.tier or 'nobody'}, belongs to {seen.plan.tier}: {seen.reason or seen.error}"
            verdict.against(seen.plan, what, seen.form)
    return verdict


def check_process(exits: Sequence[tuple[str, int]], log: str, strangers: Sequence[str]) -> Verdict:
    """The process ends when it is told to, without a defect in its log, and calls nobody of its own accord.

    Args:
        exits: ``(signal, exit status)`` of each life.
    """
    verdict = Verdict("graceful stops end with 0, no defect in the log", len(exits))
    for signal, code in exits:
        if signal != "SIGKILL" and code != 0:
            verdict.against_run(f"{signal} ended with {code}")
    for mark in ("Traceback", "a defect in the router", "Task exception was never retrieved"):
        if mark in log:
            at = log.index(mark)
            verdict.against_run(f"the log says: {log[max(0, at - 200) : at + 1500]}")
    for stranger in strangers[:20]:
        verdict.against_run(f"a provider was asked something that belongs to no turn: {stranger}")
    return verdict


def check_storm(seens: Sequence[Seen], faults: Mapping[str, int]) -> Verdict:
    """The run itself is worth something: most turns were answered, and each fault was met in a run that is long enough."""
    verdict = Verdict("the run meets every fault, and most turns are answered", sum(faults.values()))
    answered = sum(seen.end in WHOLE for seen in seens)
    if 100 * answered < FEWEST_ANSWERED_PERCENT * len(seens):
        verdict.against_run(f"only {answered} of {len(seens)} turns were answered")
    if len(seens) >= FEWEST_TURNS:
        for fault in Fault:
            if not faults.get(fault):
                verdict.against_run(f"no provider failed by: {fault}")
    return verdict

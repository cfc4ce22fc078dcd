"""What is wrong with a router now, a sentence each, the worst first."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tierrouter_core.failover.circuit import CircuitState
from tierrouter_core.names import FAILED_OUTCOMES, Outcome
from tierrouter_core.summary.model import LeftAlone, Summary
from tierrouter_core.summary.words import counted, span


class Tone(StrEnum):
    """How good or bad something is."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that somebody may have to do something about."""

    tone: Tone
    text: str


_STATES: Final[dict[str, str]] = {
    CircuitState.OPEN: "is left alone",
    CircuitState.HALF_OPEN: "is tried again",
    CircuitState.THROTTLED: "is throttled",
    CircuitState.OUT_OF_QUOTA: "is out of quota",
    CircuitState.UNAUTHORIZED: "refuses the key",
    CircuitState.NO_MODEL: "does not have the model",
}

_ENDS: Final = {
    Outcome.UPSTREAM_ERROR: "without an answer",
    Outcome.CUT: "cut off",
    Outcome.REFUSED: "refused",
}
_MANY: Final = 0.1
"""Of the latest turns: so many that fail are no accident."""


def problems_of(summary: Summary) -> tuple[Problem, ...]:
    """Everything that is wrong; empty where nothing is."""
    return tuple(sorted(_found(summary), key=lambda each: each.tone is not Tone.BAD))


def _found(summary: Summary) -> Iterator[Problem]:
    served = summary.served
    if not served.revision:
        yield Problem(Tone.BAD, f"No configuration is in force{_because(served.refused)}")
    elif served.refused:
        yield Problem(Tone.BAD, f"The newest configuration is refused{_because(served.refused)}")
    failed = sum(summary.lately.get(end, 0) for end in FAILED_OUTCOMES)
    if failed:
        lately = sum(summary.lately.values())
        ends = ", ".join(f"{summary.lately[end]:,} {words}" for end, words in _ENDS.items() if summary.lately.get(end))
        tone = Tone.BAD if failed >= _MANY * lately else Tone.WARN
        yield Problem(tone, f"{failed:,} of the latest {counted(lately, 'turn')} failed: {ends}; the log says why")
    for each in summary.left_alone:
        yield _left_alone(each)
    share = summary.deep_share
    if share is not None and share.exceeded:
        of = "turns" if share.by == "Turns" else "spending"
        had = f"{share.percent:.1f} %" if share.percent is not None else "more than they may"
        yield Problem(Tone.BAD, f"Expensive tiers have {had} of {of}; {share.max_percent:g} % are allowed")
    for budget in summary.budgets:
        if budget.exhausted:
            whose = "" if budget.scope == "Router" else f" by {counted(budget.exhausted, 'session')}"
            yield Problem(Tone.WARN, f"Budget {budget.name} is used up{whose} (${budget.limit_usd})")
    if summary.ledger_lost:
        rows = counted(summary.ledger_lost, "row")
        yield Problem(Tone.BAD, f"{rows} of the ledger could not be written, and went to the log")
    if summary.unpriced_turns:
        turns, count = counted(summary.unpriced_turns, "turn"), "counts" if summary.unpriced_turns == 1 else "count"
        models = ", ".join(tier.model or tier.name for tier in summary.tiers if tier.unpriced_turns)
        yield Problem(Tone.WARN, f"{turns} without a known price, of {models}, {count} as nothing")


def _left_alone(each: LeftAlone) -> Problem:
    # Who is wrong, for how long, and why: "vendor, model kimi, is throttled for another 12 s: vendor answered 429".
    who = f"{each.provider}, model {each.model}," if each.model else each.provider
    wait = f" for another {span(each.for_s)}" if each.for_s >= 1 and each.state != CircuitState.HALF_OPEN else ""
    tone = Tone.WARN if each.state in (CircuitState.THROTTLED, CircuitState.HALF_OPEN) else Tone.BAD
    return Problem(tone, f"{who} {_STATES.get(each.state, each.state)}{wait}{_because(each.why)}")


def _because(why: str) -> str:
    return f": {' '.join(why.split())}" if why else ""

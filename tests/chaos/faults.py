"""The ways in which a provider fails, as steps of the scripted provider. Where and how long is drawn."""

import gzip
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson

from provider import Answer, Close, Delivery, Ending, Hang, InBandError, Raw, Reset, Status, Step
from provider.answer import asked_from
from provider.dialects import Dialect

LATE_S = 0.3
"""Late, and yet in time for every setting of the run."""
TOO_LATE_S = 4.0
"""Later than any setting of the run waits for headers, or for a first token."""
_MOST_WRITES = 10_000
GARBAGE = b'data: {"cho\n\n'


class Fault(StrEnum):
    """What goes wrong with one attempt."""

    THROTTLED_NAMED = "429 with Retry-After"
    THROTTLED = "429 without Retry-After"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    RESET = "TCP reset"
    CLOSE = "closed without an answer"
    SILENT = "no headers"
    LATE_HEADERS = "headers late"
    LATE_FIRST_TOKEN = "first token late"
    NO_FIRST_TOKEN = "headers, and no first token"
    CUT = "cut in mid-answer"
    STALL = "stall in mid-answer"
    MALFORMED = "malformed chunk"
    NO_TERMINATOR = "all but the terminator"
    ENDED_EARLY = "clean end in mid-answer"
    ERROR_EVENT = "error in mid-answer"
    ONE_BYTE_WRITES = "one-byte writes"
    GZIP = "gzip, though identity was asked for"
    TOO_LONG = "400 context length"


HARMLESS = frozenset({Fault.LATE_HEADERS, Fault.LATE_FIRST_TOKEN, Fault.ONE_BYTE_WRITES})
"""The whole answer comes nevertheless."""
_SHARES: Mapping[Fault, int] = {
    # Those that are waited for, or that have a model left alone at once, are drawn less often.
    Fault.SILENT: 2,
    Fault.NO_FIRST_TOKEN: 2,
    Fault.STALL: 3,
    Fault.TOO_LONG: 2,
    Fault.THROTTLED_NAMED: 2,
    Fault.THROTTLED: 1,
}
_ORDINARY_SHARE = 4
_STREAMS_ALONE = frozenset({Fault.LATE_FIRST_TOKEN, Fault.NO_FIRST_TOKEN, Fault.NO_TERMINATOR})


def draw_fault(rng: random.Random, *, stream: bool) -> Fault:
    """One that an answer of this form can have."""
    possible = [fault for fault in Fault if stream or fault not in _STREAMS_ALONE]
    return rng.choices(possible, [_SHARES.get(fault, _ORDINARY_SHARE) for fault in possible])[0]


def step(
    fault: Fault | None,
    dialect: Dialect,
    body: Mapping[str, Any],
    text: Sequence[str],
    pace_s: float,
    rng: random.Random,
) -> Step:
    """What the provider does.

    Args:
        dialect: that the provider was asked in, which need not be the client's.
        body: the request's.
        text: of the whole answer, in fragments.
        pace_s: between two events of an answer that is well.
    """
    match fault:
        case None:
            return Answer(text=text, delivery=Delivery(event_delay_s=pace_s))
        case Fault.THROTTLED_NAMED:
            return Status(429, headers={"retry-after": rng.choice("0112")})
        case Fault.THROTTLED | Fault.SERVER_ERROR:
            return Status(int(fault[:3]))
        case Fault.UNAVAILABLE:
            return Status(503, headers={"retry-after": "1"} if rng.random() < 0.2 else {})
        case Fault.RESET:
            return Reset(rng.choice((0.0, 0.05)))
        case Fault.CLOSE:
            return Close(rng.choice((0.0, 0.05)))
        case Fault.SILENT:
            return Hang()
        case Fault.LATE_HEADERS:
            return Answer(text=text, delivery=Delivery(first_delay_s=LATE_S))
        case Fault.LATE_FIRST_TOKEN:
            return Answer(text=text, delivery=Delivery(body_delay_s=LATE_S, pings_before=rng.choice((0, 2))))
        case Fault.NO_FIRST_TOKEN:
            return Answer(text=text, delivery=Delivery(body_delay_s=TOO_LATE_S, pings_before=rng.choice((0, 2))))
        case Fault.TOO_LONG:
            return Status(400, message="prompt is too long: 300000 tokens > 262144 maximum (context_length_exceeded)")
    return _broken_answer(fault, dialect, body, text, rng)


def _broken_answer(
    fault: Fault, dialect: Dialect, body: Mapping[str, Any], text: Sequence[str], rng: random.Random
) -> Step:
    """Faults of an answer whose beginning is well."""
    answer, asked = Answer(text=text), asked_from(body, 1)
    kind = "text/event-stream" if asked.stream else "application/json"
    pieces = dialect.events(answer, asked) if asked.stream else [orjson.dumps(dialect.body(answer, asked))]
    whole = b"".join(pieces)
    within = rng.randint(1, len(whole) - 1)
    match fault:
        case Fault.ONE_BYTE_WRITES:
            # Of a long answer more at once, or this process would do nothing else for seconds.
            return Raw(whole, kind, delivery=Delivery(write_bytes=1 + len(whole) // _MOST_WRITES))
        case Fault.GZIP:
            return Raw(gzip.compress(whole, 1), kind, headers={"content-encoding": "gzip"})
        case Fault.CUT:
            ending = rng.choice((Ending.CLOSE, Ending.RESET))
            return Raw(whole, kind, delivery=Delivery(cut_after_bytes=within, ending=ending))
        case Fault.STALL:
            return Raw(whole, kind, delivery=Delivery(cut_after_bytes=within, ending=Ending.STALL))
        case Fault.NO_TERMINATOR:
            return Answer(text=text, terminator=False)
        case Fault.ERROR_EVENT if asked.stream:
            error = InBandError(kind=rng.choice(("overloaded", "rate_limit", "server")), bare=rng.random() < 0.3)
            at = rng.randint(0, len(pieces) - 2)
            return Answer(text=text, delivery=Delivery(error_after_events=at, error=error))
        case Fault.ERROR_EVENT:
            return Raw(orjson.dumps(dialect.error_body(503, "overloaded")), kind)
        case Fault.MALFORMED if asked.stream:
            at = rng.randint(0, len(pieces) - 1)
            return Raw(b"".join([*pieces[:at], GARBAGE, *pieces[at:]]), kind)
        case Fault.ENDED_EARLY if asked.stream:
            return Raw(b"".join(pieces[: rng.randint(0, len(pieces) - 3)]), kind)
    # A body that is not JSON to its end, though HTTP says that it is whole.
    return Raw(whole[:within], kind)

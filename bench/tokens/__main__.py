"""``python -m bench.tokens``: by how much counts of input tokens are off, turn by turn of made-up sessions.

Of the sizes of errors it prints the median, the 95th percentile and the largest.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bench.tokens.sessions import FLAVOURS, HEADS, chat_prompt, turns
from bench.tokens.vocabularies import EMBEDDED, Count, embedded, others
from tierrouter_core.names import Dialect
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.token_estimate import AVERAGE, Anchor, Rates, estimate, learned
from tierrouter_core.wire.translate import Refused, translate_request
from tierrouter_core.wire.weighing import Weighed, weigh

LIMIT = 0.1
_WANTED = Wanted(model_id="vendor/small", profile=profile_of("https://provider.example/v1", "vendor/small", {}))


@dataclass
class Errors:
    """Relative errors, signed: above zero is a count too high."""

    by_bytes: list[float] = field(default_factory=list)
    """Body bytes by 3.6, which learns nothing."""
    average: list[float] = field(default_factory=list)
    """An average vocabulary, which learns nothing either."""
    first: list[float] = field(default_factory=list)
    """First turns of sessions, by what was learned in the sessions before."""
    later: dict[str, list[float]] = field(default_factory=lambda: {head: [] for head in HEADS})
    """All turns after a session's first, by how it begins."""


def main() -> int:
    """Exit status: 0 if 95 of 100 counts after a session's first turn are within a tenth, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.tokens", description=__doc__)
    parser.add_argument("--turns", type=int, default=8, help="turns of a session")
    parser.add_argument("--sessions", type=int, default=3, help="sessions of each sort")
    parser.add_argument("--strangers", action="store_true", help="every session is its model's first")
    options = parser.parse_args()
    print("| vocabulary | counts | bytes / 3.6 | not learned | first turns | an agent's later ones | bare later ones |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    with embedded() as count:
        for name, counter in {EMBEDDED: count, **others()}.items():
            errors = measure(counter, options.turns, options.sessions, strangers=options.strangers)
            columns = (errors.by_bytes, errors.average, errors.first, *(errors.later[head] for head in HEADS))
            worst = max(worst, *(_at_95(errors.later[head]) for head in HEADS))
            print(f"| {name} | {len(errors.average)} | {' | '.join(map(_spread, columns))} |")
    return 0 if worst <= LIMIT else 1


def measure(count: Count, length: int, sessions: int, *, strangers: bool = False) -> Errors:
    """Errors over sessions of every sort."""
    errors = Errors()
    rates = AVERAGE
    for seed in range(sessions):
        for flavour in FLAVOURS:
            for head in HEADS:
                rates = _session(count, flavour, head, length, seed, AVERAGE if strangers else rates, errors)
    return errors


def _session(count: Count, flavour: str, head: str, length: int, seed: int, rates: Rates, errors: Errors) -> Rates:
    anchor: Anchor | None = None
    last: Weighed | None = None
    for body in turns(flavour, head, length, seed):
        request = read_request(Dialect.MESSAGES, orjson.dumps(body))
        actual = count(chat_prompt(_as_chat(request)))
        weighed = last = weigh(request, last)
        errors.by_bytes.append(len(request.body) / 3.6 / actual - 1)
        errors.average.append(estimate(weighed) / actual - 1)
        error = estimate(weighed, rates, anchor) / actual - 1
        (errors.first if anchor is None else errors.later[head]).append(error)
        rates, anchor = learned(rates, weighed, actual, anchor)
    return rates


def _as_chat(request: Request) -> dict[str, object]:
    translated = translate_request(request, Dialect.CHAT, _WANTED)
    assert not isinstance(translated, Refused), translated
    chat: dict[str, object] = orjson.loads(translated.body)
    return chat


def _spread(errors: Sequence[float]) -> str:
    """Median and 95th percentile of the size of errors, and the largest."""
    sizes = list(map(abs, errors))
    return f"{statistics.median(sizes):.1%}, {_at_95(errors):.1%}, {max(sizes):.1%}"


def _at_95(errors: Sequence[float]) -> float:
    sizes = sorted(map(abs, errors))
    return sizes[min(len(sizes) - 1, round(0.95 * len(sizes)))]


if __name__ == "__main__":
    sys.exit(main())

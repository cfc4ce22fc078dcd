"""``python -m bench.routing``: what reading a task out of a turn and deciding on it costs, on top of parsing it.

Warm: a turn of a conversation that is known, 400 KB, of which the last call and its result are new. Cold: the same of
which nothing is known, as after a restart. Budgets are medians on one core.
"""

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench.bodies import agent_body
from tierrouter_core.document.model import Document, Rule
from tierrouter_core.names import Dialect
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.rules import RuleSet
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.switching import Warm
from tierrouter_core.signals.reading import NOT_BEGUN, Progress, read_on
from tierrouter_core.signals.variables import variables_of
from tierrouter_core.turn import read_turn
from tierrouter_core.wire.request import Request, read_request
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts
from tierrouter_sidecar.sessions import RecentMap, SessionStore

EXAMPLE = Path(__file__).parents[2] / "examples" / "coding.yaml"
MESSAGES = Dialect.MESSAGES
SESSIONS = 10_000
HEADERS = {"x-claude-code-session-id": "s-1"}


def main() -> int:
    """Exit status: 0 if every budget was kept, else 1."""
    document = compile_texts(read_texts([EXAMPLE]), None).document
    figures = [
        ("warm: signals and decision, 400 KB of which 8 KB are new", _warm(document), "ms", 0.5),
        ("cold: signals and decision, 400 KB", _cold(document), "ms", 10.0),
        (f"rules of {EXAMPLE.name}, context building included", 1000 * _rules(document, document.rules), "us", 60.0),
        ("200 rules, context building included", _rules(document, _many(200)), "ms", 0.5),
        (f"{SESSIONS:,} live sessions", _memory(), "MB", 40.0),
    ]
    print("| figure | measured | budget | |\n| --- | ---: | ---: | --- |")
    for name, value, unit, limit in figures:
        print(f"| {name} | {value:.3g} {unit} | {limit:g} {unit} | {'pass' if value <= limit else 'MISS'} |")
    return 0 if all(value <= limit for _, value, _, limit in figures) else 1


def _median_ms(work: Callable[[int], object], times: int) -> float:
    work(0)
    taken = []
    gc.disable()
    for number in range(times):
        began = perf_counter()
        work(number)
        taken.append(perf_counter() - began)
    gc.enable()
    return 1000 * median(taken)


def _requests() -> tuple[Request, Request]:
    """A turn of 400 KB, and the one before it."""
    body = agent_body(400_000, nonce=1)
    parsed: dict[str, Any] = json.loads(body)
    parsed["messages"] = parsed["messages"][:-2]
    return read_request(MESSAGES, body), read_request(MESSAGES, json.dumps(parsed).encode())


def _decide(router: Router, request: Request, known: Progress) -> object:
    """What is done with a parsed turn, by the sidecar's own functions, less what it did before there were signals."""
    signals = read_on(request, known).signals
    turn = replace(_TURN, variables={**_TURN.variables, **variables_of(signals)})
    return router.decide(turn, _IN_LOOP)


_TURN = read_turn(MESSAGES, HEADERS, agent_body(2_000, nonce=1), b"salt", by_length=False, by_signals=False).turn
_IN_LOOP = SessionState("routine", "routine")


def _warm(document: Document) -> float:
    router, (now, before) = Router(document), _requests()
    known = read_on(before)
    return _median_ms(lambda _: _decide(router, now, known), 400)


def _cold(document: Document) -> float:
    router, (now, _) = Router(document), _requests()
    return _median_ms(lambda _: _decide(router, now, NOT_BEGUN), 60)


def _many(count: int) -> tuple[Rule, ...]:
    names = ("task.file_count", "task.files_read", "session.calls_in_task", "session.repeated_calls", "session.calls")
    return tuple(
        Rule(name=f"r{n}", when=f"{names[n % len(names)]} > {1000 + n} && turn.kind == 'user'", tier="deep")
        for n in range(count)
    )


def _rules(document: Document, rules: tuple[Rule, ...]) -> float:
    """Every turn another: what was seen before is remembered, and would cost nothing."""
    compiled = RuleSet(rules, document.thresholds)
    values = dict(_TURN.variables)

    def judge(number: int) -> object:
        values["session.calls"] = values["session.calls_in_task"] = number
        return compiled.first_match({**values, "task.file_count": number, "session.tool_errors_in_a_row": -number})

    return _median_ms(judge, 400)


def _memory() -> float:
    """MB (10⁶ bytes) of conversations in the middle of their tasks, as the sidecar keeps them."""
    progress = read_on(_requests()[0])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks: RecentMap[tuple[str, str], Progress] = RecentMap(SESSIONS)
    sessions = SessionStore(SESSIONS)
    for number in range(SESSIONS):
        key = (f"session-{number:032d}", "main")
        signals = replace(
            progress.signals,
            edited=bytes(bytearray(progress.signals.edited)),
            read=bytes(bytearray(progress.signals.read)),
            recent_calls=bytes(bytearray(progress.signals.recent_calls)),
            recent_edits=bytes(bytearray(progress.signals.recent_edits)),
        )
        tasks.put(key, Progress(signals, bytes(bytearray(progress.keys)), progress.length))
        warm = {"routine": Warm(96_000 + number, 1e9 + number), "reasoning": Warm(90_000 + number, 1e9 + number)}
        sessions.put(key, 1e9 + number, replace(NEW_SESSION, home="routine", warm=warm, steady_usd=float(number)))
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / 1e6


if __name__ == "__main__":
    sys.exit(main())

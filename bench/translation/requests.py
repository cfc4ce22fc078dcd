"""How long it takes to write a request anew in another dialect: no socket, no process, one core."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import orjson

from bench.bodies import agent_body
from bench.budgets import Round
from tierrouter_core.names import Dialect
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.translate import Refused, translate_request

RELOADED = "reloaded"
"""The yardstick: ``orjson.loads`` and ``orjson.dumps`` of the same body."""


def request_round(size_bytes: int, times: int) -> Round:
    """Seconds for one request of about ``size_bytes``: read again and written, and translated from bytes to bytes."""
    body = agent_body(size_bytes)
    read = read_request(Dialect.MESSAGES, body)
    wanted = Wanted(model_id="vendor/small", profile=profile_of("https://provider.example/v1", "vendor/small", {}))

    def translating(target: Dialect) -> Callable[[], object]:
        def translate() -> object:
            translated = translate_request(replace(read, parsed=orjson.loads(body)), target, wanted)
            assert not isinstance(translated, Refused), translated
            return translated.body

        return translate

    subjects = {
        "reload_s": lambda: orjson.dumps(orjson.loads(body)),
        "chat_request_s": translating(Dialect.CHAT),
        "responses_request_s": translating(Dialect.RESPONSES),
    }
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(times):
        for name, subject in subjects.items():
            began = time.perf_counter()
            subject()
            taken[name].append(time.perf_counter() - began)
    ours = {name: statistics.median(values) for name, values in taken.items()}
    yardstick = dict.fromkeys(("chat_request_s", "responses_request_s"), ours.pop("reload_s"))
    return {"tierrouter": ours, RELOADED: yardstick}

"""Guided fuzzing of everything that reads a provider's answer or a client's request, by atheris.

Run by ``make fuzz``: ``fuzz_translation.py stream|request SECONDS``. The input's first bytes say which pair of dialects
and how the rest is cut into reads; the rest is the stream. What comes out has to obey the client's grammar, and to be
complete only where a finish was in the input.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tierrouter_core.wire"]):
    from tierrouter_core.names import Dialect
    from tierrouter_core.wire.request import read_request
    from tierrouter_core.wire.sse import SseError
    from tierrouter_core.wire.translate import Refused, Translated, translate_request

import orjson
from prompts import wanted_by
from stream_grammars import COMPLETE, OPEN, Read, read_stream
from translated_streams import PAIRS, events_of, translator
from translation_probes import REQUESTS

from provider import Answer, ToolCall
from tierrouter_core.errors import MalformedRequestError

FINISHES = {
    Dialect.CHAT: (b"finish_reason",),
    Dialect.MESSAGES: (b"stop_reason", b"message_stop"),
    Dialect.RESPONSES: (b"completed", b"incomplete"),
}


def stream(data: bytes) -> None:
    """One answer."""
    if len(data) < 2:
        return
    client, upstream = PAIRS[data[0] % len(PAIRS)]
    step, data = data[1] or 256, data[2:]
    translated = translator(client, upstream)
    try:
        out = [translated.feed(data[at : at + step]) for at in range(0, len(data), step)]
        out.append(translated.end())
    except SseError:
        return
    read = read_stream(client, b"".join(out))
    assert read.end != OPEN or (read == Read() and translated.failed)
    assert (read.end == COMPLETE) is translated.complete
    # Escapes may hide the word itself.
    assert read.end != COMPLETE or b"\\u" in data or any(mark in data for mark in FINISHES[upstream])


def request(data: bytes) -> None:
    """One request."""
    if not data:
        return
    source, target = PAIRS[data[0] % len(PAIRS)]
    try:
        read = read_request(source, data[1:])
    except MalformedRequestError:
        return
    assert isinstance(translate_request(read, target, wanted_by(target)), Translated | Refused)


def streams() -> Iterator[bytes]:
    """Answers to begin with."""
    calls = (ToolCall(name="read", arguments={"p": 1}), ToolCall(name="ls"))
    answer = Answer(text="Ok, so", thinking="plan", tool_calls=calls)
    for number, (_, upstream) in enumerate(PAIRS):
        yield bytes([number, 0]) + b"".join(events_of(upstream, answer))


def requests() -> Iterator[bytes]:
    """Requests to begin with."""
    for number, (source, _) in enumerate(PAIRS):
        for said in REQUESTS.values():
            if source in said:
                yield bytes([number]) + orjson.dumps(said[source])


TARGETS = {"stream": (stream, streams), "request": (request, requests)}


def main() -> None:
    """Ends with libFuzzer's exit status: 0 if nothing broke in that time."""
    target, seeds = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="tierrouter-fuzz-") as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={sys.argv[2]}", "-max_len=8000"], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

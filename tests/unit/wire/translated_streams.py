"""Answers on their way from a provider of one dialect to a client of another, for the tests of translated streams."""

import os
from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from provider import Answer, Tokens, ToolCall
from provider.answer import Asked, InBandError
from provider.dialects import CHAT, MESSAGES, RESPONSES
from tierrouter_core.names import Dialect
from tierrouter_core.wire.compose import Sealing
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.tool_names import Named
from tierrouter_core.wire.translate import Translated
from tierrouter_core.wire.translated_stream import StreamTranslator

FUZZ_FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
"""How many times as many examples as usual: ``make fuzz`` sets it."""
KEY = b"the key of the tests"
PROVIDERS = {Dialect.CHAT: CHAT, Dialect.RESPONSES: RESPONSES, Dialect.MESSAGES: MESSAGES}
PAIRS = [(client, upstream) for client in Dialect for upstream in Dialect if client is not upstream]
"""``(the client's dialect, the provider's)``."""
ASKED = Asked(model="vendor/model", stream=True, include_usage=True)


def pair_id(value: object) -> str:
    return str(value).removeprefix("OpenAI").removeprefix("Anthropic").lower()


def translator(
    client: Dialect,
    upstream: Dialect,
    *,
    names: Mapping[str, Named] | None = None,
    stop: tuple[str, ...] = (),
    include_usage: bool = True,
) -> StreamTranslator:
    translated = Translated(
        body=b"",
        source=client,
        target=upstream,
        lost=(),
        names=names or {},
        stop=stop,
        sealing=Sealing(KEY, "vendor"),
    )
    envelope = Envelope(turn_id="t1", model="vendor/model", created_s=7, input_estimate=98, include_usage=include_usage)
    return StreamTranslator(translated, envelope)


def events_of(upstream: Dialect, answer: Answer, *, error_after: int | None = None) -> list[bytes]:
    """The answer's events as the provider sends them; with ``error_after`` an error follows so many."""
    provider = PROVIDERS[upstream]
    events = provider.events(answer, ASKED)
    if error_after is None:
        return events
    error = InBandError(message="It broke.", kind="overloaded")
    return [*events[:error_after], provider.error_event(error, answer, ASKED, error_after)]


def sent_on(stream: StreamTranslator, chunks: Iterable[bytes]) -> bytes:
    """What the client gets of a stream that then ends."""
    out = [stream.feed(chunk) for chunk in chunks]
    return b"".join((*out, stream.end()))


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_CALLS = st.builds(
    ToolCall,
    name=st.sampled_from(["read", "ls", "a__b"]),
    arguments=st.dictionaries(_TEXTS, _TEXTS | st.integers(-(2**53), 2**53) | st.lists(_TEXTS, max_size=2), max_size=3),
)
ANSWERS = st.builds(
    Answer,
    text=st.lists(_TEXTS.filter(bool), max_size=4),
    thinking=st.none() | _TEXTS,
    tool_calls=st.lists(_CALLS, max_size=3),
    usage=st.builds(Tokens, input=st.integers(1, 9999), output=st.integers(1, 999)),
    interleave_calls=st.booleans(),
    whole_calls=st.booleans(),
    reasoning_field=st.sampled_from(["reasoning_content", "reasoning"]),
)
"""Anything that a model may say; in Chat with calls in turns, or whole."""

"""A whole answer from the provider's dialect to the client's, and whole answers where a stream is wanted, or came."""

import orjson

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.codecs import CODECS
from tierrouter_core.wire.encoder import Envelope, collected
from tierrouter_core.wire.events import ComposedEvent, Failed
from tierrouter_core.wire.translate import Translated


def translate_answer(translated: Translated, body: bytes, envelope: Envelope, usage: Usage) -> bytes | Failed:
    """A whole answer in the client's dialect; what went wrong where it is none."""
    answer = collected(_composed(translated, body, envelope))
    if isinstance(answer, Failed):
        return answer
    return orjson.dumps(CODECS[translated.source].render_answer(answer, usage, envelope))


def stream_of_answer(translated: Translated, body: bytes, envelope: Envelope, usage: Usage) -> bytes | Failed:
    """A whole answer as the stream that the client asked for; what went wrong where it is none."""
    answer = collected(_composed(translated, body, envelope))
    if isinstance(answer, Failed):
        return answer
    encoder = CODECS[translated.source].encoder(envelope)
    out = [encoder.begin()]
    for said in answer.said:
        out.append(encoder.opened(said.opened))
        if said.text:
            out.append(encoder.delta(said.text))
        out.append(encoder.closed(said.proof))
    out.append(encoder.finish(answer.finished, usage))
    return b"".join(out)


def answer_of_stream(translated: Translated, stream: bytes, envelope: Envelope, usage: Usage) -> bytes | Failed:
    """A stream that came though none was asked for, as the whole answer."""
    decoder = CODECS[translated.target].decoder()
    composer = translated.composer(envelope)
    events = [*composer.compose(decoder.feed(stream)), *composer.compose(decoder.end())]
    answer = collected(events)
    if isinstance(answer, Failed):
        return answer
    return orjson.dumps(CODECS[translated.source].render_answer(answer, usage, envelope))


def _composed(translated: Translated, body: bytes, envelope: Envelope) -> list[ComposedEvent]:
    try:
        payload = orjson.loads(body.strip())
    except orjson.JSONDecodeError:
        return [Failed("the provider answered with a body that is not JSON")]
    if not isinstance(payload, dict):
        return [Failed("the provider answered with a body that is not a JSON object")]
    return translated.composer(envelope).compose(CODECS[translated.target].parse_answer(payload))

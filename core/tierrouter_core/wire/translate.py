"""Translation between dialects: what the rest of the program sees of it.

A request goes from its dialect to a :class:`~tierrouter_core.wire.model.Prompt` and from there to the target's; an
answer from the target's dialect to events and from there to the client's. A dialect is a folder with six files and a
row of the table below; no dialect knows of another. Nothing here does I/O: bytes in, bytes out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.chat.answer_parse import parse_chat_answer
from tierrouter_core.wire.chat.answer_render import render_chat_answer
from tierrouter_core.wire.chat.request_parse import parse_chat
from tierrouter_core.wire.chat.request_render import render_chat
from tierrouter_core.wire.chat.stream_decode import ChatDecoder
from tierrouter_core.wire.chat.stream_encode import ChatEncoder
from tierrouter_core.wire.chat.stream_seen import SeenChat
from tierrouter_core.wire.compose import Composer, Sealing
from tierrouter_core.wire.decoder import StreamDecoder
from tierrouter_core.wire.encoder import Collected, Envelope, StreamEncoder, collected
from tierrouter_core.wire.events import (
    Began,
    CallPiece,
    Closed,
    ComposedEvent,
    Delta,
    Ended,
    Failed,
    Finish,
    Finished,
    KeepAlive,
    Opened,
    RawEvent,
    RefusalPiece,
    TextPiece,
)
from tierrouter_core.wire.in_band import keep_alive
from tierrouter_core.wire.messages.answer_parse import parse_messages_answer
from tierrouter_core.wire.messages.answer_render import render_messages_answer
from tierrouter_core.wire.messages.request_parse import parse_messages
from tierrouter_core.wire.messages.request_render import render_messages
from tierrouter_core.wire.messages.stream_decode import MessagesDecoder
from tierrouter_core.wire.messages.stream_encode import MessagesEncoder
from tierrouter_core.wire.messages.stream_seen import SeenMessage
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.meter_base import CUT
from tierrouter_core.wire.model import Document, Image, Prompt, Result, Untranslatable
from tierrouter_core.wire.render import Rendered, Wanted
from tierrouter_core.wire.reported_error import ReportedError
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.responses.answer_parse import parse_responses_answer
from tierrouter_core.wire.responses.answer_render import render_responses_answer
from tierrouter_core.wire.responses.request_parse import parse_responses
from tierrouter_core.wire.responses.request_render import render_responses
from tierrouter_core.wire.responses.stream_decode import ResponsesDecoder
from tierrouter_core.wire.responses.stream_encode import ResponsesEncoder
from tierrouter_core.wire.responses.stream_seen import SeenResponse
from tierrouter_core.wire.resumed import ResumedEncoder
from tierrouter_core.wire.seen import SeenAnswer
from tierrouter_core.wire.tool_names import Named


@value_class
class _Codec:
    """What a dialect can do."""

    parse: Callable[[Mapping[str, Any]], Prompt]
    render: Callable[[Prompt, Wanted], Rendered]
    decoder: Callable[[], StreamDecoder]
    encoder: Callable[[Envelope], StreamEncoder]
    parse_answer: Callable[[Mapping[str, Any]], list[RawEvent]]
    render_answer: Callable[[Collected, Usage, Envelope], dict[str, Any]]
    seen: Callable[[], SeenAnswer]


_CODECS: Mapping[Dialect, _Codec] = {
    Dialect.MESSAGES: _Codec(
        parse_messages,
        render_messages,
        MessagesDecoder,
        MessagesEncoder,
        parse_messages_answer,
        render_messages_answer,
        SeenMessage,
    ),
    Dialect.CHAT: _Codec(
        parse_chat,
        render_chat,
        ChatDecoder,
        ChatEncoder,
        parse_chat_answer,
        render_chat_answer,
        SeenChat,
    ),
    Dialect.RESPONSES: _Codec(
        parse_responses,
        render_responses,
        ResponsesDecoder,
        ResponsesEncoder,
        parse_responses_answer,
        render_responses_answer,
        SeenResponse,
    ),
}


@keyword_value_class
class Translated:
    """A request in another dialect, and the way back of its answer."""

    body: bytes
    source: Dialect
    """The client's."""
    target: Dialect
    """The provider's."""
    lost: tuple[str, ...]
    """Harmless fields that were left behind, in the order of the alphabet."""
    names: Mapping[str, Named]
    stop: tuple[str, ...]
    sealing: Sealing


def untranslated(body: bytes, dialect: Dialect) -> Translated:
    """A request in the client's own dialect whose answer has to be written anew all the same."""
    return Translated(
        body=body, source=dialect, target=dialect, lost=(), names={}, stop=(), sealing=Sealing(b"", "")
    )  # fmt: skip


@value_class
class Refused:
    """Why a request can't be translated."""

    field: str
    """The client's own path to it: ``messages.3.content.1``."""
    why: str
    final: bool = False
    """No other tier is to be tried."""

    def __str__(self) -> str:
        return f"{self.field}: {self.why}"


def translate_request(request: Request, target: Dialect, wanted: Wanted) -> Translated | Refused:
    """``request`` in the dialect ``target``. A function of its arguments alone, so that prompts cached stay cached."""
    try:
        prompt = _CODECS[request.dialect].parse(request.parsed)
        rendered = _CODECS[target].render(prompt, wanted)
    except Untranslatable as error:
        return Refused(error.field, error.why, error.final)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        # A client's value of an unforeseen shape: the same dialect's provider would refuse it too.
        return Refused("body", f"a value has an unexpected shape ({type(error).__name__}: {error})")
    return Translated(
        body=orjson.dumps(rendered.body),
        source=request.dialect,
        target=target,
        lost=tuple(sorted(prompt.lost)),
        names=rendered.names,
        stop=rendered.stop,
        sealing=Sealing(wanted.seal_key, wanted.profile.reasoning_origin),
    )


def seen_answer(dialect: Dialect) -> SeenAnswer:
    """What a client of ``dialect`` has seen of an answer: nothing so far."""
    return _CODECS[dialect].seen()


@value_class
class Carried:
    """What was sent of an answer before another model went on with it."""

    seen: SeenAnswer
    usage: Usage
    """What it used until then."""


def first_path(request: Request, kind: type[Image] | type[Document]) -> str:
    """The client's own path to the first picture or document."""
    try:
        prompt = _CODECS[request.dialect].parse(request.parsed)
    except (Untranslatable, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return "messages"
    for message in prompt.messages:
        for part in message.parts:
            for each in (part, *(part.parts if isinstance(part, Result) else ())):
                if isinstance(each, kind):
                    return each.at
    return "messages"


class StreamTranslator:
    """One streamed answer on its way from a provider's dialect to the client's, metered as it passes.

    It is used as a :class:`~tierrouter_core.wire.meter_base.StreamMeter` is: feed it, send on what it returns, and
    call :meth:`end` once. Nothing goes out before the provider has said something of the answer itself.
    """

    def __init__(self, translated: Translated, envelope: Envelope, carried: Carried | None = None) -> None:
        """``carried`` is what the client has of the answer already: the rest follows without a seam."""
        self._meter: StreamMeter = stream_meter(translated.target)
        self._decoder = _CODECS[translated.target].decoder()
        self._composer = _composer(translated, envelope)
        self._encoder: StreamEncoder = _CODECS[translated.source].encoder(envelope)
        if carried is not None:
            self._encoder = ResumedEncoder(carried.seen.encoder(envelope), carried.seen.text)
        self._carried = carried
        self._source = translated.source
        self._envelope = envelope
        self._begun = False
        self._finish: Finished | None = None
        self._failure: Failed | None = None
        self._over = self._ended = False
        self._cancels = bool(translated.stop)

    @property
    def malformed(self) -> bool:
        """Whether an event has come that can't be read; the answer is over with it."""
        return self._meter.malformed

    @property
    def flagged(self) -> bool:
        """Whether the model refused, or its output was filtered."""
        return self._meter.flagged

    @property
    def beyond_opening(self) -> bool:
        """Whether anything of the answer itself has come."""
        return self._begun

    @property
    def complete(self) -> bool:
        """Whether the answer's end has come."""
        return self._finish is not None and self._failure is None

    @property
    def terminated(self) -> bool:
        """Whether the provider's own last marker has come."""
        return self._meter.terminated

    @property
    def over(self) -> bool:
        """Whether the provider may stop: a stop sequence that it wasn't told has come."""
        return self._over and self._cancels and self._finish is not None

    @property
    def error(self) -> ReportedError | None:
        """The error that the provider reported inside the stream."""
        return None if self._failure is None else ReportedError(self._failure.message, self._failure.kind)

    @property
    def failed(self) -> str | None:
        """That error's message."""
        return None if self._failure is None else self._failure.message

    def usage_or_estimate(self, input_estimate: int) -> Usage:
        """What was used; ``input_estimate`` is the input, in tokens, where the stream doesn't tell it."""
        return self._meter.usage_or_estimate(input_estimate)

    def feed(self, chunk: bytes) -> bytes:
        """The client's events that ``chunk`` completes; raises SseError on an event without end."""
        if self._over:
            return b""
        self._meter.feed(chunk)
        return self._encoded(self._composer.compose(self._decoder.feed(chunk)))

    def end(self, reason: str = CUT) -> bytes:
        """The last of the answer: its end where the provider said so, else the error that says that it is cut."""
        out = b""
        if self._ended:
            return out
        self._ended = True
        if not self._over:
            self._meter.end()
            out = self._encoded(self._composer.compose(self._decoder.end()))
        if self._failure is not None:
            return out + self._encoder.fail(self._failure)
        if self._over:
            return out
        self._over = True
        if self._finish is not None:
            return out + self._finished(self._finish)
        return out + self._encoder.fail(Failed(reason))

    def _encoded(self, events: list[ComposedEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is Delta:
                out.append(self._encoder.delta(event.text))  # type: ignore[union-attr]
            elif isinstance(event, Opened):
                self._begin(out)
                out.append(self._encoder.opened(event))
            elif isinstance(event, Closed):
                out.append(self._encoder.closed(event.proof))
            elif isinstance(event, Finished):
                # Its usage may come after it.
                self._finish = event
            elif isinstance(event, Failed):
                # It is told at the end: another tier may serve the turn, or go on with it.
                self._failure = event
                self._over = True
                break
            elif isinstance(event, Ended):
                if self._finish is not None:
                    self._over = True
                    out.append(self._finished(self._finish))
                    break
            elif isinstance(event, KeepAlive):
                if self._begun:
                    out.append(keep_alive(self._source))
            else:
                assert isinstance(event, Began)
        return b"".join(out)

    def _begin(self, out: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            out.append(self._encoder.begin())

    def _finished(self, finish: Finished) -> bytes:
        out: list[bytes] = []
        self._begin(out)
        usage = self._meter.usage_or_estimate(self._envelope.input_estimate)
        if self._carried is not None:
            usage = self._carried.usage.gone_on_with(usage)
        out.append(self._encoder.finish(finish, usage))
        return b"".join(out)


@keyword_value_class
class Answered:
    """What an answer says, whatever dialect it is in."""

    text: str
    """To the user, refusals included: no thoughts, no calls."""
    finish: str = ""
    """Why it ended; empty where its end is not there."""
    tools: tuple[str, ...] = ()
    """The names of the tools that it calls, one for each call."""


def read_answer(dialect: Dialect, data: bytes, *, streamed: bool) -> Answered:
    """What a model said in an answer; broken data says less."""
    codec = _CODECS[dialect]
    if streamed:
        decoder = codec.decoder()
        events = [*decoder.feed(data), *decoder.end()]
    else:
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            return Answered(text="")
        events = codec.parse_answer(payload) if isinstance(payload, dict) else []
    finishes = [event.reason for event in events if isinstance(event, Finished)]
    names: dict[int | str, str] = {}
    for event in events:
        if isinstance(event, CallPiece) and event.name:
            names.setdefault(event.key, event.name)
    finish = finishes[-1] if finishes else None
    if names and finish is Finish.STOP:
        # Responses, and some Chat servers, don't tell the two apart.
        finish = Finish.TOOL_CALLS
    return Answered(
        text="".join(event.text for event in events if isinstance(event, TextPiece | RefusalPiece)),
        finish="" if finish is None else str(finish),
        tools=tuple(names.values()),
    )


def translate_answer(translated: Translated, body: bytes, envelope: Envelope, usage: Usage) -> bytes | Failed:
    """A whole answer in the client's dialect; what went wrong where it is none."""
    answer = collected(_composed(translated, body, envelope))
    if isinstance(answer, Failed):
        return answer
    return orjson.dumps(_CODECS[translated.source].render_answer(answer, usage, envelope))


def stream_of_answer(translated: Translated, body: bytes, envelope: Envelope, usage: Usage) -> bytes | Failed:
    """A whole answer as the stream that the client asked for; what went wrong where it is none."""
    answer = collected(_composed(translated, body, envelope))
    if isinstance(answer, Failed):
        return answer
    encoder = _CODECS[translated.source].encoder(envelope)
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
    decoder = _CODECS[translated.target].decoder()
    composer = _composer(translated, envelope)
    events = [*composer.compose(decoder.feed(stream)), *composer.compose(decoder.end())]
    answer = collected(events)
    if isinstance(answer, Failed):
        return answer
    return orjson.dumps(_CODECS[translated.source].render_answer(answer, usage, envelope))


def _composer(translated: Translated, envelope: Envelope) -> Composer:
    return Composer(translated.names, translated.sealing, translated.stop, turn_id=envelope.turn_id)


def _composed(translated: Translated, body: bytes, envelope: Envelope) -> list[ComposedEvent]:
    try:
        payload = orjson.loads(body.strip())
    except orjson.JSONDecodeError:
        return [Failed("the provider answered with a body that is not JSON")]
    if not isinstance(payload, dict):
        return [Failed("the provider answered with a body that is not a JSON object")]
    return _composer(translated, envelope).compose(_CODECS[translated.target].parse_answer(payload))

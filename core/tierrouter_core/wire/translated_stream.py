"""A streamed answer, event by event from the provider's dialect to the client's."""

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.codecs import CODECS
from tierrouter_core.wire.encoder import Envelope, StreamEncoder
from tierrouter_core.wire.events import Began, Closed, ComposedEvent, Delta, Ended, Failed, Finished, KeepAlive, Opened
from tierrouter_core.wire.in_band import keep_alive
from tierrouter_core.wire.meter import StreamMeter, stream_meter
from tierrouter_core.wire.meter_base import CUT
from tierrouter_core.wire.reported_error import ReportedError
from tierrouter_core.wire.resumed import ResumedEncoder
from tierrouter_core.wire.seen import SeenAnswer
from tierrouter_core.wire.translate import Translated


@value_class
class Carried:
    """What was sent of an answer before another model went on with it."""

    seen: SeenAnswer
    usage: Usage
    """What it used until then."""


def seen_answer(dialect: Dialect) -> SeenAnswer:
    """What a client of ``dialect`` has seen of an answer: nothing so far."""
    return CODECS[dialect].seen()


class StreamTranslator:
    """One streamed answer on its way from a provider's dialect to the client's, metered as it passes.

    It is used as a :class:`~tierrouter_core.wire.meter_base.StreamMeter` is: feed it, send on what it returns, and
    call :meth:`end` once. Nothing goes out before the provider has said something of the answer itself.
    """

    def __init__(self, translated: Translated, envelope: Envelope, carried: Carried | None = None) -> None:
        """``carried`` is what the client has of the answer already: the rest follows without a seam."""
        self._meter: StreamMeter = stream_meter(translated.target)
        self._decoder = CODECS[translated.target].decoder()
        self._composer = translated.composer(envelope)
        self._encoder: StreamEncoder = CODECS[translated.source].encoder(envelope)
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
    def at_work(self) -> bool:
        """Whether the provider has begun to answer, maybe with thoughts that the client's dialect can't show."""
        return self._meter.beyond_opening

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

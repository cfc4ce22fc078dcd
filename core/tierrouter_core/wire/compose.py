"""Puts an answer's raw events in order: one segment at a time, calls one after another, an end only where there is one.

The rules, and why:

- Content of another kind ends what is open; a segment opens with its first piece, so none is ever empty.
- Of calls that come interleaved the first goes on, the others wait; it ends once its JSON is whole and another waits.
- A call without arguments gets ``{}``: Codex can't read the empty string.
- Arguments are not checked: agents tell the model of a mistake, which beats our guess.
- What breaks off closes nothing: an open block is what keeps an agent from executing half a call.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from tierrouter_core.value_class import value_class
from tierrouter_core.wire.events import (
    Began,
    CallEnd,
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
    Segment,
    TextPiece,
    ThinkingEnd,
    ThinkingPiece,
)
from tierrouter_core.wire.json_end import JsonEnd
from tierrouter_core.wire.model import ToolKind
from tierrouter_core.wire.sealed import Sealed, seal
from tierrouter_core.wire.stop_scanner import StopScanner
from tierrouter_core.wire.tool_names import Named

MOST_WAITING = 8 * 1024 * 1024
"""Characters of calls that may wait for others."""
PROTOCOL = "protocol_error"
"""The kind of a failure that is a provider's breach of its own dialect."""


@value_class
class Sealing:
    """How thinking is made fit for a client of another dialect."""

    key: bytes
    vendor: str


class _Call:
    __slots__ = ("end", "id", "kind", "name", "named", "said", "waiting", "wraps")

    def __init__(self, kind: ToolKind) -> None:
        self.id = self.name = ""
        self.kind = kind
        self.named: Named | None = None
        self.wraps = False
        self.waiting: list[str] = []
        self.said = False
        """Some of its arguments have gone out."""
        self.end = JsonEnd()


class Composer:
    """One answer's. After ``Finished`` or ``Failed`` it says nothing more but ``Ended``."""

    def __init__(
        self, names: Mapping[str, Named], sealing: Sealing, stop: Sequence[str] = (), *, turn_id: str = ""
    ) -> None:
        """``turn_id`` makes ids for calls that the provider gave none, unlike all others of their conversation."""
        self._turn_id = turn_id
        self._names = names
        self._sealing = sealing
        self._scanner = StopScanner(stop) if stop else None
        self._open: Segment | None = None
        self._live: _Call | None = None
        self._live_key: int | str | None = None
        self._queue: dict[int | str, _Call] = {}
        """Calls that wait, in the order in which they began."""
        self._past: set[int | str] = set()
        self._waiting = 0
        self._calls = 0
        self._over = False

    def compose(self, events: Iterable[RawEvent]) -> list[ComposedEvent]:
        """What the client may see of ``events``."""
        out: list[ComposedEvent] = []
        for event in events:
            if self._over:
                if type(event) in (Ended, KeepAlive):
                    out.append(event)  # type: ignore[arg-type]
                continue
            kind = type(event)
            if kind is TextPiece:
                self._text(event.text, out)  # type: ignore[union-attr]
            elif isinstance(event, CallPiece):
                self._call_piece(event, out)
            elif isinstance(event, ThinkingPiece):
                self._plain(Segment.THINKING, event.text, out)
            elif isinstance(event, RefusalPiece):
                self._plain(Segment.REFUSAL, event.text, out)
            elif isinstance(event, ThinkingEnd):
                self._thinking_end(event, out)
            elif isinstance(event, CallEnd):
                self._call_end(event, out)
            elif isinstance(event, Finished):
                self._finish(event, out)
            elif isinstance(event, Failed):
                self._over = True
                out.append(event)
            elif isinstance(event, Began | Ended | KeepAlive):
                out.append(event)
        return out

    def _plain(self, segment: Segment, text: str, out: list[ComposedEvent]) -> None:
        if not text:
            return
        if self._open is not segment:
            self._settle(out)
            out.append(Opened(segment))
            self._open = segment
        out.append(Delta(text))

    def _text(self, text: str, out: list[ComposedEvent]) -> None:
        if self._scanner is None:
            self._plain(Segment.TEXT, text, out)
            return
        text, found = self._scanner.feed(text)
        self._plain(Segment.TEXT, text, out)
        if found is not None:
            self._finish(Finished(Finish.STOP_SEQUENCE, found), out)
            out.append(Ended())

    def _settle(self, out: list[ComposedEvent]) -> None:
        """End whatever is open, with all calls that wait."""
        if self._open is Segment.CALL:
            while self._live is not None:
                self._end_live(out)
            return
        if self._open is None:
            return
        if self._scanner is not None and self._open is Segment.TEXT:
            rest = self._scanner.rest()
            if rest:
                out.append(Delta(rest))
        proof = seal(self._sealing.key, Sealed(self._sealing.vendor)) if self._open is Segment.THINKING else ""
        out.append(Closed(proof))
        self._open = None

    def _thinking_end(self, event: ThinkingEnd, out: list[ComposedEvent]) -> None:
        if self._open is not Segment.THINKING:
            if not event.proof:
                return
            self._settle(out)
            out.append(Opened(Segment.THINKING))
        facts = Sealed(self._sealing.vendor, event.proof, event.id, event.redacted)
        out.append(Closed(seal(self._sealing.key, facts)))
        self._open = None

    def _call_piece(self, piece: CallPiece, out: list[ComposedEvent]) -> None:
        key = piece.key
        if key == self._live_key and self._live is not None:
            self._arguments(self._live, piece.arguments, out)
            return
        if key in self._past:
            if piece.arguments.strip():
                self._fail("the provider sent arguments of a call that it had ended", out)
            return
        call = self._queue.get(key)
        if call is None:
            call = self._queue[key] = _Call(piece.kind)
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        if piece.arguments:
            call.waiting.append(piece.arguments)
            call.end.feed(piece.arguments)
            self._waiting += len(piece.arguments)
            if self._waiting > MOST_WAITING:
                self._fail("the provider sent too much of a call out of order", out)
                return
        if self._live is None or self._live.end.whole:
            self._next_call(out)

    def _next_call(self, out: list[ComposedEvent]) -> None:
        """The first call that waits becomes the live one, if it is known what is called."""
        key, call = next(iter(self._queue.items()))
        if not call.name:
            return
        if self._live is not None:
            self._close_live(out)
        else:
            self._settle(out)
        del self._queue[key]
        self._live, self._live_key = call, key
        self._open = Segment.CALL
        self._calls += 1
        named = self._names.get(call.name)
        call.wraps = named is not None and named.kind is not ToolKind.FUNCTION and call.kind is ToolKind.FUNCTION
        id_ = call.id or f"call_{self._turn_id}_{self._calls}"
        if named is None:
            out.append(Opened(Segment.CALL, id_, call.name, "", call.kind))
        else:
            kind = named.kind if call.wraps else call.kind
            out.append(Opened(Segment.CALL, id_, named.name, named.namespace, kind))
        call.named = named
        waiting, call.waiting = call.waiting, []
        text = "".join(waiting)
        self._waiting -= len(text)
        if text:
            call.end = JsonEnd()
            self._arguments(call, text, out)

    def _arguments(self, call: _Call, text: str, out: list[ComposedEvent]) -> None:
        if not text:
            return
        call.end.feed(text)
        if call.wraps:
            call.waiting.append(text)
            self._waiting += len(text)
            if self._waiting > MOST_WAITING:
                self._fail("the provider sent a call that is too long", out)
            return
        call.said = True
        out.append(Delta(text))

    def _call_end(self, event: CallEnd, out: list[ComposedEvent]) -> None:
        if event.key == self._live_key and self._live is not None:
            if event.arguments and not self._live.said and not self._live.waiting:
                self._arguments(self._live, event.arguments, out)
            self._end_live(out)
            return
        call = self._queue.get(event.key)
        if call is not None and event.arguments and not call.waiting:
            call.waiting.append(event.arguments)
            call.end.feed(event.arguments)
            self._waiting += len(event.arguments)

    def _close_live(self, out: list[ComposedEvent]) -> None:
        call = self._live
        assert call is not None
        assert self._live_key is not None
        if call.wraps:
            whole = "".join(call.waiting)
            self._waiting -= len(whole)
            assert call.named is not None
            text = unwrapped(whole) if call.named.kind is ToolKind.CUSTOM else whole or "{}"
            if text:
                out.append(Delta(text))
        elif not call.said and call.kind is ToolKind.FUNCTION:
            out.append(Delta("{}"))
        out.append(Closed())
        self._past.add(self._live_key)
        self._live = self._live_key = self._open = None

    def _end_live(self, out: list[ComposedEvent]) -> None:
        self._close_live(out)
        if self._queue:
            self._next_call(out)

    def _finish(self, event: Finished, out: list[ComposedEvent]) -> None:
        if self._scanner is not None and self._open is not Segment.TEXT:
            # Text that may have been a stop sequence's beginning, and nothing else before it.
            self._plain(Segment.TEXT, self._scanner.rest(), out)
        self._settle(out)
        while self._queue and not self._over:
            call = next(iter(self._queue.values()))
            if not call.name:
                self._fail("the provider sent a call without a name", out)
                return
            self._next_call(out)
            self._settle(out)
        self._over = True
        reason = Finish.TOOL_CALLS if self._calls and event.reason is Finish.STOP else event.reason
        out.append(Finished(reason, event.sequence))

    def _fail(self, message: str, out: list[ComposedEvent]) -> None:
        self._over = True
        out.append(Failed(message, PROTOCOL))


def unwrapped(arguments: str) -> str:
    """A custom tool's input out of the function that stands for it; what isn't of that form is the input itself."""
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = parsed.get("input") if isinstance(parsed, dict) else None
    return text if isinstance(text, str) else arguments

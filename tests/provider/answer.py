"""What an answer says, in no particular dialect, and how it travels."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import orjson

from provider.usage import Tokens, Usage, UsagePlacement, UsageStyle

Finish = Literal["stop", "tool_calls", "length", "stop_sequence", "refusal", "content_filter"]

CREATED = 1_790_000_000
"""The time that every answer claims, in seconds since the epoch: equal scripts give equal bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    """An object, or the exact text that the model wrote, broken JSON included."""
    id: str = ""
    """Empty: made from the answer's number and the call's place."""
    namespace: str | None = None
    """Responses alone: the namespace that the tool stands in."""
    custom: bool = False
    """Responses alone: a ``custom_tool_call`` whose ``input`` is ``arguments`` as text."""

    @property
    def arguments_text(self) -> str:
        """The arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else orjson.dumps(self.arguments).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class InBandError:
    """A failure told inside a stream, after HTTP 200."""

    message: str = "The model is overloaded."
    kind: Literal["overloaded", "rate_limit", "server"] = "overloaded"
    bare: bool = False
    """Responses alone: the top-level ``error`` event in place of ``response.failed``."""
    finish_chunk: bool = False
    """Chat alone: with ``choices[0].finish_reason: "error"``, as OpenRouter sends it."""


class Ending(StrEnum):
    """What happens when the last byte to be sent is out."""

    COMPLETE = "complete"
    """The HTTP body ends as it should (whatever it held)."""
    CLOSE = "close"
    """The connection closes in the middle of the HTTP body."""
    RESET = "reset"
    """The connection is reset (RST)."""
    STALL = "stall"
    """Nothing more comes until the client goes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How an answer's bytes travel. Counts of events are of the answer's own events, without pings."""

    first_delay_s: float = 0.0
    """Before the response's headers."""
    body_delay_s: float = 0.0
    """Between the headers and the first byte of the body."""
    event_delay_s: float = 0.0
    """Before every event but the first."""
    pings_before: int = 0
    """Keep-alives before the first event (blank lines before a body that is not streamed)."""
    ping_every: int = 0
    """One keep-alive after every so many events; 0 for none."""
    ping: bytes = b""
    """The keep-alive; empty for the dialect's own."""
    cut_after_events: int | None = None
    cut_after_bytes: int | None = None
    garbage_after_events: int | None = None
    """After so many events comes ``garbage``, and then the others."""
    garbage: bytes = b'data: {"cho\n\n'
    error_after_events: int | None = None
    """After so many events comes ``error``, and then nothing."""
    error: InBandError = field(default_factory=InBandError)
    ending: Ending = Ending.COMPLETE
    write_bytes: int = 0
    """Cut into writes of so many bytes, wherever events end; 0 for one write per event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of a model. It is streamed if the request says so."""

    text: str | Sequence[str] = "Hello from the scripted provider."
    """The whole text, or its fragments as they are to be streamed. Empty: no text."""
    tool_calls: Sequence[ToolCall] = ()
    thinking: str | None = None
    """Visible reasoning; ``""`` for a reasoning block with nothing but its seal; None for no reasoning."""
    signature: str = "EqRkYXRhLXNpZ25hdHVyZQ=="
    """The seal of ``thinking``: Messages' signature, Responses' ``encrypted_content``."""
    finish: Finish | None = None
    """None: ``tool_calls`` if there are any, else ``stop``."""
    stop_sequence: str | None = None
    model: str | None = None
    """None: the model that was asked for."""
    usage: Usage = field(default_factory=Tokens)
    usage_style: UsageStyle = UsageStyle.OPENAI
    usage_placement: UsagePlacement = UsagePlacement.IF_ASKED
    reasoning_field: str = "reasoning_content"
    """The Chat field for ``thinking``; ``reasoning`` at OpenRouter, Ollama and vLLM."""
    interleave_calls: bool = False
    """Chat alone: fragments of all calls take turns."""
    whole_calls: bool = False
    """Chat alone: every call in one chunk, as Ollama sends them."""
    terminator: bool = True
    """Whether the last marker comes: ``[DONE]``, ``message_stop``, ``response.completed``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def finish_reason(self) -> Finish:
        """Why the answer ends."""
        return self.finish or ("tool_calls" if self.tool_calls else "stop")

    @property
    def whole_text(self) -> str:
        """The text in one piece."""
        return self.text if isinstance(self.text, str) else "".join(self.text)

    @property
    def text_fragments(self) -> list[str]:
        """The text as it is streamed."""
        return words(self.text) if isinstance(self.text, str) else list(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer's form depends on, of the request and of the server."""

    model: str
    stream: bool = False
    include_usage: bool = False
    number: int = 1
    """Which answer of this server it is; makes ids."""
    echo: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the request that a Responses answer repeats."""

    def call_id(self, index: int, call: ToolCall, prefix: str) -> str:
        """The id of the call at ``index``."""
        return call.id or f"{prefix}{self.number:04d}{index:02d}"


def asked_from(body: Mapping[str, Any], number: int) -> Asked:
    """Read what matters from a request's parsed body."""
    options = body.get("stream_options")
    return Asked(
        model=str(body.get("model", "")),
        stream=body.get("stream") is True,
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        number=number,
        echo={key: body[key] for key in ("instructions", "tools", "tool_choice", "metadata") if body.get(key)},
    )


def words(text: str) -> list[str]:
    """``text`` in fragments that end where a word's following white space does; joined they are ``text``."""
    return re.findall(r"\s*\S+\s*|\s+", text)


def slices(text: str, size: int = 12) -> Iterator[str]:
    """``text`` in fragments of ``size`` characters, so that JSON is cut anywhere."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def sse(data: Any, event: str = "") -> bytes:
    """One server-sent event."""
    name = f"event: {event}\n".encode() if event else b""
    return name + b"data: " + orjson.dumps(data) + b"\n\n"

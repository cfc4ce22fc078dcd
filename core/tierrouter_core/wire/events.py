"""What an answer consists of, whatever dialect it comes in.

A decoder makes *raw* events of what a provider sends, in whatever order that comes: pieces of several calls may
alternate. The composer (:mod:`tierrouter_core.wire.compose`) puts them in order, and makes of them the *composed*
events that encoders write: one segment open at a time. ``Began``, ``Finished``, ``Failed``, ``Ended`` and
``KeepAlive`` are both.
"""

from dataclasses import dataclass
from enum import StrEnum

from tierrouter_core.wire.model import ToolKind


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    REFUSAL = "refusal"
    """The model declined."""
    FILTER = "content_filter"
    """A filter cut it."""


@dataclass(slots=True)
class Began:
    """The provider has taken the request up."""

    id: str = ""
    model: str = ""


@dataclass(slots=True)
class TextPiece:
    """Raw: some text."""

    text: str


@dataclass(slots=True)
class RefusalPiece:
    """Raw: some of the words in which the model declines."""

    text: str


@dataclass(slots=True)
class ThinkingPiece:
    """Raw: some of what the model thinks."""

    text: str


@dataclass(slots=True)
class ThinkingEnd:
    """Raw: a train of thought is over; ``proof`` is the vendor's, to be sealed."""

    proof: str = ""
    id: str = ""
    """The vendor's name of it, where it has one."""
    redacted: bool = False
    """The proof is all there is."""


@dataclass(slots=True)
class CallPiece:
    """Raw: some of a tool call. ``key`` says of which; the rest is empty where it has come before or not yet."""

    key: int | str
    id: str = ""
    name: str = ""
    arguments: str = ""
    kind: ToolKind = ToolKind.FUNCTION


@dataclass(slots=True)
class CallEnd:
    """Raw: a call is complete; ``arguments`` is all of it where the provider says so again."""

    key: int | str
    arguments: str | None = None


@dataclass(slots=True)
class Finished:
    """The answer is complete."""

    reason: Finish
    sequence: str | None = None
    """The stop sequence that ended it, where that is known."""


@dataclass(slots=True)
class Failed:
    """The provider reports an error, or the stream broke off."""

    message: str
    kind: str = ""
    """The provider's type or code."""


@dataclass(slots=True)
class Ended:
    """Raw: the terminator; nothing follows but what is to be ignored."""


@dataclass(slots=True)
class KeepAlive:
    """Raw: the provider is still there."""


RawEvent = (
    Began
    | TextPiece
    | RefusalPiece
    | ThinkingPiece
    | ThinkingEnd
    | CallPiece
    | CallEnd
    | Finished
    | Failed
    | Ended
    | KeepAlive
)


class Segment(StrEnum):
    """What a composed segment holds."""

    TEXT = "text"
    REFUSAL = "refusal"
    THINKING = "thinking"
    CALL = "call"


@dataclass(slots=True)
class Opened:
    """Composed: a segment begins; the rest is for calls, by the names that the client knows."""

    segment: Segment
    id: str = ""
    name: str = ""
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION


@dataclass(slots=True)
class Delta:
    """Composed: more of the open segment."""

    text: str


@dataclass(slots=True)
class Closed:
    """Composed: the open segment is whole. ``proof`` is a thinking segment's, sealed for the client."""

    proof: str = ""


ComposedEvent = Began | Opened | Delta | Closed | Finished | Failed | Ended | KeepAlive

"""One request, whatever dialect it was written in: what is between parsing one dialect and rendering another.

The shape is Messages': tool results are parts of user messages and calls parts of assistant messages, because from
there the others can be made without looking ahead. JSON Schemas, arguments and base64 data are the client's own
objects, never copied and never to be changed.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tierrouter_core.errors import TierRouterError
from tierrouter_core.names import Dialect


class Untranslatable(TierRouterError):  # noqa: N818 (it is an answer, which the surface turns into a value)
    """A request holds something that the target can't carry; ``field`` is the client's own path to it.

    ``final`` says that no other tier is to be tried.
    """

    def __init__(self, field: str, why: str, *, final: bool = False) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why
        self.final = final


class Role(StrEnum):
    """Who says a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Instructions in mid-conversation; those at its start stand in :attr:`Prompt.instructions`."""


class ToolKind(StrEnum):
    """How a tool is called and how its calls look."""

    FUNCTION = "function"
    CUSTOM = "custom"
    """Takes free text, maybe of a grammar: Codex's ``apply_patch``."""
    TOOL_SEARCH = "tool_search"
    """Codex's search for more tools, which the client executes."""


@dataclass(slots=True)
class Text:
    """Text, never empty."""

    text: str


@dataclass(slots=True)
class Refusal:
    """What the model said when it declined."""

    text: str


@dataclass(slots=True)
class Image:
    """A picture: base64 ``data`` of a media type, or a ``url``."""

    at: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""

    @property
    def as_url(self) -> str:
        """Its URL, with the data in it where there is no other."""
        return self.url or f"data:{self.media_type};base64,{self.data}"


@dataclass(slots=True)
class Document:
    """A document: base64 ``data`` of a media type, or a ``url``."""

    at: str
    media_type: str = "application/pdf"
    data: str = ""
    url: str = ""
    name: str = ""


@dataclass(slots=True)
class Audio:
    """Sound that the user sent: base64 ``data`` and its format, ``wav`` or ``mp3``."""

    at: str
    data: str
    format: str


@dataclass(slots=True)
class Thinking:
    """What a model thought, in plain text as far as it is known, and the proof of it that only its vendor reads."""

    text: str = ""
    proof: str = ""
    """Messages' signature or Responses' encrypted content; or our own seal around foreign reasoning."""


@dataclass(slots=True)
class Call:
    """A tool call of the model's."""

    at: str
    id: str
    name: str
    arguments: Any
    """The arguments' JSON text, or the object that it stands for; a custom tool's free text."""
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str = ""


@dataclass(slots=True)
class Result:
    """What a tool gave back."""

    at: str
    call_id: str
    parts: list["Part"]
    """Texts, images and documents."""
    is_error: bool = False


Part = Text | Refusal | Image | Document | Audio | Thinking | Call | Result


@dataclass(slots=True)
class Message:
    """One side's say. In a user message results come first."""

    role: Role
    parts: list[Part]


@dataclass(slots=True)
class Tool:
    """A tool that the client executes."""

    name: str
    description: str = ""
    schema: dict[str, Any] | None = None
    """JSON Schema of its arguments."""
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str = ""
    strict: bool | None = None
    grammar: tuple[str, str] | None = None
    """A custom tool's ``(syntax, definition)``."""


@dataclass(slots=True)
class HostedTool:
    """A tool that the vendor executes, or knows the schema of."""

    at: str
    type: str


class Choice(StrEnum):
    """Whether tools may or must be called."""

    AUTO = "auto"
    ANY = "any"
    NONE = "none"
    TOOL = "tool"


@dataclass(slots=True)
class ToolChoice:
    """What the client says about calling tools."""

    mode: Choice = Choice.AUTO
    name: str = ""
    """The tool that must be called, where ``mode`` is ``TOOL``; hosted ones by their type."""
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str = ""
    among: tuple[str, ...] | None = None
    """Only these may be called, all other tools are as if they were not there."""


@dataclass(slots=True)
class OutputFormat:
    """The form that the answer must have."""

    schema: dict[str, Any] | None = None
    """JSON Schema; None for any JSON object."""
    name: str = "output"
    description: str = ""
    strict: bool | None = None


@dataclass(slots=True)
class Sampling:
    """How tokens are drawn; None is the model's own way."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None


@dataclass(slots=True)
class Prompt:
    """A request without the way it is written."""

    source: Dialect
    model: str = ""
    stream: bool = False
    instructions: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    hosted: list[HostedTool] = field(default_factory=list)
    choice: ToolChoice | None = None
    parallel: bool | None = None
    max_output: int | None = None
    """Tokens."""
    stop: list[str] = field(default_factory=list)
    sampling: Sampling = field(default_factory=Sampling)
    effort: str | None = None
    """One of :data:`EFFORTS`; None where the client says nothing."""
    shows_thinking: bool = True
    format: OutputFormat | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    cache_key: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    lost: set[str] = field(default_factory=set)
    """Fields left behind, all of them harmless; names out of :data:`tierrouter_core.wire.lossy.LOSSY_FIELDS`."""


EFFORTS: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From least to most."""


def effort_of_budget(tokens: float) -> str:
    """The effort that a budget of thinking tokens stands for."""
    for below, effort in ((4096, "low"), (12_288, "medium"), (24_576, "high")):
        if tokens < below:
            return effort
    return "xhigh"

"""What all encoders are: composed events in, a client's bytes out, streamed or as one body."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire.events import Closed, ComposedEvent, Delta, Failed, Finish, Finished, Opened, Segment


@keyword_value_class
class Envelope:
    """What an answer says of itself."""

    turn_id: str
    """Ids of the answer and of its items are made of it."""
    model: str
    """The name of the model as the client is to read it."""
    created_s: int
    """Seconds since the epoch."""
    input_estimate: int = 0
    """Tokens, for dialects that tell the input before the provider does."""
    include_usage: bool = False
    """Chat: the client asked for a usage chunk."""


class StreamEncoder(Protocol):
    """Writes one answer for one client; each method returns the bytes to send."""

    def begin(self) -> bytes:
        """The answer begins; comes once, before anything else but ``fail``."""

    def opened(self, segment: Opened) -> bytes:
        """A segment begins."""

    def delta(self, text: str) -> bytes:
        """More of the open segment."""

    def closed(self, proof: str) -> bytes:
        """The open segment is whole."""

    def finish(self, finished: Finished, usage: Usage) -> bytes:
        """The answer is complete; the last of it."""

    def fail(self, failed: Failed) -> bytes:
        """The answer broke off; the last of it. Nothing that is open is closed."""


@dataclass(slots=True)
class Said:
    """One whole segment of an answer."""

    opened: Opened
    text: str
    proof: str = ""


@dataclass(slots=True)
class Collected:
    """A whole answer."""

    said: list[Said] = field(default_factory=list)
    finished: Finished = field(default_factory=lambda: Finished(Finish.STOP))

    def texts(self, segment: Segment) -> str:
        """Everything that was said of one kind."""
        return "".join(said.text for said in self.said if said.opened.segment is segment)

    @property
    def calls(self) -> list[Said]:
        """The tool calls."""
        return [said for said in self.said if said.opened.segment is Segment.CALL]


def collected(events: Iterable[ComposedEvent]) -> Collected | Failed:
    """The answer that ``events`` are; a failure where they hold one, or no end."""
    answer = Collected()
    pieces: list[str] = []
    opened: Opened | None = None
    complete = False
    for event in events:
        if isinstance(event, Delta):
            pieces.append(event.text)
        elif isinstance(event, Opened):
            opened, pieces = event, []
        elif isinstance(event, Closed):
            assert opened is not None
            answer.said.append(Said(opened, "".join(pieces), event.proof))
        elif isinstance(event, Finished):
            answer.finished, complete = event, True
        elif isinstance(event, Failed):
            return event
    return answer if complete else Failed("upstream ended before the answer was complete")


def usage_of_messages(usage: Usage) -> dict[str, Any]:
    """Messages' ``usage``: its input excludes what was cached."""
    return {
        "input_tokens": usage.input_uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_output},
    }


def usage_of_chat(usage: Usage) -> dict[str, Any]:
    """Chat's ``usage``: its prompt includes what was cached."""
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total_input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_output},
    }


def usage_of_responses(usage: Usage) -> dict[str, Any]:
    """Responses' ``usage``: its input includes what was cached."""
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_output},
        "total_tokens": usage.total_input + usage.output,
    }

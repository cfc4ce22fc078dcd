"""The endpoints of a provider, and what each makes of a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provider import chat, messages, responses
from provider.answer import Answer, Asked, InBandError


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of speaking."""

    name: str
    body: Callable[[Answer, Asked], dict[str, Any]]
    events: Callable[[Answer, Asked], list[bytes]]
    error_event: Callable[[InBandError, Answer, Asked, int], bytes]
    """The last argument is the event's number in its stream."""
    error_body: Callable[[int, str], dict[str, Any]]
    ping: bytes
    required: tuple[str, ...]
    """Fields without which a request is refused."""
    id_header: str


CHAT = Dialect(
    name="chat",
    body=chat.body,
    events=chat.events,
    error_event=lambda error, answer, asked, _: chat.error_event(error, answer, asked),
    error_body=chat.error_body,
    ping=chat.PING,
    required=("model", "messages"),
    id_header="x-request-id",
)
RESPONSES = Dialect(
    name="responses",
    body=responses.body,
    events=responses.events,
    error_event=responses.error_event,
    error_body=chat.error_body,
    ping=responses.PING,
    required=("model",),
    id_header="x-request-id",
)
MESSAGES = Dialect(
    name="messages",
    body=messages.body,
    events=messages.events,
    error_event=lambda error, answer, asked, _: messages.error_event(error, answer, asked),
    error_body=messages.error_body,
    ping=messages.PING,
    required=("model", "messages", "max_tokens"),
    id_header="request-id",
)

_BY_SUFFIX = {"/chat/completions": CHAT, "/responses": RESPONSES, "/messages": MESSAGES}


def generation(method: str, path: str) -> Dialect | None:
    """The dialect in which ``path`` generates, or None where it does something else."""
    if method != "POST":
        return None
    return next((dialect for suffix, dialect in _BY_SUFFIX.items() if path.endswith(suffix)), None)


def dialect_of(path: str) -> Dialect:
    """The dialect in which an answer to ``path``, errors included, is written."""
    if "/messages" in path:
        return MESSAGES
    return RESPONSES if "/responses" in path else CHAT


def missing_field(dialect: Dialect, body: Mapping[str, Any]) -> str | None:
    """The first required field that a request lacks."""
    return next((name for name in dialect.required if name not in body), None)

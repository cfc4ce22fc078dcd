"""What a script can say about a request, and to which requests it applies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provider.answer import Answer, Delivery
from provider.record import RecordedRequest


@dataclass(frozen=True, slots=True)
class Status:
    """A status other than 200, with the body that the request's dialect gives it unless one is named."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Mapping[str, Any] | None = None
    message: str = "scripted failure"
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes, whatever they are."""

    data: bytes
    content_type: str = "text/event-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before any header."""

    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed before any header."""

    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """No byte ever comes."""


Step = Answer | Status | Raw | Reset | Close | Hang
Scripted = Step | Callable[[RecordedRequest], Step]
"""A step, or a function that makes one of the request."""
Condition = Callable[[RecordedRequest], bool]


def to_model(name: str) -> Condition:
    """Requests that name this model."""
    return lambda request: request.model == name


def at(path: str) -> Condition:
    """Requests whose path ends so: ``at("/messages/count_tokens")``."""
    return lambda request: request.path.endswith(path)

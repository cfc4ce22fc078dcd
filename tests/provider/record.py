"""What the provider saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedRequest:
    """A request, exactly as it came."""

    method: str
    target: str
    """Path and query as they stood in the request line."""
    headers: tuple[tuple[str, str], ...]
    """In the order and the spelling in which they came."""
    body: bytes
    at_s: float
    """When its body was complete, by the monotonic clock."""
    connection: int
    """Equal for requests that came over one connection."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, or nothing."""
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        """The parsed body."""
        return orjson.loads(self.body)

    @property
    def model(self) -> str:
        """The model that was asked for; empty if the body names none."""
        try:
            parsed = self.json
        except orjson.JSONDecodeError:
            return ""
        return str(parsed.get("model", "")) if isinstance(parsed, Mapping) else ""

    def header(self, name: str) -> str | None:
        """The first header of that name, in any spelling."""
        return next(iter(self.headers_named(name)), None)

    def headers_named(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disconnect:
    """A client that went away before its answer was complete."""

    request: RecordedRequest
    at_s: float
    """When it was noticed, by the monotonic clock."""
    bytes_sent: int
    """How much of the answer's body had been written."""

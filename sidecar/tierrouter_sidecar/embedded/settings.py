"""What the parent tells the model's process: one JSON line on its stdin."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the parent wants served."""

    model_path: str
    model_name: str
    context_window: int
    """Tokens."""
    api_key: str
    """What callers must send: other local processes and web pages don't know it."""

    def to_line(self) -> bytes:
        """The settings as the line that the parent writes."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Settings":
        """The inverse of :meth:`to_line`."""
        return cls(**json.loads(line))

"""What a replay is asked for."""

from dataclasses import dataclass
from pathlib import Path

ROUTER_POLICY = "router"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked."""

    files: tuple[Path, ...]
    inputs: tuple[Path, ...]
    policies: tuple[tuple[str, float | None], ...]
    """Names with their share; the router has none."""
    draws: int
    seed: int
    ttl_ms: int | None
    baseline: str
    format: str
    html: Path | None

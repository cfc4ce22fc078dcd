"""What came of a replay, for the formats to show."""

from dataclasses import dataclass

from tierrouter_core.replay.draws import Column


@dataclass(frozen=True, slots=True)
class Replayed:
    """Everything that the formats show."""

    calls: int
    sessions: int
    agents: int
    sources: tuple[str, ...]
    broken_lines: int
    ttl_ms: int | None
    """What ``--ttl`` said; None where each model's own counts."""
    columns: tuple[Column, ...]

"""The ledger's row: one per turn, and the columns that users read it by."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

# Named tuples, because one is made for every turn: with so many fields a frozen dataclass takes several times as long.


class TurnRow(NamedTuple):
    """One turn as the ledger keeps it. The fields, in this order, are the CSV's columns (design section 10)."""

    turn_id: str
    time: str
    """When the request arrived, RFC 3339 in UTC with milliseconds: ``2026-01-31T12:00:00.123Z``."""
    namespace: str = ""
    router: str = ""
    pod: str = ""
    session: str = ""
    """The agent's session id, or a pseudonymous key derived from how the conversation began."""
    agent: str = ""
    """Which of the session's agents asked: ``main`` or a subagent's id."""
    dialect: str = ""
    hint: str = ""
    tier: str = ""
    provider: str = ""
    model: str = ""
    revision: str = ""
    reason: str = ""
    outcome: str = ""
    attempts: int = 0
    input_tokens: int = 0
    """Uncached input tokens."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """Tokens written to a cache with the standard time to live."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usage_source: str = ""
    cost_usd: Decimal | None = None
    """The sum over all attempts; None (empty) when a price was unknown."""
    baseline_model: str = ""
    baseline_cost_usd: Decimal | None = None
    """What the turn would have cost on ``baseline_model`` with a prompt cache of its own; None unless answered."""
    ttft_ms: int | None = None
    """From the request's arrival to the first byte of the answer's body."""
    duration_ms: int = 0
    requested_model: str = ""
    turn_kind: str = ""
    parent_agent: str = ""
    cache_write_1h_tokens: int = 0
    cost_source: str = ""
    labels: str = ""
    """A JSON object of further facts, or empty."""


class AttemptRow(NamedTuple):
    """One call to a provider; a turn that failed over has several."""

    turn_id: str
    attempt: int
    """Counted from 1."""
    tier: str
    provider: str
    model: str
    status: int
    """HTTP status, or 0 where there was none."""
    error: str
    """Empty for an attempt that worked."""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal | None = None
    own_cost_usd: Decimal | None = None
    """Our own figure, where the provider stated another."""
    cost_source: str = ""
    duration_ms: int = 0


COLUMNS = TurnRow._fields
ATTEMPT_COLUMNS = AttemptRow._fields


def csv_cells(row: TurnRow) -> Iterator[str]:
    """The row's CSV cells in the order of :data:`COLUMNS`; unknown is empty, money is a plain decimal."""
    for value in row:
        if value is None:
            yield ""
        elif isinstance(value, Decimal):
            yield format(value, "f")
        else:
            yield str(value)

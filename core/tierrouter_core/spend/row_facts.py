"""What a ledger row means to a report: questions that its columns answer."""

from datetime import datetime

import orjson

from tierrouter_core.names import Outcome, UsageSource
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.usage import Usage

PURPOSE_LABEL = "purpose"
REGRESSION_PURPOSE = "regression"


def is_regression(row: TurnRow) -> bool:
    """Whether a regression suite asked, and no one's work depended on the turn."""
    # Parsing JSON costs more than all else here, and hardly any row has this label.
    if REGRESSION_PURPOSE not in row.labels:
        return False
    try:
        labels = orjson.loads(row.labels)
    except orjson.JSONDecodeError:
        return False
    return isinstance(labels, dict) and labels.get(PURPOSE_LABEL) == REGRESSION_PURPOSE


def cost_is_unknown(row: TurnRow) -> bool:
    """Whether the turn cost something that nobody knows. A turn that used no tokens cost nothing."""
    # The usage is the last attempt's. Of several, one that was given up may be what has no price.
    used_some = row.usage_source != UsageSource.NONE and (row.attempts > 0 or row.outcome == Outcome.ANSWERED)
    return row.cost_usd is None and (used_some or row.attempts > 1)


def conversation(row: TurnRow) -> tuple[str, str]:
    """Whose prompt cache the turn reads: its session's and agent's."""
    return row.session, row.agent


def at_s(row: TurnRow) -> float:
    """The row's time in seconds since 1970."""
    return datetime.fromisoformat(row.time).timestamp()


def total_input(row: TurnRow) -> int:
    """Every input token, cached or not."""
    return row.input_tokens + row.cache_read_tokens + row.cache_write_tokens + row.cache_write_1h_tokens


def usage_of(row: TurnRow) -> Usage:
    """The row's tokens."""
    return Usage(
        input_uncached=row.input_tokens,
        cache_read=row.cache_read_tokens,
        cache_write_5m=row.cache_write_tokens,
        cache_write_1h=row.cache_write_1h_tokens,
        output=row.output_tokens,
        reasoning_output=row.reasoning_tokens,
        # A newer version may know more sources; what counts here is whether there was anything to count.
        source=UsageSource.NONE if row.usage_source == UsageSource.NONE else UsageSource.REPORTED,
    )

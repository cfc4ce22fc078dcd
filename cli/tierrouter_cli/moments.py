"""Points in time as options name them: ``24h`` ago, or a date or time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

FORMS: Final = "a span (90m, 24h, 7d, 2w) nor a date or time (2026-01-31, in UTC)"
_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SPAN_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """``24h`` ago, or a date or time; without a zone it is UTC. Raises ValueError for what is neither."""
    span = _SPAN.fullmatch(text.strip())
    try:
        if span is not None:
            return now - timedelta(**{_SPAN_UNITS[span[2]]: int(span[1])})
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None

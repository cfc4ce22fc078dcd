"""How long a provider wants to be left alone."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_BELIEVED_S = 3600.0
"""More than an hour is no pause but a broken clock or a quota."""

_GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s))+")
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_GO_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LONGEST_DELTA_S = 1e9
_LONGEST_EPOCH_S = 1e11
"""A bare number may be a time to wait, or a moment in seconds or in milliseconds of the epoch: they are far apart."""
_IN_TEXT = re.compile(r"(?:try again|retry) in ((?:\d+(?:\.\d+)?(?:ms|s|m|h))+)", re.IGNORECASE)


def parse_retry_after(headers: Mapping[str, str], now_s: float, *, text: str = "") -> float | None:
    """Seconds until the provider wants to be asked again, None where it doesn't say. Header names in any case.

    In this order: ``retry-after-ms``; ``retry-after`` in seconds or as a date; the resets of OpenAI (a duration),
    Anthropic (RFC 3339), OpenRouter (epoch in milliseconds) and others (seconds, or epoch in seconds), the latest of
    them that is still to come; ``try again in 1.5s`` or ``retry in 1.5s`` in ``text``,
    the error's message. ``now_s`` is the epoch's seconds. What is negative, no number or above an hour is no answer.
    """
    named = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(named.get("retry-after-ms"))
    for wait_s in (
        None if milliseconds is None else milliseconds / 1000,
        _number(named.get("retry-after")),
        _until(_http_date(named.get("retry-after")), now_s),
        _latest(_resets_s(named, now_s)),
        _duration_s(found.group(1)) if (found := _IN_TEXT.search(text)) else None,
    ):
        if _believable(wait_s):
            return wait_s
    return None


def _resets_s(named: Mapping[str, str], now_s: float) -> Iterable[float | None]:
    for name, value in named.items():
        if not (name.startswith(("x-ratelimit-reset", "anthropic-ratelimit-")) and "reset" in name):
            continue
        limit = name.replace("-reset", "-remaining")
        if (_number(named.get(limit)) or 0) > 0:
            # Not the limit that was hit.
            continue
        if name.startswith("anthropic-"):
            yield _until(_rfc3339(value), now_s)
        elif (number := _number(value)) is not None:
            yield _bare_s(number, now_s)
        else:
            yield _duration_s(value)


def _believable(wait_s: float | None) -> bool:
    return wait_s is not None and 0 <= wait_s <= LONGEST_BELIEVED_S


def _latest(waits_s: Iterable[float | None]) -> float | None:
    # A limit that has been reset already is not the one that was hit.
    return max((wait_s for wait_s in waits_s if wait_s and _believable(wait_s)), default=None)


def _bare_s(number: float, now_s: float) -> float:
    if number < _LONGEST_DELTA_S:
        return number
    return max(0.0, (number if number < _LONGEST_EPOCH_S else number / 1000) - now_s)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration_s(value: str) -> float | None:
    """Go's way of writing durations: ``6m0s``, ``20ms``."""
    if not _GO_DURATION.fullmatch(value):
        return None
    return sum(float(number) * _GO_UNIT_S[unit] for number, unit in _GO_PART.findall(value))


def _until(moment: datetime | None, now_s: float) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_s)


def _http_date(value: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(value) if value else None
    except (ValueError, OverflowError, IndexError):
        return None


def _rfc3339(value: str) -> datetime | None:
    """Anthropic's moments; those of its unified limits are seconds of the epoch instead."""
    try:
        if value.isdigit():
            return datetime.fromtimestamp(int(value), UTC)
        return datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None

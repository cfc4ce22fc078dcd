"""When a second tier is asked beside the first."""

from collections.abc import Collection

MOST_REMEMBERED = 100
FEWEST_KNOWN = 20
"""With fewer, a 95th percentile is one or two turns."""
_LATE = 0.95
_SOONEST_S = 0.1
"""Below this nobody waits, and a hedge would only cost."""


def late_after_s(took_s: Collection[float]) -> float | None:
    """The 95th percentile of times to the first token, in seconds; None while fewer than 20 are known."""
    if len(took_s) < FEWEST_KNOWN:
        return None
    ordered = sorted(took_s)
    return max(_SOONEST_S, ordered[min(len(ordered) - 1, int(len(ordered) * _LATE))])

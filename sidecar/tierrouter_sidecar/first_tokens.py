"""How long providers' models took to their first tokens: what a hedge goes by."""

from collections import deque

from tierrouter_core.failover.hedge import MOST_REMEMBERED, late_after_s
from tierrouter_core.routing.targets import Target


class FirstTokens:
    """The last times of each provider's model, in seconds from asking to the first token of a stream."""

    def __init__(self) -> None:
        self._took_s: dict[tuple[str, str], deque[float]] = {}

    def add(self, target: Target, took_s: float) -> None:
        """One more."""
        self._took_s.setdefault(target.key, deque(maxlen=MOST_REMEMBERED)).append(took_s)

    def late_after_s(self, target: Target) -> float | None:
        """When a first token is late; None while too few are known."""
        return late_after_s(self._took_s.get(target.key, ()))

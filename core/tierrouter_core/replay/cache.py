"""The prompt caches of one conversation, a cache for each model that it has been at.

Every model remembers how long the conversation was when it saw it last, and when that was. What it reads from its
cache, and when it has forgotten, is the rule by which the ledger's baseline is simulated too.
"""

from typing import NamedTuple

from tierrouter_core.replay.tariff import Tariff
from tierrouter_core.spend.baseline import readable_tokens


class Seat(NamedTuple):
    """Who serves under a tier's name: a model, its price, its cache."""

    tier: str
    model: str
    """The user's name for it."""
    place: str
    """Provider and model: two tiers of one place share its cache."""
    tariff: Tariff | None
    """None where no price is known."""
    ttl_ms: int = 300_000
    min_tokens: int = 1024
    expensive: bool = False


class PromptCaches:
    """One agent's conversation as the models have it cached."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def readable(self, seat: Seat, context_tokens: int, at_s: float) -> int:
        """How many tokens of the context ``seat`` would read from its cache now."""
        last = self._seen.get(seat.place)
        if last is None:
            return 0
        return readable_tokens(last[0], at_s - last[1], context_tokens, seat.ttl_ms, seat.min_tokens)

    def read(self, seat: Seat, context_tokens: int, at_s: float) -> int:
        """The same, and ``seat`` has seen the context then."""
        place = seat.place
        last = self._seen.get(place)
        if last is None:
            self._seen[place] = (context_tokens, at_s)
            return 0
        last_tokens, last_s = last
        # Calls of one agent may overlap; a cache lives from its latest use.
        self._seen[place] = (context_tokens, at_s if at_s > last_s else last_s)
        return readable_tokens(last_tokens, at_s - last_s, context_tokens, seat.ttl_ms, seat.min_tokens)

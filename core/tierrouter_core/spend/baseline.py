"""What a turn would have cost on one model for everything: the baseline that savings are measured against.

A baseline priced as if nothing were ever cached overstates savings several times over, because coding agents read
about 95 % of their input from the provider's prompt cache. So the baseline gets a prompt cache of its own: for each
conversation it remembers how long the context was last time and when. A turn whose context still begins with that
one reads it from the cache; the rest is paid in full, or at the rate for cache writes where the model has one.

Time is passed in; nothing here knows a clock.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tierrouter_core.names import UsageSource
from tierrouter_core.spend.price import Price
from tierrouter_core.spend.usage import Usage
from tierrouter_core.value_class import value_class

MAX_CONVERSATIONS = 10_000
"""How many conversations a :class:`BaselineState` remembers before it forgets the one that was idle longest."""

_MOST_SHRINKAGE_PERCENT = 102
"""A context that was more than 2 % longer last time has been rewritten (compacted), so its cache does not match."""


class BaselineModel(Protocol):
    """What is needed of a baseline; ``tierrouter_core.document.model.Baseline`` and :class:`BaselineFacts` have it."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def price(self) -> Price | None:
        """What it costs, or None where no price is known."""

    @property
    def cache_ttl_ms(self) -> int:
        """How long its prompt cache keeps a prefix that nobody reads."""

    @property
    def cache_min_tokens(self) -> int:
        """The shortest prefix that it caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFacts:
    """A baseline as the ledger remembers it."""

    model: str
    price: Price | None
    cache_ttl_ms: int = 300_000
    cache_min_tokens: int = 1024


@value_class
class BaselineTurn:
    """One turn as the baseline would have served it."""

    usage: Usage
    """The turn's tokens, divided as the simulated cache divides them."""
    cost_usd: Decimal | None
    """None where the baseline has no known price."""


@value_class
class _Cached:
    """What the baseline's cache holds of one conversation."""

    context_tokens: int
    at_s: float


class BaselineState:
    """The simulated prompt caches of all conversations. Bounded: the conversation idle for longest is forgotten."""

    __slots__ = ("_cached", "_max_conversations")

    def __init__(self, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._cached: OrderedDict[Hashable, _Cached] = OrderedDict()
        self._max_conversations = max_conversations

    def __len__(self) -> int:
        """How many conversations are remembered."""
        return len(self._cached)

    def price_turn(self, key: tuple[str, str], at_s: float, usage: Usage, baseline: BaselineModel) -> Decimal | None:
        """What an answered turn would have cost on ``baseline``, in USD, and remember it for the next one.

        Call it for answered turns only: what failed here says nothing about the baseline. ``key`` is (session, agent),
        ``at_s`` the turn's time in seconds on any clock that all calls share. None: no price is known, or nothing is
        known of what the turn used.
        """
        return self.simulate(key, at_s, usage, baseline).cost_usd

    def simulate(self, key: tuple[str, str], at_s: float, usage: Usage, baseline: BaselineModel) -> BaselineTurn:
        """As :meth:`price_turn`, with the tokens that the price is made of."""
        if usage.source is UsageSource.NONE:
            return BaselineTurn(usage, None)
        context = usage.total_input
        # Another baseline has another cache, though the conversation is the same.
        place = (key, baseline.model)
        last = self._cached.get(place)
        divided = _divide(usage, _readable(last, context, at_s, baseline), baseline)
        # Turns of one conversation may end out of order; the cache lives from its latest use.
        used_at_s = at_s if last is None else max(at_s, last.at_s)
        self._cached[place] = _Cached(context, used_at_s)
        self._cached.move_to_end(place)
        if len(self._cached) > self._max_conversations:
            self._cached.popitem(last=False)
        return BaselineTurn(divided, None if baseline.price is None else baseline.price.cost(divided))


def readable_tokens(last_tokens: int, idle_s: float, context_tokens: int, ttl_ms: int, min_tokens: int) -> int:
    """How many tokens of a context a prompt cache still holds: the one rule of every simulated cache.

    Args:
        last_tokens: how long the conversation was when the model saw it last.
        idle_s: seconds since then.
        context_tokens: how long it is now.
        ttl_ms: how long the cache keeps a prefix that nobody reads, in milliseconds.
        min_tokens: the shortest prefix that it keeps.
    """
    if idle_s * 1000 > ttl_ms or last_tokens * 100 > context_tokens * _MOST_SHRINKAGE_PERCENT:
        return 0
    shared = last_tokens if last_tokens < context_tokens else context_tokens
    return shared if shared >= min_tokens else 0


def _readable(last: _Cached | None, context: int, at_s: float, baseline: BaselineModel) -> int:
    """How many tokens of ``context`` the cache still holds."""
    if last is None:
        return 0
    idle_s = at_s - last.at_s
    return readable_tokens(last.context_tokens, idle_s, context, baseline.cache_ttl_ms, baseline.cache_min_tokens)


def _divide(usage: Usage, read: int, baseline: BaselineModel) -> Usage:
    """The same tokens with ``read`` of them from the cache; the rest is written to it if it is long enough."""
    context = usage.total_input
    written = context - read if context >= baseline.cache_min_tokens else 0
    return Usage(
        input_uncached=context - read - written,
        cache_read=read,
        # A model without a rate for cache writes charges them as any other input (Rates.cost).
        cache_write_5m=written,
        output=usage.output,
        reasoning_output=usage.reasoning_output,
        source=usage.source,
        complete=usage.complete,
    )

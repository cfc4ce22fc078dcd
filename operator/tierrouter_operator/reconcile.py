"""What routers and ModelProviders need: looked at, priced and planned."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Final

from tierrouter_core.spend.price import Price
from tierrouter_operator.converging import Converger
from tierrouter_operator.execute import Executor
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.observe import (
    Fingerprint,
    fingerprint,
    observe_provider,
    observe_router,
    unread_secrets,
)
from tierrouter_operator.planning.kinds import PROVIDER, ROUTER, Key, Obj
from tierrouter_operator.planning.model_server_state import Said
from tierrouter_operator.planning.observed import Observed, ObservedProvider, Refusal
from tierrouter_operator.planning.plan import RouterPlanner
from tierrouter_operator.planning.provider import plan_provider
from tierrouter_operator.planning.sidecars import NOTHING_SEEN, Fleet
from tierrouter_operator.planning.writes import Plan
from tierrouter_operator.store import Store
from tierrouter_prices.lookup import Wanted, lookup_prices

log = logging.getLogger("tierrouter.operator")

_ROUNDS: Final = 8
"""Plans in a row for one key; a converging one needs two."""
_PRICES_KEPT: Final = 4096


class PriceBook:
    """Prices of the day, looked up once: the look-up starts a process."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._known: dict[Wanted, Price | None] = {}
        self._lock = asyncio.Lock()

    async def prices(self, wanted: tuple[Wanted, ...]) -> Mapping[Wanted, Price]:
        """What is known of these."""
        async with self._lock:
            today = datetime.now(UTC).date()
            if today != self._day or len(self._known) > _PRICES_KEPT:
                self._day, self._known = today, {}
            missing = tuple(each for each in wanted if each not in self._known)
            if missing:
                found = await asyncio.to_thread(lookup_prices, missing, None, log.warning)
                self._known |= {each: found.get(each) for each in missing}
            return {each: price for each in wanted if (price := self._known[each]) is not None}


class Reconciler(Converger[Observed | ObservedProvider, Fingerprint]):
    """Brings one router, or one ModelProvider's status, to what it should be."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        metrics: Metrics,
        fleet_of: Callable[[Key], Fleet] = lambda _: NOTHING_SEEN,
        said_of: Callable[[Key, Obj], Said | None] = lambda *_: None,
    ) -> None:
        """``fleet_of``: what was seen of a router's pods; ``said_of``: how far its model server is."""
        super().__init__(executor, metrics, rounds=_ROUNDS, workers=8)
        self._store = store
        self._fleet_of = fleet_of
        self._said_of = said_of
        self._prices = PriceBook()

    async def _look(self, key: Key) -> Observed | ObservedProvider | None:
        for secret in unread_secrets(self._store, key):
            await self._executor.refresh(secret)
        if key.kind is ROUTER:
            return self._observe_router(key)
        assert key.kind is PROVIDER
        return observe_provider(self._store, key, _now())

    def _state_of(self, seen: Observed | ObservedProvider) -> Fingerprint:
        return fingerprint(seen)

    async def _plan(self, seen: Observed | ObservedProvider) -> Plan:
        if isinstance(seen, ObservedProvider):
            return plan_provider(seen)
        planner = RouterPlanner(seen)
        wanted = planner.wanted_prices()
        prices = await self._prices.prices(wanted) if wanted else {}
        return planner.plan(lambda *asked: prices.get(asked))

    def _plan_saying(self, key: Key, refusal: Refusal) -> Plan | None:
        observed = self._observe_router(key, refusal) if key.kind is ROUTER else None
        return None if observed is None else RouterPlanner(observed).plan(lambda *asked: None)

    def _observe_router(self, key: Key, refused: Refusal | None = None) -> Observed | None:
        router = self._store.get(key)
        said = None if router is None else self._said_of(key, router)
        return observe_router(self._store, key, _now(), refused, self._fleet_of(key), said)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

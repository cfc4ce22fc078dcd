"""One step for one key: look, plan, do, until there is nothing left to do."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Final

from tierrouter_core.spend.price import Price
from tierrouter_operator.attempts import attempt
from tierrouter_operator.execute import Executor, NamespaceEnds, Superseded, WriteRefused
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
from tierrouter_operator.queue import Again, WorkQueue
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


class Reconciler:
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
        self._store = store
        self._fleet_of = fleet_of
        self._said_of = said_of
        self._executor = executor
        self._metrics = metrics
        self._prices = PriceBook()
        self._settled: dict[Key, Fingerprint] = {}
        """The state in which there was nothing to do."""
        self.queue: WorkQueue[Key] = WorkQueue(self._work, workers=8)

    async def _work(self, key: Key) -> None:
        await attempt(key, self._reconcile, self._metrics)

    async def _reconcile(self, key: Key) -> str:
        wrote = False
        for _ in range(_ROUNDS):
            for secret in unread_secrets(self._store, key):
                await self._executor.refresh(secret)
            observed = self._observe(key)
            if observed is None:
                self._settled.pop(key, None)
                return "gone"
            state = fingerprint(observed)
            if self._settled.get(key) == state:
                return "changed" if wrote else "unchanged"
            plan = await self._plan(observed)
            if plan.look_again_after_s is not None:
                self.queue.add_after(key, plan.look_again_after_s)
            if not plan.writes:
                # What depends on the time is looked at again, though nothing may have changed.
                if plan.look_again_after_s is None:
                    self._settled[key] = state
                return "changed" if wrote else "unchanged"
            wrote = True
            self._settled.pop(key, None)
            try:
                await self._executor.execute(plan)
            except Superseded:
                continue
            except NamespaceEnds:
                return "gone"
            except WriteRefused as error:
                await self._say(key, error.refusal)
                raise
        log.info("%s: still something to do after %d plans; going on later", key, _ROUNDS)
        raise Again

    def _observe(self, key: Key) -> Observed | ObservedProvider | None:
        now = datetime.now(UTC).replace(microsecond=0)
        if key.kind is ROUTER:
            return self._observe_router(key, now)
        assert key.kind is PROVIDER
        return observe_provider(self._store, key, now)

    def _observe_router(self, key: Key, now: datetime, refused: Refusal | None = None) -> Observed | None:
        router = self._store.get(key)
        said = None if router is None else self._said_of(key, router)
        return observe_router(self._store, key, now, refused, self._fleet_of(key), said)

    async def _plan(self, observed: Observed | ObservedProvider) -> Plan:
        if isinstance(observed, ObservedProvider):
            return plan_provider(observed)
        planner = RouterPlanner(observed)
        wanted = planner.wanted_prices()
        prices = await self._prices.prices(wanted) if wanted else {}
        return planner.plan(lambda *asked: prices.get(asked))

    async def _say(self, key: Key, refusal: Refusal) -> None:
        """Put into the status that a write was refused; where that is refused too, only the log says it."""
        log.warning("%s: the API server refuses %s: %s", key, refusal.what, refusal.message)
        if key.kind is not ROUTER:
            return
        observed = self._observe_router(key, datetime.now(UTC).replace(microsecond=0), refusal)
        if observed is None:
            return
        try:
            await self._executor.execute(RouterPlanner(observed).plan(lambda *asked: None))
        except (Superseded, NamespaceEnds, WriteRefused) as error:
            log.info("%s: its status can't say so: %s", key, error)

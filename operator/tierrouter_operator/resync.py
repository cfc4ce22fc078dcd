"""Every half minute, everything is compared with the API server: what a watch missed is found, and so is an outage."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError, NotFoundError, RefusedError
from tierrouter_operator.execute import Executor
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import PROVIDER, ROUTER, RUN, SUITE, Key, Kind
from tierrouter_operator.store import Store, version_of
from tierrouter_operator.watches import LABELLED, WATCHED

log = logging.getLogger("tierrouter.operator")

INTERVAL_S: Final = 30.0
_AFTER_A_FAILURE_S: Final = 5.0


class Resync:
    """Attempts at regular times; what came of the last ones is what health is judged by."""

    def __init__(
        self,
        client: Client,
        store: Store,
        executor: Executor,
        enqueue: Callable[[Key], None],
        metrics: Metrics,
        namespaces: Collection[str],
        interval_s: float = INTERVAL_S,
    ) -> None:
        """``namespaces`` is empty for all."""
        self._client = client
        self._store = store
        self._executor = executor
        self._enqueue = enqueue
        self._metrics = metrics
        self._namespaces = tuple(namespaces) or ("",)
        self.interval_s = interval_s
        self.attempted_at: float = time.monotonic()
        """On the monotonic clock, as all here."""
        self.succeeded_at: float | None = None
        self.first_look = asyncio.Event()
        """Set when everything was seen once."""
        self.problem = "the first look at the cluster is not complete"
        """Why the operator is not ready; empty when it is."""

    async def run(self) -> None:
        """Resync until cancelled."""
        while True:
            is_good = await self.attempt()
            await asyncio.sleep(self.interval_s if is_good else min(self.interval_s, _AFTER_A_FAILURE_S))

    async def attempt(self) -> bool:
        """One resync; whether it succeeded."""
        self.attempted_at = time.monotonic()
        self._metrics.last_resync_attempt.set_to_current_time()
        try:
            for kind in WATCHED:
                for namespace in self._namespaces:
                    await self._compare(kind, namespace)
            for stranger in tuple(self._store.strangers):
                await self._executor.refresh(stranger)
        except ApiError as error:
            problem = _explained(error)
            if problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem
            self._metrics.api_reachable.set(0)
            return False
        if self.problem:
            log.info("in touch with the API server; %d objects", len(self._store))
        self.problem = ""
        self.succeeded_at = time.monotonic()
        self.first_look.set()
        self._metrics.api_reachable.set(1)
        self._metrics.last_resync_success.set_to_current_time()
        for kind in (ROUTER, PROVIDER, SUITE, RUN):
            for key in self._store.keys(kind):
                self._enqueue(key)
        return True

    async def _compare(self, kind: Kind, namespace: str) -> None:
        """Take in what is there and not known, and drop what is known and not there."""
        before = {key for key in self._store.keys(kind) if not namespace or key.namespace == namespace}
        there: dict[Key, int] = {}
        # At first all that there is, afterwards only what tells whether anything is new.
        is_first = self.succeeded_at is None
        async for item in self._client.list(
            kind.path(namespace), labels=LABELLED.get(kind, ""), metadata_only=not is_first
        ):
            metadata = item["metadata"]
            key = Key(kind, metadata["namespace"], metadata["name"])
            there[key] = version_of(item)
            if is_first:
                self._store.put(key, item)
        missed = 0
        for key, version in there.items():
            known = self._store.get(key)
            if known is None or version_of(known) < version:
                await self._executor.refresh(key)
                missed += 1
        # Only what was known before the list was made can be missing from it.
        for key in before - there.keys() - self._store.strangers:
            await self._executor.refresh(key)
            missed += self._store.get(key) is None
        if missed and not is_first:
            log.info("%d changes of %s were found that no watch had told of", missed, kind.plural)
            self._metrics.missed.inc(missed)


def _explained(error: ApiError) -> str:
    if isinstance(error, NotFoundError):
        return f"the API server does not know our kinds; apply crds/*.yaml first ({error})"
    if isinstance(error, RefusedError):
        return f"the operator lacks rights that it needs; apply manifests/rbac.yaml ({error})"
    return f"the API server can't be reached: {error}"

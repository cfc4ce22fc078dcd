"""Brings the metrics of routers and suites up to date, from what the store and the census have."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import ROUTER, RUN, SUITE, Key
from tierrouter_operator.planning.measured import Sample, happened, router_samples, suite_samples
from tierrouter_operator.planning.references import router_of, suite_of
from tierrouter_operator.planning.sidecars import Fleet
from tierrouter_operator.planning.writes import Apply, ApplyStatus, Create, MergeStatus, Replace, Write
from tierrouter_operator.store import Store

_REMEMBERED: Final = 10_000
"""Runs and trials that were counted, so that writing one again counts nothing."""


class Measure:
    """Looks when somebody asks, and counts as things are written."""

    def __init__(
        self, store: Store, metrics: Metrics, fleet_of: Callable[[Key], Fleet], began: datetime | None = None
    ) -> None:
        """``began``: what was over before is not counted; now, where none is given."""
        self._store = store
        self._metrics = metrics
        self._fleet_of = fleet_of
        self._began = (began or datetime.now(UTC)).replace(microsecond=0)
        self._counted: dict[str, None] = {}

    def refresh(self) -> None:
        """Every gauge as things stand; what is gone has none."""
        now, samples = datetime.now(UTC), list[Sample]()
        routers = set(self._store.keys(ROUTER))
        for key in routers:
            samples += router_samples(self._store.get(key) or {}, self._fleet_of(key))
        for key in self._store.keys(SUITE):
            runs = self._store.in_namespace(RUN, key.namespace).values()
            samples += suite_samples(
                self._store.get(key) or {}, [run for run in runs if suite_of(run) == key.name], now
            )
        self._metrics.show(samples)
        self._metrics.keep_routers({(key.namespace, key.name) for key in routers})

    def wrote(self, write: Write) -> None:
        """Count what is over by it. What was over before this process began was counted by the one before."""
        if not isinstance(write, Apply | ApplyStatus | Create | MergeStatus | Replace):
            return
        found = happened(write.body)
        if found is None or found.at < self._began or found.about in self._counted:
            return
        self._counted[found.about] = None
        while len(self._counted) > _REMEMBERED:
            self._counted.pop(next(iter(self._counted)))
        namespace, router = write.body["metadata"]["namespace"], router_of(write.body)
        if not router:
            suite = self._store.get(Key(SUITE, namespace, self._suite(namespace, write.body["metadata"]["name"])))
            router = router_of(suite or {})
        self._metrics.happened(found.metric, namespace, router, found.label)

    def _suite(self, namespace: str, run: str) -> str:
        return suite_of(self._store.get(Key(RUN, namespace, run)) or {})

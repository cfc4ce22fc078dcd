"""What suites need: their runs brought on, step by step.

Beside the routers', with a queue of its own: a suite that has much to do keeps no router waiting.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from tierrouter_operator.client import Client
from tierrouter_operator.converging import Converger
from tierrouter_operator.errors import RefusedError
from tierrouter_operator.execute import Executor
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import POD, Key, Obj
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.run_decision import Decide, DecideByCore
from tierrouter_operator.planning.suite_observed import JobSettings, ObservedSuite
from tierrouter_operator.planning.suite_plan import plan_suite
from tierrouter_operator.planning.writes import Plan
from tierrouter_operator.runs_observe import SuiteFingerprint, lost_jobs, observe_suite, suite_fingerprint
from tierrouter_operator.store import Store

log = logging.getLogger("tierrouter.operator")

_JOB_LABEL: Final = "batch.kubernetes.io/job-name"
_ROUNDS: Final = 12
"""Plans in a row for one suite; from the last result to the decision it takes four."""


PodsOf = Callable[[str, str], Awaitable[tuple[Obj, ...]]]
"""The pods of a Job, by its namespace and name."""


async def _nobodys(namespace: str, job: str) -> tuple[Obj, ...]:
    return ()


def asking(client: Client) -> PodsOf:
    """Lists pods by the label that the Job controller gives them; without the right to do so, there are none."""

    async def pods_of(namespace: str, job: str) -> tuple[Obj, ...]:
        try:
            return tuple([pod async for pod in client.list(POD.path(namespace), labels=f"{_JOB_LABEL}={job}")])
        except RefusedError as error:
            log.warning("what the pods of Job %s/%s were lost to can't be asked: %s", namespace, job, error)
            return ()

    return pods_of


class SuiteReconciler(Converger[ObservedSuite, SuiteFingerprint]):
    """Brings a suite's runs on."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        metrics: Metrics,
        settings: JobSettings,
        decide: Decide | None = None,
        pods_of: PodsOf | None = None,
    ) -> None:
        """``decide``: what follows from a run; the core's own where none is given. ``pods_of``: None to ask nobody."""
        super().__init__(executor, metrics, rounds=_ROUNDS, workers=2)
        self._store = store
        self._settings = settings
        self._decide: Decide = decide or DecideByCore()
        self._pods_of: PodsOf = pods_of or _nobodys

    async def _look(self, key: Key) -> ObservedSuite | None:
        seen = self._observe(key)
        if seen is None:
            return None
        # Pods are not watched; those of a Job that failed for them are looked at once, before that is said for good.
        pods = {job: await self._pods_of(seen.namespace, job) for job in lost_jobs(seen)}
        return replace(seen, lost_pods=pods)

    def _state_of(self, seen: ObservedSuite) -> SuiteFingerprint:
        return suite_fingerprint(seen)

    async def _plan(self, seen: ObservedSuite) -> Plan:
        return plan_suite(seen, self._decide)

    def _plan_saying(self, key: Key, refusal: Refusal) -> Plan | None:
        seen = self._observe(key, refusal)
        return None if seen is None else plan_suite(seen, self._decide)

    def _observe(self, key: Key, refused: Refusal | None = None) -> ObservedSuite | None:
        now = datetime.now(UTC).replace(microsecond=0)
        return observe_suite(self._store, key, now, self._settings, refused)

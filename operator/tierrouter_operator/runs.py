"""One step for one suite: look, plan, do, until there is nothing left to do.

Beside the routers', with a queue of its own: a suite that has much to do keeps no router waiting.
"""

import logging
from datetime import UTC, datetime
from typing import Final

from tierrouter_operator.attempts import attempt
from tierrouter_operator.execute import Executor, NamespaceEnds, Superseded, WriteRefused
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import Key
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.run_decision import Decide, DecideByCore
from tierrouter_operator.planning.suite_observed import JobSettings, ObservedSuite
from tierrouter_operator.planning.suite_plan import plan_suite
from tierrouter_operator.queue import Again, WorkQueue
from tierrouter_operator.runs_observe import SuiteFingerprint, observe_suite, suite_fingerprint
from tierrouter_operator.store import Store

log = logging.getLogger("tierrouter.operator")

_ROUNDS: Final = 12
"""Plans in a row for one suite; from the last result to the decision it takes four."""


class SuiteReconciler:
    """Brings a suite's runs on."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        metrics: Metrics,
        settings: JobSettings,
        decide: Decide | None = None,
    ) -> None:
        """``decide``: what follows from a run; the core's own where none is given."""
        self._store = store
        self._executor = executor
        self._metrics = metrics
        self._settings = settings
        self._decide: Decide = decide or DecideByCore()
        self._settled: dict[Key, SuiteFingerprint] = {}
        """The state in which there was nothing to do, and nothing that depends on the time."""
        self.queue: WorkQueue[Key] = WorkQueue(self._work, workers=2)

    async def _work(self, key: Key) -> None:
        await attempt(key, self._reconcile, self._metrics)

    async def _reconcile(self, key: Key) -> str:
        wrote = False
        for _ in range(_ROUNDS):
            seen = self._observe(key)
            if seen is None:
                self._settled.pop(key, None)
                return "gone"
            state = suite_fingerprint(seen)
            if self._settled.get(key) == state:
                return "changed" if wrote else "unchanged"
            plan = plan_suite(seen, self._decide)
            if plan.look_again_after_s is not None:
                self.queue.add_after(key, plan.look_again_after_s)
            if not plan.writes:
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

    def _observe(self, key: Key, refused: Refusal | None = None) -> ObservedSuite | None:
        now = datetime.now(UTC).replace(microsecond=0)
        return observe_suite(self._store, key, now, self._settings, refused)

    async def _say(self, key: Key, refusal: Refusal) -> None:
        """Put into the statuses that a write was refused; where that is refused too, only the log says it."""
        log.warning("%s: the API server refuses %s: %s", key, refusal.what, refusal.message)
        seen = self._observe(key, refusal)
        if seen is None:
            return
        try:
            await self._executor.execute(plan_suite(seen, self._decide))
        except (Superseded, NamespaceEnds, WriteRefused) as error:
            log.info("%s: its status can't say so: %s", key, error)

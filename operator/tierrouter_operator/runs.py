"""What suites need: their runs brought on, step by step.

Beside the routers', with a queue of its own: a suite that has much to do keeps no router waiting.
"""

from datetime import UTC, datetime
from typing import Final

from tierrouter_operator.converging import Converger
from tierrouter_operator.execute import Executor
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import Key
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.run_decision import Decide, DecideByCore
from tierrouter_operator.planning.suite_observed import JobSettings, ObservedSuite
from tierrouter_operator.planning.suite_plan import plan_suite
from tierrouter_operator.planning.writes import Plan
from tierrouter_operator.runs_observe import SuiteFingerprint, observe_suite, suite_fingerprint
from tierrouter_operator.store import Store

_ROUNDS: Final = 12
"""Plans in a row for one suite; from the last result to the decision it takes four."""


class SuiteReconciler(Converger[ObservedSuite, SuiteFingerprint]):
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
        super().__init__(executor, metrics, rounds=_ROUNDS, workers=2)
        self._store = store
        self._settings = settings
        self._decide: Decide = decide or DecideByCore()

    async def _look(self, key: Key) -> ObservedSuite | None:
        return self._observe(key)

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

"""While a canary lasts: asks every sidecar of its router what it has counted, every ten seconds, and Prometheus.

What was counted is kept here between looks and in the active ConfigMap at each look, so an operator that starts anew
goes on from there. A sidecar that serves an earlier bundle is told again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from tierrouter_core.contract import CANARY_REVISION, ROLLOUT, active_name
from tierrouter_core.rollout.arms import Arms
from tierrouter_operator.errors import ApiError
from tierrouter_operator.planning.children import annotation, is_ours
from tierrouter_operator.planning.kinds import CONFIG_MAP, ROUTER, Key
from tierrouter_operator.planning.rollout import Rollout, Stage, age_s, rollout_from
from tierrouter_operator.planning.rollout_analysis import core_analysis
from tierrouter_operator.planning.rollout_verdict import Analysis
from tierrouter_operator.planning.sidecars import Counted
from tierrouter_operator.planning.trial import COUNT_EVERY_S
from tierrouter_operator.sidecars import Sidecars
from tierrouter_operator.store import Store

log = logging.getLogger("tierrouter.operator")

_LOOKED_AT_ONCE: Final = 8
_PART_OF_AGE: Final = 0.01
"""Prometheus reads all samples since the canary began each time: the longer that is, the less often it is asked."""
_SELDOM_S: Final = 300.0

AskPrometheus = Callable[[Key, str, float], Awaitable[Arms | str]]
"""What Prometheus counts of a router's trial of this age in seconds; or why that can't be used."""


class Trials:
    """Keeps what was counted of every router's canary."""

    def __init__(
        self,
        store: Store,
        sidecars: Sidecars,
        changed: Callable[[Key], None],
        every_s: float = COUNT_EVERY_S,
        analysis: Analysis | None = None,
        prometheus: AskPrometheus | None = None,
    ) -> None:
        """``changed`` is told of every router of whose canary sidecars were asked; ``prometheus``: None for none."""
        self._store = store
        self._sidecars = sidecars
        self._changed = changed
        self._every_s = every_s
        self._analysis = analysis or core_analysis()
        self._prometheus = prometheus
        self._counted: dict[Key, Counted] = {}
        self._asked_s: dict[str, float] = {}
        """By trial: when Prometheus was asked."""
        self._limit = asyncio.Semaphore(_LOOKED_AT_ONCE)
        self._problem = ""

    def of(self, key: Key) -> Counted | None:
        """What was counted of a router's canary; None where nobody was asked yet."""
        return self._counted.get(key)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Ask the sidecars of every router that has a canary, once."""
        tried = {key: rollout for key in self._store.keys(ROUTER) if (rollout := self._tried(key)) is not None}
        for key in self._counted.keys() - tried.keys():
            del self._counted[key]
        trials = {rollout.trial for rollout in tried.values()}
        self._asked_s = {trial: asked_s for trial, asked_s in self._asked_s.items() if trial in trials}
        await asyncio.gather(*(self._ask(key, rollout) for key, rollout in tried.items()))

    def _tried(self, key: Key) -> Rollout | None:
        router = self._store.get(key)
        active = self._store.get(Key(CONFIG_MAP, key.namespace, active_name(key.name)))
        if router is None or active is None or not annotation(active, CANARY_REVISION) or not is_ours(active, router):
            return None
        rollout = rollout_from(annotation(active, ROLLOUT))
        return rollout if rollout is not None and rollout.stage is Stage.CANARY else None

    async def _ask(self, key: Key, rollout: Rollout) -> None:
        try:
            async with self._limit:
                pods = await self._sidecars.pods(key)
                answers = await asyncio.gather(*(self._sidecars.status_of(pod) for pod in pods))
                seen = await self._of_prometheus(key, rollout)
        except ApiError as error:
            if str(error) != self._problem:
                log.warning("%s: what its canary does can't be asked: %s", key, error)
            self._problem = str(error)
            return
        self._problem = ""
        said: dict[str, Any] = {pod["metadata"]["uid"]: answer for pod, answer in zip(pods, answers, strict=True)}
        known = self._counted.get(key)
        before = known.counts if known is not None and known.trial == rollout.trial else None
        if before is None:
            before = self._analysis.gathered(rollout.counted)
        counts = self._analysis.after_look(before, said, said.keys(), rollout.trial)
        if seen is not None:
            counts = self._analysis.after_answer(counts, seen, time.monotonic())
        problem = None if self._prometheus is None else self._analysis.problem_of(counts)
        self._counted[key] = Counted(rollout.trial, counts, problem)
        self._changed(key)
        behind = [
            pod
            for pod, answer in zip(pods, answers, strict=True)
            if answer is not None and answer.get("canary") != rollout.revision
        ]
        await self._sidecars.poke(behind)

    async def _of_prometheus(self, key: Key, rollout: Rollout) -> Arms | str | None:
        """What Prometheus says; None where it is not asked, or was asked a moment ago."""
        if self._prometheus is None:
            return None
        age, now_s = age_s(rollout, datetime.now(UTC)), time.monotonic()
        asked_s = self._asked_s.get(rollout.trial)
        if asked_s is not None and now_s - asked_s < min(_PART_OF_AGE * age, _SELDOM_S):
            return None
        self._asked_s[rollout.trial] = now_s
        return await self._prometheus(key, rollout.trial, age)

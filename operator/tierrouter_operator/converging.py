"""One step for one key: look, plan, do, until there is nothing left to do; and what may go wrong with that."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from tierrouter_core.errors import TierRouterError
from tierrouter_operator.errors import ApiError, UnavailableError
from tierrouter_operator.execute import Executor, NamespaceEnds, Superseded, WriteRefused
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import Key
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.writes import Plan
from tierrouter_operator.queue import Again, WorkQueue

log = logging.getLogger("tierrouter.operator")

Seen = TypeVar("Seen")
State = TypeVar("State", bound=Hashable)


class Converger(ABC, Generic[Seen, State]):
    """Brings the objects of its keys to what they should be, with a queue of its own."""

    def __init__(self, executor: Executor, metrics: Metrics, *, rounds: int, workers: int) -> None:
        """``rounds``: plans in a row for one key."""
        self._executor = executor
        self._metrics = metrics
        self._rounds = rounds
        self._settled: dict[Key, State] = {}
        """The state in which there was nothing to do, and nothing that depends on the time."""
        self.queue: WorkQueue[Key] = WorkQueue(self._work, workers=workers)

    @abstractmethod
    async def _look(self, key: Key) -> Seen | None:
        """What there is; None where the object is gone."""

    @abstractmethod
    def _state_of(self, seen: Seen) -> State:
        """What a plan depends on, but for the time."""

    @abstractmethod
    async def _plan(self, seen: Seen) -> Plan:
        """What to do."""

    @abstractmethod
    def _plan_saying(self, key: Key, refusal: Refusal) -> Plan | None:
        """What puts into the status that a write was refused; None where no status says such things."""

    async def _work(self, key: Key) -> None:
        await attempt(key, self._converge, self._metrics)

    async def _converge(self, key: Key) -> str:
        wrote = False
        for _ in range(self._rounds):
            seen = await self._look(key)
            if seen is None:
                self._settled.pop(key, None)
                return "gone"
            state = self._state_of(seen)
            if self._settled.get(key) == state:
                return "changed" if wrote else "unchanged"
            plan = await self._plan(seen)
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
        log.info("%s: still something to do after %d plans; going on later", key, self._rounds)
        raise Again

    async def _say(self, key: Key, refusal: Refusal) -> None:
        """Put into a status that a write was refused; where that is refused too, only the log says it."""
        log.warning("%s: the API server refuses %s: %s", key, refusal.what, refusal.message)
        plan = self._plan_saying(key, refusal)
        if plan is None:
            return
        try:
            await self._executor.execute(plan)
        except (Superseded, NamespaceEnds, WriteRefused) as error:
            log.info("%s: its status can't say so: %s", key, error)


async def attempt(key: Key, reconcile: Callable[[Key], Awaitable[str]], metrics: Metrics) -> None:
    """Reconcile the key; ``reconcile`` gives what came of it, as the metric calls it.

    Raises:
        Again: it has to be tried again.
    """
    began = time.perf_counter()
    result = "error"
    try:
        result = await reconcile(key)
    except UnavailableError as error:
        metrics.errors.labels("unavailable").inc()
        log.info("%s: %s; trying again", key, error)
        raise Again(error.retry_after_s) from None
    except ApiError as error:
        metrics.errors.labels("api").inc()
        log.warning("%s: %s; trying again", key, error)
        raise Again from None
    except WriteRefused:
        result = "refused"
        metrics.errors.labels("refused").inc()
        raise Again from None
    except TierRouterError as error:
        metrics.errors.labels("defect").inc()
        log.error("%s: %s; trying again", key, error)
        raise Again from None
    except (Again, asyncio.CancelledError):
        raise
    except Exception:
        # A defect of ours in one object must not end the work on all the others; the log has where it is.
        metrics.errors.labels("defect").inc()
        log.exception("%s: this is a defect of the operator; trying again", key)
        raise Again from None
    finally:
        metrics.reconciles.labels(key.kind.kind, result).inc()
        metrics.duration.labels(key.kind.kind).observe(time.perf_counter() - began)

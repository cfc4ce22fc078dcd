"""The configuration in force: validated, swapped between turns, the last good one kept."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tierrouter_core.document.model import Document
from tierrouter_core.errors import RuleError, TierRouterError
from tierrouter_core.observability import sidecar as m
from tierrouter_core.rollout.split import Split
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.forced import Forced, ForcedRouter
from tierrouter_sidecar.configuration import LastGood, Source
from tierrouter_sidecar.loaded import Loaded
from tierrouter_sidecar.metrics import Metrics

log = logging.getLogger("tierrouter")


@dataclass(frozen=True, slots=True)
class InForce:
    """A document that turns are decided by. A turn keeps the one that it began with."""

    router: Router
    revision: str
    generation: int
    loaded_at_s: float
    """Wall clock."""
    warnings: tuple[str, ...]
    text: bytes
    is_forced: bool = False
    """Whether one tier serves every turn because a suite measures it."""
    split: Split | None = None
    """As the bundle has it."""
    trial: "Trial | None" = None
    """What some sessions try instead."""

    @property
    def document(self) -> Document:
        """The document itself; of a forced tier, what is left of it."""
        return self.router.document


@dataclass(frozen=True, slots=True)
class Trial:
    """A canary beside the stable document."""

    id: str
    """The same for as long as it lasts."""
    split: Split
    canary: InForce


class LiveConfiguration:
    """Holds what is in force and replaces it when its source changes."""

    def __init__(
        self,
        source: Source,
        metrics: Metrics,
        on_change: Callable[[InForce], None],
        last_good: LastGood | None = None,
        forced: Forced | None = None,
        before_change: Callable[[Document], Awaitable[None]] | None = None,
    ) -> None:
        """Nothing is in force yet.

        Args:
            on_change: is told what comes into force, and by then it is.
            before_change: gets ready what the other needs for a document and takes long; not asked at the start.
        """
        self._source = source
        self._metrics = metrics
        self._on_change = on_change
        self._last_good = last_good
        self._forced = forced
        self._before_change = before_change
        self._seen = source.fingerprint()
        self.in_force: InForce | None = None
        self.refused: str = ""
        """Why the newest configuration was refused; empty while it is served."""

    @property
    def why_none(self) -> str:
        """Why a forced tier has no configuration that it could be served by; empty for a sidecar that routes."""
        return "" if self._forced is None else self.refused

    def load(self) -> InForce:
        """Read the source and put it in force; raises a TierRouterError, and then nothing has changed."""
        loaded = self._source.load()
        new = self._put_in_force(loaded)
        if self._last_good is not None:
            self._last_good.save(loaded)
        return new

    def load_what_there_is(self) -> None:
        """As :meth:`load`, else the last good one of an earlier process, else nothing: turns are refused until then."""
        try:
            self.load()
        except TierRouterError as error:
            kept = self._last_good.load() if self._last_good is not None else None
            if kept is None or not self._served_again(kept):
                log.error("no configuration yet: %s", error)
            else:
                log.error("revision %s, kept from the last run, is in force, because: %s", kept.revision, error)
            self.refused = str(error)
            self._metrics.set(m.CONFIG_SUCCESSFUL, 0)

    def _served_again(self, kept: Loaded) -> bool:
        """Put an earlier process's document in force; whether it could be."""
        try:
            self._put_in_force(kept)
        except TierRouterError as error:
            log.error("revision %s, kept from the last run, is of no use: %s", kept.revision, error)
            return False
        return True

    def _put_in_force(self, loaded: Loaded) -> InForce:
        old = self.in_force
        new, refused = self._made(loaded, old)
        if old is not None and _name(old) == _name(new):
            new = old
        # One assignment: a turn sees the old documents or the new ones, never a mixture.
        self.in_force = new
        self.refused = refused
        self._metrics.set(m.CONFIG_SUCCESSFUL, float(not refused))
        if new is not old:
            self._metrics.set(m.CONFIG_SINCE, new.loaded_at_s)
            self._metrics.forget(m.CONFIG_INFO)
            for each in documents_of(new):
                self._metrics.set(m.CONFIG_INFO, 1, each.document.router, each.revision)
            self._on_change(new)
        return new

    def _made(self, loaded: Loaded, old: InForce | None) -> tuple[InForce, str]:
        """What a bundle puts in force, and why its canary is no part of that; empty where it is, or there is none."""
        ready = {} if old is None else {each.revision: each.router for each in documents_of(old)}
        generation, now_s, forced = 1 if old is None else old.generation + 1, time.time(), self._forced
        if forced is not None:
            alone = ForcedRouter(loaded.document, forced)
            return InForce(alone, loaded.revision, generation, now_s, loaded.warnings, loaded.text, True), ""
        router = ready.get(loaded.revision) or Router(loaded.document)
        stable = InForce(router, loaded.revision, generation, now_s, loaded.warnings, loaded.text, split=loaded.split)
        canary, split = loaded.canary, loaded.split
        if canary is None or split is None:
            return stable, loaded.canary_refused
        try:
            router = ready.get(canary.revision) or Router(canary.document)
        except RuleError as error:
            return stable, f"the canary {canary.revision} is left out: {error}"
        tried = InForce(router, canary.revision, generation, now_s, canary.warnings, canary.text)
        return replace(stable, trial=Trial(split.trial(canary.revision), split, tried)), ""

    async def watch(self, poll_s: float) -> None:
        """Look at the source's files until cancelled; load what changed."""
        while True:
            await asyncio.sleep(poll_s)
            seen = self._source.fingerprint()
            if seen == self._seen:
                continue
            self._seen = seen
            try:
                await self.reload()
            except Exception:
                # A defect of ours; the next change must be seen all the same.
                log.exception("a defect in the router: the changed configuration could not be loaded")

    async def reload(self) -> None:
        """Load again; what can't be used is refused with a message, and the last good one stays."""
        before = self.in_force
        try:
            # Reading and compiling may look prices up in a child process: not on the event loop.
            loaded = await asyncio.to_thread(self._source.load)
            if self._before_change is not None and self._forced is None:
                await self._before_change(loaded.document)
            after = self._put_in_force(loaded)
            if self._last_good is not None:
                await asyncio.to_thread(self._last_good.save, loaded)
        except TierRouterError as error:
            self.refused = str(error)
            self._metrics.set(m.CONFIG_SUCCESSFUL, 0)
            self._metrics.count(m.RELOADS, "refused")
            kept = f"revision {before.revision} stays in force" if before else "there is no earlier one to keep"
            log.error("the changed configuration is refused, %s:\n%s", kept, error)
            return
        if self.refused:
            log.error("%s", self.refused)
        if after is not before:
            self._metrics.count(m.RELOADS, "applied")
            trial = after.trial
            tried = f", {trial.canary.revision} is tried by {trial.split.percent} % of new sessions" if trial else ""
            log.info("configuration changed: revision %s is in force%s", after.revision, tried)
            for warning in after.warnings:
                log.warning("%s", warning)


def documents_of(in_force: InForce) -> tuple[InForce, ...]:
    """What turns may be decided by: the stable document, and the canary where there is one."""
    return (in_force,) if in_force.trial is None else (in_force, in_force.trial.canary)


def _name(in_force: InForce) -> tuple[object, ...]:
    """What makes two bundles the same."""
    return (*(each.revision for each in documents_of(in_force)), in_force.split)

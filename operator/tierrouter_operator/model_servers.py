"""Looks after routers' model servers: has the model pulled and loaded, and says how far that is.

Nothing here decides where a turn goes: a server that is not ready has no address behind its Service, and sidecars find
out by being refused. What is said ends in a condition of the router.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tierrouter_core.contract import MODEL_SERVER_LABEL, OLLAMA_PORT, ConditionReason, model_server_name
from tierrouter_core.resources.guards import LocalModel
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError
from tierrouter_operator.ollama import ModelServerClient, ModelServerError
from tierrouter_operator.planning.external_server import External, find_external, judge_external
from tierrouter_operator.planning.kinds import DEPLOYMENT, POD, PROVIDER, Key, Obj
from tierrouter_operator.planning.local_model import OLLAMA, is_plain_http, read_local_model
from tierrouter_operator.planning.model_server_state import (
    Address,
    PullProgress,
    Said,
    Step,
    from_pods,
    load_failed,
    next_step,
    pull_failed,
    unreachable,
)
from tierrouter_operator.store import Store

log = logging.getLogger("tierrouter.operator")

_LOOK_S: Final = 2.0
_LOOK_WHEN_READY_S: Final = 5.0
_PROGRESS_S: Final = 5.0
"""How often a pull's progress is written into the status."""
_RETRY_S: Final = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Waits after failures to pull or load, one after the other."""
_READY: Final = {ConditionReason.LOADED, ConditionReason.AVAILABLE}
_FAILURES: Final = {ConditionReason.PULL_FAILED, ConditionReason.DISK_FULL, ConditionReason.LOAD_FAILED}


class ModelServers:
    """Keeps what is to be said of every router's model server."""

    def __init__(self, client: Client, store: Store, changed: Callable[[Key], None]) -> None:
        """``changed`` is told of every router of whose model server something else is said than before."""
        self._client = client
        self._store = store
        self._changed = changed
        self._servers = ModelServerClient()
        self._said: dict[Key, Said] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._asked: dict[Key, LocalModel] = {}
        self._is_other: dict[Key, asyncio.Event] = {}
        """Set when a router asks for something else."""

    def follow(self, key: Key, router: Obj) -> Said | None:
        """What is known of the router's model server; from now on it is looked after, if it names a local model."""
        local = read_local_model(router)
        if isinstance(local, LocalModel):
            if key not in self._tasks:
                self._is_other[key] = asyncio.Event()
                task = self._tasks[key] = asyncio.create_task(self._look_after(key))
                task.add_done_callback(lambda _: self._forget(key))
            elif self._asked.get(key) != local:
                self._is_other[key].set()
            self._asked[key] = local
        return self._said.get(key)

    async def run(self) -> None:
        """Until cancelled; then everything that was begun ends."""
        async with self._servers:
            try:
                await asyncio.Event().wait()
            finally:
                tasks = tuple(self._tasks.values())
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: Key) -> None:
        for known in (self._tasks, self._said, self._asked, self._is_other):
            known.pop(key, None)

    async def _look_after(self, key: Key) -> None:
        """One router's server, until the router names none any more."""
        server = _Server(self, key)
        failures = 0
        while True:
            local = self.asked(key)
            if local is None:
                return
            try:
                said = await server.look(local)
            except ApiError as error:
                log.info("%s: its model server can't be looked at: %s", key, error)
                await self._pause(key, _LOOK_WHEN_READY_S)
                continue
            except Exception:
                # A defect of ours, or a server that answers like no other, must not end the work on all the rest.
                log.exception("%s: its model server can't be looked after; trying again", key)
                await self._pause(key, _RETRY_S[-1])
                continue
            self.know(key, said)
            if said.reason in _FAILURES:
                failures += 1
                pause_s = _RETRY_S[min(failures, len(_RETRY_S)) - 1]
            else:
                failures = 0
                pause_s = _LOOK_WHEN_READY_S if said.reason in _READY else _LOOK_S
            await self._pause(key, pause_s)

    async def _pause(self, key: Key, pause_s: float) -> None:
        """So long, or until something else is asked for."""
        is_other = self._is_other[key]
        is_other.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(is_other.wait(), pause_s)

    def asked(self, key: Key) -> LocalModel | None:
        """What the router asks for now; None for nothing that can be looked after."""
        router = self._store.get(key)
        local = read_local_model(router) if router is not None else None
        return local if isinstance(local, LocalModel) else None

    def know(self, key: Key, said: Said) -> None:
        """This is said from now on."""
        if self._said.get(key) != said:
            self._said[key] = said
            self._changed(key)

    async def pods(self, key: Key) -> list[Obj]:
        """The model server's pods, as the API server's cache has them."""
        labels = f"{MODEL_SERVER_LABEL}={key.name}"
        return [pod async for pod in self._client.list(POD.path(key.namespace), labels=labels)]

    def deployment(self, key: Key) -> Obj | None:
        """What makes these pods."""
        return self._store.get(Key(DEPLOYMENT, key.namespace, model_server_name(key.name)))

    def external(self, key: Key, local: LocalModel) -> External | Said:
        """The server that somebody else runs."""
        router = self._store.get(key) or {}
        return find_external(router, local, self._store.in_namespace(PROVIDER, key.namespace))

    @property
    def servers(self) -> ModelServerClient:
        """To ask them."""
        return self._servers


class _Server:
    """One model server, and what was already tried with it."""

    def __init__(self, all_of_them: ModelServers, key: Key) -> None:
        self._all = all_of_them
        self._key = key
        self._loaded: tuple[str, LocalModel] | None = None
        """The pod that was told to load, and what."""

    async def look(self, local: LocalModel) -> Said:
        """How far it is; what can be done to bring it further is done first."""
        if local.runtime != OLLAMA:
            return await self._look_at_external(local)
        place = from_pods(local, self._all.deployment(self._key), await self._all.pods(self._key))
        if isinstance(place, Said):
            return place
        host = f"[{place.ip}]" if ":" in place.ip else place.ip
        root = f"http://{host}:{OLLAMA_PORT}"
        try:
            return await self._bring_on(local, place, root)
        except ModelServerError as error:
            return unreachable(local, "Ollama", str(error))

    async def _bring_on(self, local: LocalModel, place: Address, root: str) -> Said:
        for _ in Step:
            running = await self._all.servers.get(f"{root}/api/ps")
            there = await self._all.servers.get(f"{root}/api/tags")
            step = next_step(local, running, there, was_loaded_anew=self._loaded == (place.pod, local))
            if isinstance(step, Said):
                return step
            failure = await (self._pull(local, root) if step is Step.PULL else self._load(local, place, root))
            if failure is not None:
                return failure
        return await self._last_word(local, place, root)

    async def _last_word(self, local: LocalModel, place: Address, root: str) -> Said:
        running = await self._all.servers.get(f"{root}/api/ps")
        step = next_step(local, running, None, was_loaded_anew=True)
        return step if isinstance(step, Said) else load_failed(local, "it was loaded and is not there")

    async def _pull(self, local: LocalModel, root: str) -> Said | None:
        progress = PullProgress(local)
        self._all.know(self._key, progress.said)
        told_at = time.monotonic()
        lines = self._all.servers.pull(root, local.model, is_plain_http=is_plain_http(local.model))
        try:
            async for line in lines:
                progress.take(line)
                if time.monotonic() - told_at >= _PROGRESS_S:
                    told_at = time.monotonic()
                    self._all.know(self._key, progress.said)
                    if self._all.asked(self._key) != local:
                        return progress.said
        except ModelServerError as error:
            return pull_failed(local, progress.error or str(error))
        if progress.error or not progress.is_done:
            return pull_failed(local, progress.error or "it ended before it was complete")
        return None

    async def _load(self, local: LocalModel, place: Address, root: str) -> Said | None:
        self._all.know(self._key, Said(local, ConditionReason.LOADING, f"{local.model} is being loaded"))
        self._loaded = (place.pod, local)
        try:
            await self._all.servers.load(root, local.model)
        except ModelServerError as error:
            return load_failed(local, str(error))
        return None

    async def _look_at_external(self, local: LocalModel) -> Said:
        server = self._all.external(self._key, local)
        if isinstance(server, Said):
            return server
        get = self._all.servers.get
        try:
            models = await get(f"{server.base_url}/models")
        except ModelServerError as error:
            return unreachable(local, server.root, str(error))
        running = properties = None
        with suppress(ModelServerError):
            running = await get(f"{server.root}/api/ps")
        with suppress(ModelServerError):
            properties = await get(f"{server.root}/props")
        return judge_external(local, server, models, running, properties)

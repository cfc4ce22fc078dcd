"""What the webhook knows of a namespace: read from the API server, and kept for two seconds.

There is no watch that could stall. A pod that finds its router missing makes it look again, so one that is created
right after its router finds it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError
from tierrouter_operator.injection.agents import Windows
from tierrouter_operator.injection.asked import labels_of
from tierrouter_operator.injection.inject import Namespace, RouterFacts
from tierrouter_operator.planning.kinds import PROVIDER, ROUTER, Obj

KEPT_S: Final = 2.0
_PATIENCE_S: Final = 2.0
"""The API server gives an admission five seconds in all."""
_NAMESPACES: Final = 4096


@dataclass(frozen=True, slots=True)
class _Kept:
    namespace: Namespace
    at_s: float


@dataclass(frozen=True, slots=True)
class _Reading:
    task: "asyncio.Task[Namespace]"
    began_s: float


class Knowledge:
    """Reads namespaces; never raises for an API server that does not answer."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._reading: dict[str, _Reading] = {}

    async def of(self, name: str, *, fresh: bool = False) -> Namespace:
        """What there is; ``fresh``: as of now, whatever was read before."""
        asked_s = self._clock()
        kept = self._kept.get(name)
        if not fresh and kept is not None and asked_s - kept.at_s < KEPT_S:
            return kept.namespace
        while True:
            reading = self._reading.get(name)
            if reading is None:
                reading = _Reading(asyncio.create_task(self._read(name)), self._clock())
                self._reading[name] = reading
                reading.task.add_done_callback(lambda _: self._reading.pop(name, None))
            # One caller that goes away must not take it from the others.
            found = await asyncio.shield(reading.task)
            # What was being read already may be of before the caller's router was made.
            if not fresh or reading.began_s >= asked_s:
                return found

    async def _read(self, name: str) -> Namespace:
        at_s = self._clock()
        answers = await asyncio.gather(
            self._try(self._client.get(f"/api/v1/namespaces/{name}")),
            self._try(self._all(ROUTER.path(name))),
            self._try(self._all(PROVIDER.path(name))),
            self._try(self._all(f"/api/v1/namespaces/{name}/limitranges")),
            self._try(self._all(f"/api/v1/namespaces/{name}/resourcequotas")),
        )
        itself, routers, providers, limit_ranges, quotas = answers
        found = Namespace(
            labels=labels_of(itself or {}),
            routers=None if routers is None else router_facts(routers, providers or ()),
            limit_ranges=limit_ranges or (),
            quotas=quotas or (),
        )
        if itself is not None and routers is not None:
            if len(self._kept) >= _NAMESPACES:
                self._kept.clear()
            self._kept[name] = _Kept(found, at_s)
        return found

    async def _all(self, path: str) -> list[Any]:
        return [item async for item in self._client.list(path, newest=True)]

    async def _try(self, request: Any) -> Any:
        """The answer, or None."""
        try:
            return await asyncio.wait_for(request, _PATIENCE_S)
        except (ApiError, TimeoutError):
            return None


def router_facts(routers: Sequence[Obj], providers: Sequence[Obj]) -> dict[str, RouterFacts]:
    """What pods take from their routers, by the routers' names. Pure."""
    models = {
        (provider["metadata"]["name"], model.get("name")): model
        for provider in providers
        for model in (provider.get("spec") or {}).get("models") or ()
    }
    return {router["metadata"]["name"]: _facts(router.get("spec") or {}, models) for router in routers}


def _facts(spec: Obj, models: Mapping[tuple[str, Any], Obj]) -> RouterFacts:
    used = [models.get((tier.get("provider"), tier.get("model")), {}) for tier in spec.get("tiers") or ()]
    contexts = [model["contextWindow"] for model in used if model.get("contextWindow")]
    outputs = [model["maxOutputTokens"] for model in used if model.get("maxOutputTokens")]
    # An agent keeps room for a whole answer free and compacts early: more than a quarter would leave it too little.
    windows = Windows(min(contexts), min([*outputs, min(contexts) // 4])) if contexts else None
    return RouterFacts((spec.get("ledger") or {}).get("persistentVolumeClaim") or "", windows)

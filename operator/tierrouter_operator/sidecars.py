"""Tells pods of a change, and asks their sidecars what they serve.

A kubelet looks at a pod's volumes every minute or so, and at once when the pod itself changes: so an annotation of it
does. Whether that worked is asked, not assumed, and it is done again while one serves something else. There is no
watch of pods: a router's are listed when there is something to tell, and all now and then.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from tierrouter_core import __version__
from tierrouter_core.contract import (
    ADMIN_PORT,
    CANARY_REVISION,
    INJECT_LABEL,
    POKE,
    ROUTER_LABEL,
    SIDECAR_VERSION,
    active_name,
)
from tierrouter_core.document.model import SCHEMA
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError, ConflictError, NotFoundError, RefusedError
from tierrouter_operator.injection.asked import Chosen, chosen_router, labels_of
from tierrouter_operator.injection.inject import is_injected
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.kinds import CONFIG_MAP, POD, ROUTER, Key, Obj
from tierrouter_operator.planning.sidecars import (
    NOTHING_SEEN,
    Census,
    Fleet,
    Laggard,
    Outdated,
    SidecarReport,
    SidecarState,
    outdated,
)
from tierrouter_operator.store import Store

log = logging.getLogger("tierrouter.operator")

_ROUNDS_S: Final = (0.3, 1.0, 5.0)
"""When sidecars are asked after a change, in seconds since it; those that lag are told again each time."""
_POKES_PER_S: Final = 50
_ASKED_AT_ONCE: Final = 64
_ANSWER_S: Final = 1.0
_CENSUS_S: Final = 20.0
_ASKED_AGAIN_S: Final = 300.0
"""How long an answer of a sidecar that serves what it should is good for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Of one sidecar, or of nobody."""

    serves: str
    """A revision's name; empty for none."""
    tries: str = ""
    """The canary's; empty for none."""
    problem: str = ""
    came: bool = True
    refuses: bool = False
    """It was given something that it can't serve."""
    schema: str = ""
    """Of the documents that it reads."""

    @property
    def state(self) -> SidecarState:
        """Of one that does not serve what it should."""
        if not self.came:
            return SidecarState.SILENT
        return SidecarState.REFUSING if self.refuses else SidecarState.LAGGING

    @property
    def explained(self) -> str:
        return f"serves {self.serves}" if self.serves else self.problem


class Sidecars:
    """Keeps a :class:`Fleet` for every router that has pods."""

    def __init__(
        self,
        client: Client,
        store: Store,
        changed: Callable[[Key], None],
        metrics: Metrics,
        namespaces: Collection[str],
        census_s: float = _CENSUS_S,
    ) -> None:
        """``changed`` is told of every router of which something else is known than before."""
        self._client = client
        self._store = store
        self._changed = changed
        self._metrics = metrics
        self._namespaces = tuple(namespaces)
        self._census_s = census_s
        self._fleets: dict[Key, Fleet] = {}
        self._spreading: dict[Key, asyncio.Task[None]] = {}
        self._current: dict[str, tuple[_Answer, float]] = {}
        """By a pod's uid: what it said when it served what it should, and when."""
        self._next_poke_s = 0.0
        self._limit = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._problem = ""

    def of(self, key: Key) -> Fleet:
        """What is known of a router's pods."""
        return self._fleets.get(key, NOTHING_SEEN)

    def spread(self, key: Key, revision: str = "") -> None:
        """What pods mount was written: tell the router's pods, and ask until they serve it or time is up.

        Without a ``revision`` it is the one in force: keys have changed, and documents have not.
        """
        revision = revision or self._in_force(key)
        running = self._spreading.get(key)
        if running is not None:
            running.cancel()
        task = self._spreading[key] = asyncio.create_task(self._spread(key, revision))
        task.add_done_callback(lambda done: self._spreading.pop(key) if self._spreading.get(key) is done else None)

    async def run(self) -> None:
        """Look at all pods now and then, until cancelled."""
        try:
            while True:
                await self._census()
                await asyncio.sleep(self._census_s)
        finally:
            for task in tuple(self._spreading.values()):
                task.cancel()
            if self._session is not None:
                await self._session.close()

    async def _spread(self, key: Key, revision: str) -> None:
        began = time.monotonic()
        try:
            pods = await self.pods(key)
            if not pods:
                self._know(key, Fleet(SidecarReport(asked_for=revision), self.of(key).census))
                return
            await self.poke(pods)
            for after_s in _ROUNDS_S:
                await asyncio.sleep(max(0.0, began + after_s - time.monotonic()))
                report, lagging = await self._ask(key, pods, revision)
                is_last = after_s == _ROUNDS_S[-1]
                if not report.laggards or is_last:
                    self._know(key, Fleet(report, self.of(key).census))
                if not report.laggards and not lagging:
                    return
                await self.poke(lagging)
        except ApiError as error:
            self._tell(error)

    async def _census(self) -> None:
        try:
            injected, without = await self._look()
        except ApiError as error:
            self._tell(error)
            return
        self._problem = ""
        uids = {pod["metadata"]["uid"] for pods in injected.values() for pod in pods}
        self._current = {uid: seen for uid, seen in self._current.items() if uid in uids}
        for key in tuple(self._fleets):
            if self._store.get(key) is None:
                del self._fleets[key]
        await asyncio.gather(
            *(
                self._look_at(key, injected.get(key, []), tuple(sorted(without.get(key, ()))))
                for key in tuple(self._store.keys(ROUTER))
            )
        )

    async def _look_at(self, key: Key, pods: list[Obj], without: tuple[str, ...]) -> None:
        """One router's part of a census."""
        census = Census(without)
        revision = self._in_force(key)
        if not revision or key in self._spreading:
            self._know(key, Fleet(self.of(key).report, census))
            return
        report, lagging = await self._ask(key, pods, revision)
        self._know(key, Fleet(report, census))
        await self.poke(lagging)

    def _in_force(self, key: Key) -> str:
        router = self._store.get(key) or {}
        return str((router.get("status") or {}).get("activeRevision") or "")

    def _canary(self, key: Key) -> str:
        """The revision that new sessions should try; empty for none."""
        active = self._store.get(Key(CONFIG_MAP, key.namespace, active_name(key.name)))
        return "" if active is None else annotation(active, CANARY_REVISION)

    def _know(self, key: Key, fleet: Fleet) -> None:
        if self._fleets.get(key) != fleet:
            self._fleets[key] = fleet
            self._changed(key)

    async def pods(self, key: Key) -> list[Obj]:
        """The router's running pods, as the API server's cache has them."""
        labels = f"{ROUTER_LABEL}={key.name}"
        found = [pod async for pod in self._client.list(POD.path(key.namespace), labels=labels)]
        return [_slim(pod) for pod in found if is_injected(pod) and _is_running(pod)]

    async def _look(self) -> tuple[Mapping[Key, list[Obj]], Mapping[Key, list[str]]]:
        """Running pods with a sidecar, and names of those that lack the one they asked for, by router."""
        injected: dict[Key, list[Obj]] = {}
        without: dict[Key, list[str]] = {}
        wishes = await self._wishes()
        for namespace in self._namespaces or ("",):
            async for pod in self._client.list(POD.path(namespace), labels=ROUTER_LABEL):
                if is_injected(pod):
                    if _is_running(pod):
                        key = Key(ROUTER, pod["metadata"]["namespace"], pod["metadata"]["labels"][ROUTER_LABEL])
                        injected.setdefault(key, []).append(_slim(pod))
                else:
                    self._count_missing(pod, wishes, without)
            lacking = f"!{ROUTER_LABEL},{INJECT_LABEL}"
            async for pod in self._client.list(POD.path(namespace), labels=lacking):
                self._count_missing(pod, wishes, without)
        for name in wishes:
            async for pod in self._client.list(POD.path(name), labels=f"!{ROUTER_LABEL},!{INJECT_LABEL}"):
                self._count_missing(pod, wishes, without)
        return injected, without

    async def _wishes(self) -> Mapping[str, Mapping[str, str]]:
        """Labels of the namespaces that ask for sidecars, by name."""
        if not self._namespaces:
            path = "/api/v1/namespaces"
            found = [each async for each in self._client.list(path, labels=INJECT_LABEL, metadata_only=True)]
        else:
            found = []
            for name in self._namespaces:
                try:
                    found.append(await self._client.get(f"/api/v1/namespaces/{name}"))
                except (NotFoundError, RefusedError):
                    continue
        return {each["metadata"]["name"]: labels_of(each) for each in found if INJECT_LABEL in labels_of(each)}

    def _count_missing(self, pod: Obj, wishes: Mapping[str, Mapping[str, str]], without: dict[Key, list[str]]) -> None:
        namespace = pod["metadata"]["namespace"]
        if not _is_running(pod):
            return
        routers = self._store.in_namespace(ROUTER, namespace)
        chosen = chosen_router(labels_of(pod), wishes.get(namespace, {}), routers)
        if isinstance(chosen, Chosen):
            without.setdefault(Key(ROUTER, namespace, chosen.router), []).append(pod["metadata"]["name"])

    async def _ask(self, key: Key, pods: list[Obj], revision: str) -> tuple[SidecarReport, list[Obj]]:
        """What they serve, and the pods to tell once more: those that serve something else, or try something else.

        One that does not answer is not helped by being told, and thousands of these would keep others waiting.
        """
        canary = self._canary(key)
        answers = await asyncio.gather(*(self._served(pod, revision, canary) for pod in pods))
        lagging = [(pod, answer) for pod, answer in zip(pods, answers, strict=True) if answer.serves != revision]
        laggards = (Laggard(pod["metadata"]["name"], answer.explained, answer.state) for pod, answer in lagging)
        report = SidecarReport(
            asked_for=revision,
            sidecars=len(pods),
            laggards=tuple(sorted(laggards, key=lambda laggard: laggard.pod)),
            served=frozenset(answer.serves for answer in answers if answer.serves),
            outdated=tuple(sorted(_outdated(pods, answers), key=lambda each: each.pod)),
        )
        is_behind = [answer.came and (answer.serves != revision or answer.tries != canary) for answer in answers]
        return report, list(itertools.compress(pods, is_behind))

    async def _served(self, pod: Obj, revision: str, canary: str) -> "_Answer":
        """What a pod's sidecar says that it serves."""
        uid = pod["metadata"]["uid"]
        known, seen_s = self._current.get(uid, (_Answer(""), 0.0))
        now = time.monotonic()
        if known.serves == revision and known.tries == canary and now - seen_s < _ASKED_AGAIN_S:
            return known
        if not _address(pod):
            return _Answer("", problem="it has no address yet", came=False)
        said = await self.status_of(pod)
        if said is None:
            return _Answer("", problem="its sidecar does not answer", came=False)
        found = _Answer(
            str(said.get("stable") or ""),
            tries=str(said.get("canary") or ""),
            problem=str(said.get("refused") or "it serves nothing yet"),
            schema=str(said.get("schema") or ""),
            refuses=bool(said.get("refused")),
        )
        if found.serves == revision and found.tries == canary:
            self._current[uid] = (found, now)
        return found

    async def status_of(self, pod: Obj) -> Mapping[str, Any] | None:
        """What a pod's sidecar says of itself; None where it gives no answer that can be read."""
        address = _address(pod)
        if not address:
            return None
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._limit, self._session.get(f"http://{host}:{ADMIN_PORT}/status") as answer:
                said = orjson.loads(await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError):
            return None
        return said if isinstance(said, dict) else None

    async def poke(self, pods: Iterable[Obj]) -> None:
        """Change an annotation of each pod, at most fifty in a second."""
        await asyncio.gather(*(self._poke_one(pod) for pod in pods))

    async def _poke_one(self, pod: Obj) -> None:
        now = time.monotonic()
        # A burst of as many as a second allows is let through at once.
        self._next_poke_s = max(self._next_poke_s + 1 / _POKES_PER_S, now - 1.0)
        await asyncio.sleep(max(0.0, self._next_poke_s - now))
        metadata = pod["metadata"]
        path = POD.path(metadata["namespace"], metadata["name"])
        body = {"metadata": {"uid": metadata["uid"], "annotations": {POKE: str(time.time_ns() // 1_000_000)}}}
        try:
            await self._client.merge(path, body)
            self._metrics.pokes.inc()
        except (NotFoundError, ConflictError):
            return  # it is gone, or another one has its name
        except ApiError as error:
            self._tell(error)

    def _tell(self, error: ApiError) -> None:
        """Once for each new problem: the next look tries again."""
        if str(error) != self._problem:
            log.warning("pods can't be looked at, or told of a change: %s", error)
        self._problem = str(error)


def _address(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("podIP") or "")


def _is_running(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def _outdated(pods: Iterable[Obj], answers: Iterable[_Answer]) -> Iterator[Outdated]:
    """What is old of these pods."""
    for pod, answer in zip(pods, answers, strict=True):
        metadata = pod["metadata"]
        version = metadata["annotations"][SIDECAR_VERSION]
        found = outdated(metadata["name"], version=version, schema=answer.schema, ours=__version__, written=SCHEMA)
        if found is not None:
            yield found


def _slim(pod: Obj) -> Obj:
    """What is kept of a pod."""
    metadata: dict[str, Any] = {key: pod["metadata"].get(key) for key in ("name", "namespace", "uid")}
    version = (pod["metadata"].get("annotations") or {}).get(SIDECAR_VERSION, "")
    metadata["annotations"] = {SIDECAR_VERSION: version}
    return {"metadata": metadata, "status": {"podIP": (pod.get("status") or {}).get("podIP")}}

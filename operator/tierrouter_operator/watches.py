"""What the API server tells, through kopf: each event puts an object into the store and keys on the queue, no more.

kopf lists, watches and watches again; everything else that it can do is off: it posts nothing, writes nothing and
needs no peering. Its handlers are never retried, so nothing that can fail is done in them.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, Final

import kopf
from kubernetes.aio.client import Configuration

from tierrouter_core.contract import ROUTER_LABEL
from tierrouter_operator.errors import OperatorError
from tierrouter_operator.planning.kinds import (
    CONFIG_MAP,
    MODEL_SERVER,
    PROVIDER,
    REVISION,
    ROUTER,
    RUN,
    SECRET,
    SUITE,
    Key,
    Kind,
    Obj,
)
from tierrouter_operator.store import Store, version_of

_STOPPING_S: Final = 3.0
WATCHED: Final = (ROUTER, PROVIDER, REVISION, SUITE, RUN, CONFIG_MAP, SECRET, *MODEL_SERVER)
LABELLED: Final = dict.fromkeys((CONFIG_MAP, *MODEL_SERVER), ROUTER_LABEL)
"""Kinds of which only objects with this label are watched. Users' Secrets carry none of ours, so all are watched."""


class Watches:
    """The handlers, on a registry of their own."""

    def __init__(self, store: Store, changed: Callable[[Key, Obj], None], access: Configuration) -> None:
        """``changed`` is told of every object that is new, other or gone."""
        self._store = store
        self._changed = changed
        self._access = access
        self.registry = kopf.OperatorRegistry()
        self.settings = _settings()
        self._loop: asyncio.AbstractEventLoop | None = None
        kopf.on.login(registry=self.registry)(self._login)
        for kind in WATCHED:
            self._watch(kind)

    async def run(self, namespaces: Collection[str]) -> None:
        """Watch until cancelled; no namespaces means all.

        kopf gets a thread with a loop of its own: at its end it cancels every task that has begun since its start,
        and in the main thread it would take our signals.

        Raises:
            OperatorError: kopf has given up.
        """
        self._loop = loop = asyncio.get_running_loop()
        stop, ended = threading.Event(), asyncio.Event()
        failures: list[BaseException] = []

        def watch() -> None:
            try:
                asyncio.run(self._kopf(namespaces, stop))
            except BaseException as error:  # whatever it is, it is told in the other thread
                failures.append(error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=watch, name="watches", daemon=True).start()
        try:
            await ended.wait()
            raise OperatorError(f"watching the API server has ended: {failures[0] if failures else 'kopf gave up'}")
        except asyncio.CancelledError:
            stop.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _STOPPING_S)
            raise

    async def _kopf(self, namespaces: Collection[str], stop: threading.Event) -> None:
        await kopf.operator(
            registry=self.registry,
            settings=self.settings,
            standalone=True,
            clusterwide=not namespaces,
            namespaces=tuple(namespaces),
            stop_flag=stop,
        )

    def _watch(self, kind: Kind) -> None:
        group, _, version = kind.api_version.rpartition("/")

        async def seen(event: Any, **unused: Any) -> None:
            assert self._loop is not None, "kopf runs only inside of run()"
            self._loop.call_soon_threadsafe(self._take, kind, event)

        kopf.on.event(group, version, kind.plural, id=f"seen-{kind.plural}", registry=self.registry)(seen)

    def _take(self, kind: Kind, event: Any) -> None:
        obj = dict(event["object"])
        key = Key(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        is_gone = event["type"] == "DELETED"
        if self._store.remove(key, version_of(obj)) if is_gone else self._store.put(key, obj):
            self._changed(key, obj)

    async def _login(self, **unused: Any) -> kopf.ConnectionInfo:
        access = self._access
        token = await access.get_api_key_with_prefix("BearerToken", alias="authorization")
        scheme, _, bare = str(token or "").rpartition(" ")
        return kopf.ConnectionInfo(
            server=access.host,
            ca_path=access.ssl_ca_cert,
            insecure=not access.verify_ssl,
            certificate_path=access.cert_file,
            private_key_path=access.key_file,
            scheme=scheme or ("Bearer" if bare else None),
            token=bare or None,
        )


class _ForEver:
    """Waits between attempts, in seconds, without an end: an API server that is gone is no reason to give up."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.2, 0.5, 1.0, 2.0), itertools.repeat(3.0))


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    # The kinds and the namespaces are known; what is scanned for would need rights on all of them.
    settings.scanning.disabled = True
    # A worker for each object that changed goes away at once: there may be thousands.
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 0.5
    settings.networking.error_backoffs = _ForEver()
    settings.networking.request_timeout = 30
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = 500
    for kind, label in LABELLED.items():
        group, _, version = kind.api_version.rpartition("/")
        settings.watching.label_selectors[group, version, kind.plural] = label
    return settings


def quieten(logger: str = "kopf") -> None:
    """kopf tells every attempt of every watch; what goes wrong is told by the resync, once and in our words."""
    logging.getLogger(logger).setLevel(logging.CRITICAL)

"""The operator, put together and run."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from tierrouter_core.contract import STABLE_REVISION, active_name, credentials_name
from tierrouter_core.rollout.arms import Arms
from tierrouter_operator.client import Client, read_access
from tierrouter_operator.errors import OperatorError
from tierrouter_operator.events import EventPoster
from tierrouter_operator.execute import Executor
from tierrouter_operator.measure import Measure
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.model_servers import ModelServers
from tierrouter_operator.notify import Notifier
from tierrouter_operator.planning.kinds import CONFIG_MAP, PROVIDER, REVISION, ROUTER, RUN, SECRET, SUITE, Key, Obj
from tierrouter_operator.planning.references import router_of, suite_of
from tierrouter_operator.planning.sidecars import Fleet
from tierrouter_operator.planning.suite_observed import JobSettings
from tierrouter_operator.planning.writes import Apply, Create, Replace, Write
from tierrouter_operator.prometheus import Prometheus
from tierrouter_operator.queue import WorkQueue
from tierrouter_operator.reconcile import Reconciler
from tierrouter_operator.resync import Resync
from tierrouter_operator.runs import SuiteReconciler, asking
from tierrouter_operator.runs_observe import suites_concerned
from tierrouter_operator.serving import health_app, metrics_app, port_of, serve
from tierrouter_operator.settings import Settings
from tierrouter_operator.sidecars import Sidecars
from tierrouter_operator.store import Store
from tierrouter_operator.trials import AskPrometheus, Trials
from tierrouter_operator.watches import WATCHED, Watches, quieten

log = logging.getLogger("tierrouter.operator")

_WATCHES_WAIT_S = 10.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Running:
    """An operator that runs."""

    reconciler: Reconciler
    resync: Resync
    store: Store
    metrics: Metrics
    metrics_port: int
    health_port: int
    stopped: "asyncio.Future[None]"
    """Done when it has ended by itself, which is a failure."""


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Running]:
    """Run an operator while the context is open.

    Raises:
        OperatorError: it can't start.
    """
    quieten()
    access = await read_access(settings.kubeconfig, settings.context)
    metrics, store = Metrics(), Store()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(access))
        events = EventPoster(client, socket.gethostname(), metrics.events_dropped.inc)

        def wrote(write: Write) -> None:
            metrics.writes.labels(type(write).__name__).inc()
            if isinstance(write, Create) and write.body["kind"] == REVISION.kind:
                metrics.revisions_created.inc()
            measure.wrote(write)
            mounted = _mounted(write)
            if mounted is not None:
                sidecars.spread(*mounted)

        notifier = Notifier(client, lambda is_told: metrics.notifications.labels("told" if is_told else "lost").inc())
        executor = Executor(client, store, events, wrote, notifier.tell)

        def seen(router: Key) -> None:
            queue.add(router)

        sidecars = Sidecars(client, store, seen, metrics, settings.namespaces, settings.census_s)
        model_servers = ModelServers(client, store, seen)
        ask = None
        if settings.prometheus_url:
            prometheus = Prometheus(
                settings.prometheus_url,
                settings.prometheus_namespace_label,
                token_file=settings.prometheus_token_file,
                ca_file=settings.prometheus_ca_file,
            )
            ask = _counted(await stack.enter_async_context(prometheus), metrics)
        trials = Trials(store, sidecars, seen, settings.count_s, prometheus=ask)

        def fleet_of(router: Key) -> Fleet:
            return replace(sidecars.of(router), counted=trials.of(router))

        measure = Measure(store, metrics, fleet_of)
        reconciler = Reconciler(store, executor, metrics, fleet_of, model_servers.follow)
        queue = reconciler.queue
        jobs = JobSettings(results_image=settings.results_image, results_role=settings.results_role)
        suites = SuiteReconciler(store, executor, metrics, jobs, pods_of=asking(client))

        def changed(key: Key, obj: Obj) -> None:
            for concerned in keys_concerned(store, key, obj):
                queue.add(concerned)
            for suite in suites_concerned(store, key, obj):
                suites.queue.add(suite)

        def enqueue(key: Key) -> None:
            if key.kind in (SUITE, RUN):
                changed(key, store.get(key) or {})
            else:
                queue.add(key)

        resync = Resync(client, store, executor, enqueue, metrics, settings.namespaces, settings.resync_s)

        def refresh() -> None:
            measure.refresh()
            metrics.queue_depth.set(len(queue) + len(suites.queue))
            for kind in WATCHED:
                metrics.objects.labels(kind.kind).set(sum(1 for _ in store.keys(kind)))

        health = await serve(health_app(resync), settings.host, settings.health_port, "health")
        stack.push_async_callback(health.cleanup)
        page = await serve(metrics_app(metrics, refresh), settings.host, settings.metrics_port, "metrics")
        stack.push_async_callback(page.cleanup)
        watches = Watches(store, changed, access)
        # The first look fills the store; only then is there anything to decide, and only then are there events.
        tasks = [asyncio.create_task(_watch(watches, settings, resync, queue)), asyncio.create_task(events.run())]
        tasks += [asyncio.create_task(_work(each, resync)) for each in (queue, suites.queue)]
        tasks += [asyncio.create_task(resync.run())]
        tasks += [asyncio.create_task(_count(trials, resync)), asyncio.create_task(notifier.run())]
        tasks += [asyncio.create_task(_count(sidecars, resync)), asyncio.create_task(model_servers.run())]
        ended = asyncio.ensure_future(_first_end(tasks))
        try:
            yield Running(reconciler, resync, store, metrics, port_of(page), port_of(health), ended)
        finally:
            for task in (*tasks, ended):
                task.cancel()
            await asyncio.wait([*tasks, ended])


def keys_concerned(store: Store, key: Key, obj: Obj) -> set[Key]:
    """What has to be looked at when this object has changed."""
    if key.kind is ROUTER:
        return {key}
    routers = store.in_namespace(ROUTER, key.namespace)
    everyone = {Key(ROUTER, key.namespace, name) for name in routers}
    if key.kind is PROVIDER:
        return {key} | everyone
    owner = router_of(store.get(Key(SUITE, key.namespace, suite_of(obj))) or {}) if key.kind is RUN else router_of(obj)
    if owner:
        return {Key(ROUTER, key.namespace, owner)} & everyone
    if key.kind is SECRET:
        naming = store.providers_naming(key.namespace, key.name)
        return {Key(PROVIDER, key.namespace, name) for name in naming} | (everyone if naming else set())
    return set()


def _mounted(write: Write) -> tuple[Key, str] | None:
    """The router of which something was written that pods mount, and the revision that it now names, if it does."""
    if not isinstance(write, Create | Apply | Replace):
        return None
    metadata, router = write.body["metadata"], router_of(write.body)
    place = (write.body["kind"], metadata["name"])
    if not router or place not in ((CONFIG_MAP.kind, active_name(router)), (SECRET.kind, credentials_name(router))):
        return None
    return Key(ROUTER, metadata["namespace"], router), (metadata.get("annotations") or {}).get(STABLE_REVISION, "")


def _counted(prometheus: Prometheus, metrics: Metrics) -> AskPrometheus:
    async def ask(router: Key, trial: str, age_s: float) -> Arms | str:
        answer = await prometheus.counts(router, trial, age_s)
        metrics.prometheus.labels("unusable" if isinstance(answer, str) else "answered").inc()
        return answer

    return ask


async def _count(pods: Sidecars | Trials, resync: Resync) -> None:
    """Pods are looked at when it is known which routers there are."""
    await resync.first_look.wait()
    await pods.run()


async def _work(queue: WorkQueue[Key], resync: Resync) -> None:
    """Nothing is decided before everything was seen: half a picture looks like a loss."""
    await resync.first_look.wait()
    await queue.run()


async def _watch(watches: Watches, settings: Settings, resync: Resync, queue: WorkQueue[Key]) -> None:
    # kopf gives up on a kind that is not there when it starts, and on an API server that is not.
    await resync.first_look.wait()
    # It lists everything once more. What the first look found comes first; kopf's list has what happens meanwhile.
    patience_s = _WATCHES_WAIT_S
    while not queue.is_idle and patience_s > 0:
        await asyncio.sleep(_LOOK_EVERY_S)
        patience_s -= _LOOK_EVERY_S
    await watches.run(settings.namespaces)


async def _first_end(tasks: list[asyncio.Task[None]]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    raise OperatorError("a part of the operator has ended")


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with operator(settings) as running:
        where = ", ".join(settings.namespaces) or "all namespaces"
        log.info(
            "the operator of %s; metrics on port %d, health on port %d",
            where,
            running.metrics_port,
            running.health_port,
        )
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, running.stopped], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            if running.stopped.done():
                running.stopped.result()
    log.info("stopped (process %d)", os.getpid())

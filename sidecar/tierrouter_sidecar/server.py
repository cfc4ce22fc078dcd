"""The sidecar process: start everything, serve until told to stop, lose nothing on the way out."""

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from tierrouter_core.routing.forced import Forced
from tierrouter_sidecar.admin_plane import AdminPlane
from tierrouter_sidecar.configuration import LastGood, Source
from tierrouter_sidecar.counters import Counters
from tierrouter_sidecar.credentials import Credentials
from tierrouter_sidecar.data_plane import DataPlane
from tierrouter_sidecar.errors import CredentialError, StartError
from tierrouter_sidecar.guard import own_names
from tierrouter_sidecar.health import Health
from tierrouter_sidecar.http import Handler, HttpServer
from tierrouter_sidecar.ledger import Ledger, TurnLog
from tierrouter_sidecar.live import InForce, LiveConfiguration, documents_of
from tierrouter_sidecar.look_back import LookBack
from tierrouter_sidecar.measured_sessions import MeasuredSessions
from tierrouter_sidecar.memory import give_back_when_quiet
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.output_policy import OutputJudge
from tierrouter_sidecar.record import Bookkeeper
from tierrouter_sidecar.session_file import keep_sessions, load_sessions, sessions_file
from tierrouter_sidecar.settings import MAX_BODY_BYTES, Settings
from tierrouter_sidecar.side_calls import SideCalls
from tierrouter_sidecar.spending import Spending
from tierrouter_sidecar.turn import TurnServer
from tierrouter_sidecar.upstream import Upstream
from tierrouter_telemetry.errors import TelemetryError
from tierrouter_telemetry.sinks import Sinks, open_sinks

log = logging.getLogger("tierrouter")

_ADMIN_BODY_BYTES = 64 * 1024
_FLUSH_S = 5.0
_SALT_FILE = "session-salt"
_DRAIN_STEP_S = 0.02
_STDOUT = 1
BOTH_FAMILIES = "::"
"""Every address of IPv6 and of IPv4: a pod has one of either or both."""
_CUT_S = 1.0
"""How long turns that are cut may take to tell their clients and the ledger."""


@dataclass(slots=True)
class Running:
    """A sidecar that serves."""

    live: LiveConfiguration
    upstream: Upstream
    turns: TurnServer
    data: DataPlane
    data_runner: web.ServerRunner
    admin_runner: web.ServerRunner

    @property
    def port(self) -> int:
        """The data port; tells which one was given where 0 was asked for."""
        return int(self.data_runner.addresses[0][1])

    @property
    def admin_port(self) -> int:
        """The admin port, likewise."""
        return int(self.admin_runner.addresses[0][1])

    async def drain(self, limit_s: float, hurry: asyncio.Event | None = None) -> None:
        """Stop accepting turns and let the running ones end, for at most ``limit_s`` or until ``hurry``; cut the rest.

        A stream that is cut ends in its dialect's error event, and in the ledger.
        """
        self.data.draining = True
        for listening in list(self.data_runner.sites):
            await listening.stop()
        if self.turns.in_flight:
            log.info("stopping: waiting up to %g s for %d running turns", limit_s, self.turns.in_flight)
        if await self._idle(limit_s, hurry):
            return
        log.warning("stopping with %d turns still running; they are cut and written down so", self.turns.in_flight)
        await self.upstream.close()
        await self._idle(_CUT_S, None)

    async def _idle(self, limit_s: float, hurry: asyncio.Event | None) -> bool:
        """Wait until no turn is running or on its way here; whether that is so."""
        end_s = time.monotonic() + limit_s
        while self.turns.in_flight or self.data.reading:
            if time.monotonic() >= end_s or (hurry is not None and hurry.is_set()):
                return False
            await asyncio.sleep(_DRAIN_STEP_S)
        return True


@asynccontextmanager
async def running(
    settings: Settings,
    source: Source,
    credentials: Credentials,
    *,
    require_configuration: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Running]:
    """A sidecar for as long as the context is open; the ledger is flushed when it closes.

    Args:
        require_configuration: fail at once without a usable configuration (a laptop); else start with the last good
            one of this state folder or none, and wait (a pod, whose ConfigMap may come later).
        clock: seconds, by which providers are left alone.

    Raises:
        TierRouterError: it can't start; nothing is left running.
    """
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        turn_log = TurnLog(_STDOUT, _say_of_ledger) if settings.log_turns else None
        ledger = Ledger.open(settings.state_dir, on_problem=_say_of_ledger, turn_log=turn_log)
        stack.push_async_callback(_flush, ledger)
        last_good = None if require_configuration else LastGood(settings.state_dir, settings.router_name)
        health = Health(metrics, clock)
        spending, counters = Spending(), Counters()
        look_back = LookBack(spending, ledger)
        forced = Forced(settings.force_tier, settings.force_model) if settings.force_tier else None
        live = _live(source, metrics, ledger, credentials, health, look_back, counters, last_good, forced)
        upstream = await stack.enter_async_context(Upstream())
        sinks = _sinks(settings)
        stack.push_async_callback(asyncio.to_thread, sinks.close)
        salt = _salt(settings.state_dir)
        turns = TurnServer(
            upstream,
            credentials,
            Bookkeeper(ledger, metrics, sinks),
            metrics,
            health,
            salt,
            settings.pod,
            spending=spending,
            counters=counters,
        )
        turns.measured = MeasuredSessions() if forced is not None else None
        turns.judge = OutputJudge(upstream, metrics)
        sessions = sessions_file(settings.state_dir, settings.port)
        load_sessions(sessions, turns.sessions, turns.seats)
        stack.push_async_callback(_cancel, asyncio.create_task(keep_sessions(sessions, turns.sessions, turns.seats)))
        data = DataPlane(turns, SideCalls(turns), metrics, live, settings)
        called = own_names(settings.admin_host, settings.allowed_hosts)
        admin = AdminPlane(metrics, live, ledger, turns, lambda: data.draining, called)
        head_s = settings.head_patience_s
        data_runner = await _listen(data.handle, settings.host, settings.port, "--port", MAX_BODY_BYTES, head_s)
        stack.push_async_callback(data_runner.cleanup)
        admin_runner = await _listen(
            admin.handle, settings.admin_host, settings.admin_port, "--admin-port", _ADMIN_BODY_BYTES, head_s
        )
        stack.push_async_callback(admin_runner.cleanup)
        for beside in (live.watch(settings.reload_poll_s), give_back_when_quiet(turns)):
            stack.push_async_callback(_cancel, asyncio.create_task(beside))
        yield Running(live, upstream, turns, data, data_runner, admin_runner)


async def serve(
    settings: Settings,
    source: Source,
    credentials: Credentials,
    *,
    on_ready: Callable[[InForce | None], None],
    require_configuration: bool,
) -> None:
    """Run one sidecar until SIGTERM or SIGINT; arguments and errors as in :func:`running`."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        # A second Ctrl-C cuts what is running, but the ledger is still written; a third one ends the process as it is.
        if stop.is_set():
            hurry.set()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with running(settings, source, credentials, require_configuration=require_configuration) as sidecar:
        on_ready(sidecar.live.in_force)
        await stop.wait()
        await sidecar.drain(settings.drain_s, hurry)


def _live(
    source: Source,
    metrics: Metrics,
    ledger: Ledger,
    credentials: Credentials,
    health: Health,
    look_back: LookBack,
    counters: Counters,
    last_good: LastGood | None,
    forced: Forced | None,
) -> LiveConfiguration:
    def on_change(new: InForce) -> None:
        documents = documents_of(new)
        metrics.adopt(each.document for each in documents)
        health.keep(*(each.document for each in documents))
        # The canary has the same caps: what is tried is models and thresholds.
        look_back.take_up(new.document)
        _warn_of_missing_keys(documents, credentials)
        counters.adopt(new)
        for each in documents:
            # Of a forced tier's that one is left, perhaps with another model: no report may take it for the revision.
            if not each.is_forced:
                ledger.record_document(each.document, each.revision)

    live = LiveConfiguration(source, metrics, on_change, last_good, forced, look_back.prepare)
    if last_good is None:
        live.load()
    else:
        live.load_what_there_is()
    return live


def _sinks(settings: Settings) -> Sinks:
    try:
        return open_sinks(otel=settings.otel, statsd=settings.statsd, pod=settings.pod)
    except TelemetryError as error:
        raise StartError(str(error)) from None


def _say_of_ledger(message: str) -> None:
    log.error("%s", message)


async def _flush(ledger: Ledger) -> None:
    if not await asyncio.to_thread(ledger.close, _FLUSH_S):
        log.error("the ledger could not be flushed within %g s", _FLUSH_S)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _listen(
    handler: Handler, host: str, port: int, flag: str, max_body_bytes: int, head_patience_s: float
) -> web.ServerRunner:
    # Turns have ended or were cut before the server closes, so what is left waits for a client that does not read.
    server = HttpServer(handler, max_body_bytes=max_body_bytes, head_patience_s=head_patience_s)
    runner = web.ServerRunner(server, shutdown_timeout=_CUT_S)
    await runner.setup()
    try:
        if host == BOTH_FAMILIES and socket.has_dualstack_ipv6():
            both = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
            await web.SockSite(runner, both, backlog=1024).start()
        else:
            await web.TCPSite(runner, "0.0.0.0" if host == BOTH_FAMILIES else host, port, backlog=1024).start()  # noqa: S104
    except OSError as error:
        await runner.cleanup()
        raise StartError(_why_not_listening(error, host, port, flag)) from None
    return runner


def _why_not_listening(error: OSError, host: str, port: int, flag: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what listens there or choose another with {flag}"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user; choose one above 1023 with {flag}"
    if isinstance(error, socket.gaierror):
        return f"the host {host!r} is unknown ({error.strerror}); name an address of this machine, such as 127.0.0.1"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; name one that is, such as 127.0.0.1"
    return f"can't listen on port {port} of {host}: {error.strerror or error}"


def _warn_of_missing_keys(documents: Sequence[InForce], credentials: Credentials) -> None:
    used = {tier.provider: each.document for each in documents for tier in each.document.tiers.values()}
    for name, document in sorted(used.items()):
        try:
            credentials.key_of(document.providers[name], time.monotonic())
        except CredentialError as error:
            log.warning("%s", error)


def _salt(state_dir: Path) -> bytes:
    """The secret that makes derived session keys pseudonymous; made once per state folder."""
    file = state_dir / _SALT_FILE
    with contextlib.suppress(OSError):
        salt = file.read_bytes()
        if len(salt) == 32:
            return salt
    salt = secrets.token_bytes(32)
    with contextlib.suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(salt)
    return salt

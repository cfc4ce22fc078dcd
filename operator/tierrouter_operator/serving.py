"""The operator's own pages: is it alive, is it ready, what has it done."""

import ssl
import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tierrouter_operator.errors import OperatorError
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.resync import Resync

_MISSED_INTERVALS = 3


def health_app(resync: Resync) -> web.Application:
    """``/healthz`` fails when no resync was even attempted for three intervals, ``/readyz`` while none succeeds."""

    async def healthz(_: web.Request) -> web.Response:
        silent_s = time.monotonic() - resync.attempted_at
        if silent_s > _MISSED_INTERVALS * max(resync.interval_s, 1.0):
            return web.Response(status=503, text=f"no resync was attempted for {silent_s:.0f} s\n")
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if resync.problem:
            return web.Response(status=503, text=f"{resync.problem}\n")
        return web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def metrics_app(metrics: Metrics, refresh: Callable[[], None]) -> web.Application:
    """``/metrics``; ``refresh`` brings the gauges up to date first."""

    async def page(_: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/metrics", page)])
    return app


async def serve(
    app: web.Application, host: str, port: int, what: str, tls: ssl.SSLContext | None = None
) -> web.AppRunner:
    """Serve until the runner is cleaned up; port 0 is any.

    Raises:
        OperatorError: the port can't be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or error
        raise OperatorError(f"the {what} port {host}:{port} can't be used: {reason}; choose another") from None
    return runner


def port_of(runner: web.AppRunner) -> int:
    """The port that a runner serves on."""
    return int(runner.addresses[0][1])

"""The webhook, put together and run."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tierrouter_core.contract import WEBHOOK
from tierrouter_operator.client import Client, read_access
from tierrouter_operator.events import EventPoster
from tierrouter_operator.serving import port_of, serve
from tierrouter_operator.webhook.admission import Admission
from tierrouter_operator.webhook.certificates import CertificateFolder, CertificateKeeper, ServedCertificate
from tierrouter_operator.webhook.knowledge import Knowledge
from tierrouter_operator.webhook.metrics import WebhookMetrics
from tierrouter_operator.webhook.settings import WebhookSettings

log = logging.getLogger("tierrouter.webhook")


@dataclass(frozen=True, slots=True)
class RunningWebhook:
    """A webhook that runs."""

    certificate: ServedCertificate
    metrics: WebhookMetrics
    port: int
    admin_port: int


@asynccontextmanager
async def webhook(settings: WebhookSettings) -> AsyncIterator[RunningWebhook]:
    """Run a webhook while the context is open.

    Raises:
        OperatorError: it can't start.
    """
    access = await read_access(settings.kubeconfig, settings.context)
    metrics = WebhookMetrics()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(access, WEBHOOK))
        events = EventPoster(client, socket.gethostname(), metrics.events_dropped.inc, WEBHOOK)
        where = settings.certificates
        source = CertificateFolder(where) if isinstance(where, Path) else CertificateKeeper(client, where)
        certificate = ServedCertificate(source, metrics)
        await certificate.refresh()
        page = await serve(_admin_app(metrics, certificate), settings.host, settings.admin_port, "admin")
        stack.push_async_callback(page.cleanup)
        admission = Admission(Knowledge(client), settings.sidecar, events, metrics)
        door = await serve(admission.app(), settings.host, settings.port, "webhook", certificate.context)
        stack.push_async_callback(door.cleanup)
        tasks = [
            asyncio.create_task(certificate.keep(settings.certificate_check_s)),
            asyncio.create_task(events.run()),
        ]
        try:
            yield RunningWebhook(certificate, metrics, port_of(door), port_of(page))
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


def _admin_app(metrics: WebhookMetrics, certificate: ServedCertificate) -> web.Application:
    """``/healthz``, ``/readyz`` (there is a certificate to serve with) and ``/metrics``."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if not certificate.is_there:
            return web.Response(status=503, text=f"{certificate.problem}\n")
        return web.Response(text="ok\n")

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", page)])
    return app


async def run(settings: WebhookSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with webhook(settings) as running:
        log.info("the webhook; admissions on port %d, health and metrics on port %d", running.port, running.admin_port)
        await stop.wait()
    log.info("stopped")

"""A server in the place of Prometheus that is behind TLS and answers whoever shows its token."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from tierrouter_operator.webhook.authority import CA_CERTIFICATES, CERTIFICATE, KEY, Lifetimes, renewed

LIFETIMES = Lifetimes(leaf=timedelta(days=7), ca=timedelta(days=60), notice=timedelta(hours=1))
SECRET = "eyJhbGciOiJSUzI1NiJ9.hunter2"


class Guarded:
    """Answers who shows ``token``; ``bundle`` has its authority."""

    def __init__(self, folder: Path, body: bytes) -> None:
        self.token, self.body, self.url, self.asked = SECRET, body, "", 0
        files = renewed({}, ("localhost",), datetime.now(UTC), LIFETIMES)
        for part in (CERTIFICATE, KEY):
            (folder / part).write_bytes(files[part])
        self.bundle = files[CA_CERTIFICATES]
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(folder / CERTIFICATE, folder / KEY)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"status": "error", "error": "Unauthorized"}, status=401)
        return web.Response(body=self.body, content_type="application/json")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Guarded"]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "localhost", 0, ssl_context=self.tls).start()
        self.url = f"https://localhost:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

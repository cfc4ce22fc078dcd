"""An API server that misbehaves: a proxy in front of the real one that refuses, drops, or is not there."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from control_plane import read_kubeconfig

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}
_SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)
Fault = Callable[[web.Request], web.Response | None]


class Proxy:
    """Passes everything on, with the real user's rights, as long as nothing is set."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        """For a client that goes through the proxy."""
        self.fault: Fault | None = None
        """Asked for each request; an answer from it is given in the server's stead."""
        self.seen: list[tuple[str, str]] = []
        """Method and path with query of every request."""
        self._open: dict[int, web.Request] = {}
        self._is_down = False

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Requests that change something, other than events."""
        return [(method, path) for method, path in self.seen if method != "GET" and "/events" not in path]

    def go_down(self) -> None:
        """Every connection ends, and no request is answered any more."""
        self._is_down = True
        self.drop()

    def come_back(self) -> None:
        self._is_down = False

    def drop(self) -> None:
        """Cut every request that is under way, watches above all."""
        for request in tuple(self._open.values()):
            if request.transport is not None:
                request.transport.abort()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._is_down:
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        self.seen.append((request.method, request.path_qs))
        answer = self.fault(request) if self.fault is not None else None
        if answer is not None:
            return answer
        self._open[id(request)] = request
        try:
            return await self._pass_on(request)
        finally:
            self._open.pop(id(request), None)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {*_HOP, "authorization"}
        }
        session = request.app[_SESSION]
        with suppress(ConnectionResetError):
            return await self._answer(session, request, headers)
        return web.Response(status=499)  # Nobody is there to read it.

    async def _answer(
        self, session: aiohttp.ClientSession, request: web.Request, headers: dict[str, str]
    ) -> web.StreamResponse:
        async with session.request(
            request.method, request.raw_path, headers=headers, data=await request.read() or None
        ) as upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in _HOP}
            response = web.StreamResponse(status=upstream.status, headers=kept)
            await response.prepare(request)
            async for piece in upstream.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


@asynccontextmanager
async def proxy_to(kubeconfig: Path, folder: Path) -> AsyncIterator[Proxy]:
    """A proxy to the API server of `kubeconfig`; its own kubeconfig is written into `folder`."""
    access = await read_kubeconfig(kubeconfig)
    proxy = Proxy(folder / "proxy.kubeconfig")
    bearer = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    connector = aiohttp.TCPConnector(ssl=access.tls, limit=0)
    async with aiohttp.ClientSession(
        access.server, headers=bearer, connector=connector, timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        app = web.Application(client_max_size=8 << 20)
        app[_SESSION] = session
        app.router.add_route("*", "/{tail:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
            "users": [{"name": "u", "user": {"token": "unused"}}],
            "contexts": [{"name": "kind-proxy", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "kind-proxy",
        }
        proxy.kubeconfig.write_text(yaml.safe_dump(document))
        try:
            yield proxy
        finally:
            proxy.drop()
            await runner.cleanup()

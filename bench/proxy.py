"""The small proxies that TierRouter is compared with: aiohttp and uvloop, nothing else."""

import argparse
import asyncio
from collections.abc import Callable

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
MAX_BODY_BYTES = 32 * 1024 * 1024


class Proxy:
    """Read the body, change it, post it on, stream the answer back."""

    def __init__(self, session: ClientSession, upstream: str, rewrite: Callable[[bytes], bytes]) -> None:
        self._session = session
        self._upstream = upstream
        self._rewrite = rewrite

    async def ready(self, request: web.Request) -> web.Response:
        """Say that requests are served."""
        return web.Response(text="ready")

    async def relay(self, request: web.Request) -> web.StreamResponse:
        """One request there and back."""
        body = self._rewrite(await request.read())
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._session.post(self._upstream + request.path_qs, data=body, headers=headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for data in answer.content.iter_any():
                await response.write(data)
            await response.write_eof()
            return response


async def serve(port: int, upstream: str, rewrite: Callable[[bytes], bytes]) -> None:
    """Serve until killed."""
    connector = TCPConnector(limit=0)
    timeout = ClientTimeout(total=None)
    async with ClientSession(connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()) as session:
        proxy = Proxy(session, upstream, rewrite)
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/readyz", proxy.ready)
        app.router.add_post("/{path:.*}", proxy.relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


def main(rewrite: Callable[[bytes], bytes]) -> None:
    """The command line of either proxy."""
    import uvloop

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="origin of the provider, without a slash at the end")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.upstream, rewrite))

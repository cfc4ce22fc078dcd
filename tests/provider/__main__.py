"""``python -m provider --port N [--fast]``: the provider as a process of its own."""

import argparse
import asyncio
import contextlib

from provider.fast import CannedAnswers, serve
from provider.server import ScriptedProvider


async def _fast(host: str, port: int, events: int) -> None:
    server = await serve(host, port, CannedAnswers(events=events))
    async with server:
        await server.serve_forever()


async def _scripted(host: str, port: int) -> None:
    async with ScriptedProvider(host=host, port=port) as provider:
        print(provider.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fast", action="store_true", help="prebuilt answers, no recording, no script")
    parser.add_argument("--events", type=int, default=200, help="events in a streamed answer of the fast mode")
    options = parser.parse_args()
    work = _fast(options.host, options.port, options.events) if options.fast else _scripted(options.host, options.port)
    with contextlib.suppress(KeyboardInterrupt):
        if options.fast:
            with contextlib.suppress(ImportError):
                import uvloop

                uvloop.run(work)
                return
        asyncio.run(work)


if __name__ == "__main__":
    main()

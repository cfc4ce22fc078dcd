"""The scripted provider in a pod: answers every model, slowly where it is asked to, and tells which keys it was sent."""

import asyncio
import re

from aiohttp import web

from provider import Answer, Delivery, RecordedRequest, ScriptedProvider


def answer(request: RecordedRequest) -> Answer:
    """``slow N`` in a request means N words, ten of them a second."""
    asked = re.search(rb"slow (\d+)", request.body)
    if asked is None:
        return Answer(text="Done.")
    words = " ".join(f"word{number}" for number in range(int(asked[1])))
    return Answer(text=words, delivery=Delivery(event_delay_s=0.1))


async def main() -> None:
    """Serve until the pod ends."""
    async with ScriptedProvider(host="0.0.0.0", port=9000) as provider:
        provider.always(answer)

        async def keys(_: web.Request) -> web.Response:
            sent = [
                (request.header("authorization") or "").removeprefix("Bearer ") or request.header("x-api-key") or ""
                for request in provider.requests
            ]
            return web.json_response({"requests": len(sent), "last": sent[-1:], "keys": sorted(set(sent))})

        app = web.Application()
        app.add_routes([web.get("/keys", keys)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 9001).start()
        await asyncio.Event().wait()


asyncio.run(main())

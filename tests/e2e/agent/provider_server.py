"""The scripted provider in a pod: answers every model, slowly where it is asked to, and tells which keys it was sent.

``PUT /behaviour`` beside the keys says how well a model does, by its id: ``{"gpt-5.5": {"wrongEvery": 10, "errorEvery":
3}}`` solves nine of ten tasks of a suite and fails every third request.
"""

import asyncio
import re
from collections import Counter

from aiohttp import web

from provider import Answer, Delivery, RecordedRequest, ScriptedProvider, Status, Step

behaviour: dict[str, dict[str, int]] = {}
requests_of: Counter[str] = Counter()


def answer(request: RecordedRequest) -> Step:
    """``slow N`` in a request means N words, ten of them a second; ``task N`` is one of a suite."""
    model = str(request.json.get("model"))
    does = behaviour.get(model, {})
    requests_of[model] += 1
    if "errorEvery" in does and requests_of[model] % does["errorEvery"] == 0:
        return Status(500)
    task = re.search(rb"task (\d+)", request.body)
    if task is not None:
        return Answer(text="wrong" if "wrongEvery" in does and int(task[1]) % does["wrongEvery"] == 0 else "right")
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

        async def behave(asked: web.Request) -> web.Response:
            behaviour.clear()
            behaviour.update(await asked.json())
            return web.json_response(behaviour)

        app = web.Application()
        app.add_routes([web.get("/keys", keys), web.put("/behaviour", behave)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 9001).start()
        await asyncio.Event().wait()


asyncio.run(main())

"""The scripted provider in a pod: answers every model, slowly where it is asked to, and tells which keys it was sent.

``PUT /behaviour`` beside the keys says how well a model does, by its id: ``{"gpt-5.5": {"wrongEvery": 10, "errorEvery":
3}}`` solves nine of ten tasks of a suite and fails every third request. ``PUT /answers`` says what solves the tasks of
the built-in suite, ``[[prompt, answer], ...]``, which count as tasks 0, 1, and so on.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from provider import Answer, Delivery, RecordedRequest, ScriptedProvider, Status, Step

behaviour: dict[str, dict[str, int]] = {}
answers: dict[str, tuple[int, str]] = {}
requests_of: Counter[str] = Counter()


def answer(request: RecordedRequest) -> Step:
    """``slow N`` in a request means N words, ten of them a second; ``task N`` is one of a suite."""
    model = str(request.json.get("model"))
    does = behaviour.get(model, {})
    requests_of[model] += 1
    if "errorEvery" in does and requests_of[model] % does["errorEvery"] == 0:
        return Status(500)
    asked_for = next((answers[text] for text in texts(request.json) if text in answers), None)
    if asked_for is not None:
        number, right = asked_for
        return Answer(text="wrong" if "wrongEvery" in does and number % does["wrongEvery"] == 0 else right)
    task = re.search(rb"task (\d+)", request.body)
    if task is not None:
        return Answer(text="wrong" if "wrongEvery" in does and int(task[1]) % does["wrongEvery"] == 0 else "right")
    asked = re.search(rb"slow (\d+)", request.body)
    if asked is None:
        return Answer(text="Done.")
    words = " ".join(f"word{number}" for number in range(int(asked[1])))
    return Answer(text=words, delivery=Delivery(event_delay_s=0.1))


def texts(value: Any) -> Iterator[str]:
    """Every text of a request, whatever its dialect."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


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

        async def know(asked: web.Request) -> web.Response:
            answers.clear()
            answers.update({prompt: (number, text) for number, (prompt, text) in enumerate(await asked.json())})
            return web.json_response(len(answers))

        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.add_routes([web.get("/keys", keys), web.put("/behaviour", behave), web.put("/answers", know)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 9001).start()
        await asyncio.Event().wait()


asyncio.run(main())

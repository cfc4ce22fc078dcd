"""Whatever stands at the address of Prometheus, the operator has counts or a sentence within its time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

sys.path.append(str(Path(__file__).parents[1] / "rollout"))

from prometheus_answers import answer_of

from tierrouter_core.rollout.arms import Arms, Figure, arm_of
from tierrouter_operator.errors import OperatorError
from tierrouter_operator.planning.kinds import ROUTER, Key
from tierrouter_operator.prometheus import Prometheus

ROUTER_KEY = Key(ROUTER, "agents", "coding")
COUNTS = Arms(arm_of([{}] * 90, [10] * 90), arm_of([{Figure.ERRORS: 1}] * 10, [10] * 10))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def counts(url: str, label: str = "namespace", answer_s: float = 5.0) -> Arms | str:
    async with Prometheus(url, label, answer_s) as prometheus:
        return await prometheus.counts(ROUTER_KEY, "coding-1/salt/since", 90.0)


@pytest.mark.parametrize("path", ["", "/", "/prometheus"])
async def test_it_is_asked_once_for_the_trial_in_the_routers_namespace(path: str) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(body=answer_of(COUNTS), content_type="application/json")

    async with server(answer) as url:
        assert await counts(url + path) == COUNTS
        assert await counts(url + path, label="") == COUNTS
    first, second = asked
    assert (first.method, first.path) == ("GET", f"{path.rstrip('/')}/api/v1/query")
    assert '{trial="coding-1/salt/since", namespace="agents"}[390s]' in first.query["query"]
    assert '{trial="coding-1/salt/since"}[390s]' in second.query["query"]
    assert "authorization" not in first.headers


async def test_a_redirect_is_not_followed() -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with server(answer) as url:
        assert await counts(url) == "answers with status 302"
    assert asked == ["/api/v1/query"]


async def test_one_that_hangs_is_left() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with server(answer) as url:
        assert await counts(url, answer_s=0.1) == "gives no answer within 0.1 s"


async def test_one_that_talks_for_ever_is_left_too() -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    async with server(slowly) as url:
        assert await counts(url, answer_s=0.1) == "gives no answer within 0.1 s"


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with server(answer) as url:
        assert await counts(url) == "answers with more than 256 KiB"


async def test_one_that_hangs_up_is_said_to() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with server(answer) as url:
        said = await counts(url)
    assert isinstance(said, str) and said.startswith("can't be reached (")
    assert await counts(url) == "can't be reached (ClientConnectorError)", "it is gone"


async def test_a_server_that_is_another_is_found_out() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    async with server(answer) as url:
        assert "is there another server at that address?" in str(await counts(url))


@pytest.mark.parametrize(
    ("url", "label", "said"),
    [
        ("prometheus.monitoring:9090", "namespace", "no http or https address"),
        ("https://user:hunter2@prometheus.example.com", "namespace", "no http or https address"),
        ("https://prometheus.example.com?tenant=1", "namespace", "no http or https address"),
        ("http://prometheus.example.com", "namespace", "plain http to a host outside of the cluster"),
        ("https://prometheus.example.com", 'namespace="a"', "is no name of a label"),
    ],
)
def test_what_is_no_address_ends_the_operator_at_its_start(url: str, label: str, said: str) -> None:
    with pytest.raises(OperatorError) as error:
        Prometheus(url, label)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["http://prometheus.monitoring.svc:9090", "http://10.1.2.3:9090/prom", "https://metrics.example.com/select/0"],
)
def test_an_address_is_https_or_in_the_cluster(url: str) -> None:
    Prometheus(url, "namespace")

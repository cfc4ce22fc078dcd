"""Where a notification goes, and where it never does."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tierrouter_operator.errors import NotFoundError
from tierrouter_operator.notify import Notifier, unusable
from tierrouter_operator.planning.writes import Tell

TELL = Tell("agents", "slack", "url", "TierRouter agents/coding: revision coding-0123456789 came into force")


class Secrets:
    """The one Secret, as the API server gives it."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    async def get(self, path: str) -> dict[str, Any]:
        assert path == "/api/v1/namespaces/agents/secrets/slack"
        if self.address is None:
            raise NotFoundError("there is no such Secret")
        return {"data": {"url": base64.b64encode(self.address.encode()).decode()}}


@asynccontextmanager
async def hook(*statuses: int) -> AsyncIterator[tuple[str, list[Any]]]:
    """An address that answers with these in turn, then with the last of them; and what it got."""
    got: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        status = statuses[min(len(got), len(statuses)) - 1]
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/T0-secret", got
    finally:
        await runner.cleanup()


async def told(address: str | None, tell: Tell = TELL) -> bool:
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    notifier = Notifier(Secrets(address), done.set_result, attempts_after_s=(0.0, 0.01, 0.01))  # type: ignore[arg-type]
    running = asyncio.create_task(notifier.run())
    notifier.tell(tell)
    try:
        return await asyncio.wait_for(done, 10)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.parametrize(
    ("statuses", "is_told", "attempts"),
    [((200,), True, 1), ((503, 429, 200), True, 3), ((500,), False, 3), ((404,), False, 1), ((302,), False, 1)],
)
async def test_it_is_posted_as_slack_takes_it_and_tried_again_where_that_may_help(
    statuses: tuple[int, ...], is_told: bool, attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with hook(*statuses) as (address, got):
        assert await told(address) is is_told
    assert got == [{"text": TELL.text}] * attempts
    assert "T0-secret" not in caplog.text
    assert ("could not be delivered" in caplog.text) is not is_told


async def test_what_a_harness_said_pings_nobody_and_is_no_link_in_slack() -> None:
    said = "the first because: <!channel> <https://evil.example|your bill> & 1 < 2"
    async with hook(200) as (address, got):
        assert await told(address, replace(TELL, text=said)) is True
        assert await told(address, replace(TELL, text="<" * 50_000)) is True
    assert got[0]["text"] == (
        "the first because: &lt;!channel&gt; &lt;https://evil.example|your bill&gt; &amp; 1 &lt; 2"
    )
    assert len(got[1]["text"]) < 40_000, "Slack cuts off what is longer"
    assert got[1]["text"].endswith("&lt;…")


async def test_the_same_is_told_once_however_often_its_step_has_to_be_written() -> None:
    async with hook(200) as (address, got):
        done: asyncio.Queue[bool] = asyncio.Queue()
        notifier = Notifier(Secrets(address), done.put_nowait)  # type: ignore[arg-type]
        running = asyncio.create_task(notifier.run())
        for number in (1, 1, 2, 1, 2):
            notifier.tell(replace(TELL, text=str(number)))
        assert [await done.get(), await done.get()] == [True, True]
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert sorted(each["text"] for each in got) == ["1", "2"]
    assert done.empty()


class Addresses(Secrets):
    """Each Secret has an address of its own."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses

    async def get(self, path: str) -> dict[str, Any]:
        address = self._addresses[path.rpartition("/")[2]]
        return {"data": {"url": base64.b64encode(address.encode()).decode()}}


@asynccontextmanager
async def notifying(addresses: dict[str, str], attempts_after_s: tuple[float, ...]) -> AsyncIterator[Notifier]:
    notifier = Notifier(Addresses(addresses), lambda _: None, attempts_after_s)  # type: ignore[arg-type]
    running = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_an_address_gets_what_happened_in_its_order_though_the_first_had_to_be_tried_again() -> None:
    async with hook(503, 200, 200) as (address, got), notifying({"slack": address}, (0.0, 0.2)) as notifier:
        for text in ("it is tried", "it took over"):
            notifier.tell(replace(TELL, text=text))
        await until(lambda: len(got) == 3)
    assert [each["text"] for each in got] == ["it is tried", "it is tried", "it took over"]


async def test_addresses_that_hang_keep_no_other_waiting() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hang)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hanging = {f"hanging-{number}": f"http://127.0.0.1:{runner.addresses[0][1]}/hook" for number in range(8)}
    async with hook(200) as (address, got), notifying({**hanging, "slack": address}, (0.0,)) as notifier:
        for secret in hanging:
            for number in range(100):
                notifier.tell(replace(TELL, secret=secret, text=str(number)))
            if secret == "hanging-2":
                notifier.tell(TELL)
        await until(lambda: len(got) == 1)
    await runner.cleanup()


@pytest.mark.parametrize(
    "address", [None, "http://127.0.0.1:9/T0-secret", "sk-T0-secret", "http://example.com/T0-secret"]
)
async def test_what_can_not_be_told_is_counted_and_no_log_has_the_address(
    address: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await told(address) is False
    assert "T0-secret" not in caplog.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", ""),
        ("https://example.com/hook?code=1", ""),
        ("http://alerts.monitoring.svc/hook", ""),
        ("http://10.0.0.1:8080/hook", ""),
        ("http://hooks.slack.com/services/T0/B0/x", "plain http"),
        ("https://user:password@example.com/", "no http or https address"),
        ("file:///etc/passwd", "no http or https address"),
        ("", "no text"),
    ],
)
def test_an_address_is_https_or_in_the_cluster(address: str, said: str) -> None:
    assert said in unusable(address)
    assert bool(unusable(address)) is bool(said)

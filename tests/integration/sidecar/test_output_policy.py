"""A service of the user's own judges answers when they are over; the session's next turn knows."""

import asyncio
import json

import pytest
from aiohttp import web
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK

from provider import Answer, closed_port

RULE = '\n    - {name: flagged, when: "turn.output_flagged", tier: deep}'
BAD = Answer(text=["This is ", "bad."], thinking="a thought")
GOOD = Answer(text="This is good.")


class Policy:
    """The service."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.headers: list[dict] = []
        self.answer = None
        self.delay_s = 0.0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delay_s)
        if self.answer is not None:
            return self.answer()
        return web.json_response({"flagged": "bad" in body["text"]})


@pytest.fixture
async def policy():
    service = Policy()
    runner = web.ServerRunner(web.Server(service.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/check"
    yield service
    await runner.cleanup()


def judged(provider, url: str, more: str = "", **dialects: str) -> str:
    text = router_text(provider.base_url, more=f"  outputPolicy: {{endpoint: {json.dumps(url)}{more}}}", **dialects)
    return text.replace("  rules:\n", f"  rules:{RULE}\n")


@pytest.mark.parametrize("spoken", ["same", "other"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES])
async def test_what_the_service_flags_the_next_turn_knows(start, provider, policy, dialect, stream, spoken):
    other = {CHAT: MESSAGES, MESSAGES: CHAT, RESPONSES: CHAT}[dialect]
    dialects = {"dialects": other} if spoken == "other" else {}
    sidecar = await start(judged(provider, policy.url, **dialects))
    headers = {"x-tierrouter-session": "s"}
    body = {**ASK[dialect], "stream": stream}
    provider.always(GOOD)
    assert (await sidecar.post(PATHS[dialect], body, headers)).tier == "routine"
    await sidecar.running.turns.judge.settled()
    provider.always(BAD)
    assert (await sidecar.post(PATHS[dialect], body, headers)).tier == "routine"
    await sidecar.running.turns.judge.settled()
    assert [asked["text"] for asked in policy.asked] == ["This is good.", "This is bad."]
    provider.always(GOOD)
    assert (await sidecar.post(PATHS[dialect], body, headers)).tier == "deep"
    await sidecar.running.turns.judge.settled()
    assert (await sidecar.post(PATHS[dialect], body, headers)).tier == "routine", "the one after is judged anew"
    assert await sidecar.metric('tierrouter_output_policy_total{outcome="flagged"}') == 1


async def test_the_service_gets_the_answer_and_nothing_else(start, provider, policy):
    sidecar = await start(judged(provider, policy.url))
    provider.always(BAD)
    await sidecar.post(PATHS[CHAT], ASK[CHAT], {"authorization": "Bearer of-the-agent", "x-tierrouter-session": "s"})
    await sidecar.running.turns.judge.settled()
    ((asked, headers),) = zip(policy.asked, policy.headers, strict=True)
    assert set(asked) == {"turn", "session", "text"}
    everything = json.dumps([asked, headers])
    assert ASK[CHAT]["messages"][0]["content"] not in everything
    assert "a thought" not in everything
    assert not {name.lower() for name in headers} & {"authorization", "x-api-key", "cookie"}


def redirecting() -> web.Response:
    return web.Response(status=307, headers={"location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize("on_failure", ["Open", "Closed"])
@pytest.mark.parametrize(
    ("fails", "why"),
    [
        (lambda: web.Response(status=500), "it answered 500"),
        (lambda: web.Response(text="no"), "its answer is not"),
        (lambda: web.json_response({"flagged": "no"}), "its answer is not"),
        (lambda: web.json_response([]), "its answer is not"),
        (redirecting, "it answered 307"),
        ("late", "it did not answer in 200 ms"),
        ("gone", "can't be reached"),
    ],
)
async def test_where_it_fails_the_answer_counts_as_the_router_says(
    start, provider, policy, caplog, on_failure, fails, why
):
    url = f"http://127.0.0.1:{closed_port()}/" if fails == "gone" else policy.url
    policy.delay_s = 2.0 if fails == "late" else 0.0
    policy.answer = fails if callable(fails) else None
    sidecar = await start(judged(provider, url, f", timeout: 200ms, onFailure: {on_failure}"))
    provider.always(GOOD)
    headers = {"x-tierrouter-session": "s"}
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT], headers)).status == 200
    await sidecar.running.turns.judge.settled()
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT], headers)
    assert got.tier == ("deep" if on_failure == "Closed" else "routine")
    assert why in caplog.text
    assert await sidecar.metric('tierrouter_output_policy_total{outcome="failed"}') >= 1


async def test_nobody_waits_for_it(start, provider, policy):
    policy.delay_s = 1.5
    sidecar = await start(judged(provider, policy.url))
    provider.always(BAD)
    async with asyncio.timeout(1.0):
        for _ in range(3):
            got = await sidecar.post(PATHS[MESSAGES], ASK[MESSAGES], {"x-tierrouter-session": "s"})
            assert got.tier == "routine"

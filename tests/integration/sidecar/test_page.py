"""The summary and the page of a real sidecar: what they show, to whom, and what they never show."""

import asyncio
import json

import aiohttp
import pytest
from reliability import CHAT, PATHS
from routers import SPARE_KEY, VENDOR_KEY, router_text
from test_failover import ASK

from provider import Answer, ScriptedProvider, Status
from provider.usage import Tokens
from tierrouter_core.summary import MOST_RECENT
from tierrouter_core.summary.codec import summary_from_json
from tierrouter_core.summary.view import view_of
from tierrouter_sidecar.guard import is_of_this_machine

SECRET_WORDS = "the launch code is 0000"
SESSION = "a-session-of-somebody"
FILES = {
    "/": "text/html",
    "/page.css": "text/css",
    "/page.js": "text/javascript",
    "/icon.svg": "image/svg+xml",
}
MORE = """  deepShare: {maxPercent: 5, by: Turns, window: 24h, minPrompts: 3, action: Alert}
  budgets: [{name: day, scope: Router, window: 24h, limitUSD: "1.00", onExhausted: Warn}]"""


async def figures(sidecar):
    return summary_from_json((await sidecar.get(sidecar.admin_url + "/summary")).json)


async def view(sidecar):
    return (await sidecar.get(sidecar.admin_url + "/view")).json


async def test_the_summary_says_what_was_served_by_whom_and_why(start, provider):
    sidecar = await start(router_text(provider.base_url, more=MORE))
    provider.always(Answer(usage=Tokens(input=10_000, cached=8_000, output=500)))
    for _ in range(3):
        await sidecar.post(PATHS[CHAT], ASK[CHAT])
    await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-hint": "deep"})
    await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-task": '{"file_count": 12}'})
    made = await figures(sidecar)
    by_name = {tier.name: tier for tier in made.tiers}
    assert {name: tier.turns for name, tier in by_name.items()} == {
        "routine": 3,
        "reasoning": 1,
        "deep": 1,
        "local": 0,
        "fallback": 0,
    }
    assert [tier.name for tier in made.tiers if tier.expensive] == ["reasoning", "deep"]
    assert made.reasons == {"Default": 1, "Session": 2, "Hint": 1, "Rule": 1}
    assert made.outcomes == {"answered": 5}
    routine = by_name["routine"]
    assert (routine.input_tokens, routine.cache_read_tokens, routine.output_tokens) == (6000, 24_000, 1500)
    assert routine.cost_usd == pytest.approx((6000 * 0.95 + 24_000 * 0.16 + 1500 * 4) / 1e6)
    assert sum(routine.first_tokens.counts) == 3
    assert made.saved_usd is not None and made.saved_usd > 0
    assert made.deep_share is not None and made.deep_share.percent == 40.0 and made.deep_share.exceeded
    assert made.budgets[0].used_share == pytest.approx(made.cost_usd, rel=0.01)
    assert [(turn.tier, turn.reason, turn.rule) for turn in made.recent[:2]] == [
        ("reasoning", "Rule", "wide-change"),
        ("deep", "Hint", ""),
    ]
    metric = await sidecar.metric('tierrouter_turns_total{model="kimi-k2-6",outcome="answered",tier="routine"}')
    assert metric == routine.turns


async def test_the_page_and_the_terminal_show_the_same(start, provider):
    sidecar = await start(router_text(provider.base_url, more=MORE))
    await sidecar.post(PATHS[CHAT], ASK[CHAT])
    shown, mine = await view(sidecar), view_of(await figures(sidecar))
    assert [fact["value"] for fact in shown["facts"]] == [fact.value for fact in mine.facts]
    assert [tier["cost"] for tier in shown["tiers"]] == [tier.cost for tier in mine.tiers]
    assert [part["note"] for part in shown["reasons"]] == [part.note for part in mine.reasons]


async def test_what_is_failing_is_said(start, provider):
    async with ScriptedProvider() as other:
        sidecar = await start(router_text(provider.base_url, other.base_url))
        provider.script(Status(429, headers={"retry-after": "120"}))
        await sidecar.post(PATHS[CHAT], ASK[CHAT])
        shown = await view(sidecar)
        (problem,) = shown["problems"]
        assert problem["text"].startswith("vendor, model moonshotai/kimi-k2.6, is throttled for another ")
        assert [(part["name"], part["count"]) for part in shown["errors"]] == [("vendor: throttled", "1")]
        assert shown["recent"][0]["why"] == "Failover"


@pytest.mark.parametrize("path", FILES)
async def test_a_browser_may_load_nothing_but_the_page_itself(sidecar, path):
    got = await sidecar.get(sidecar.admin_url + path)
    assert (got.status, (got.header("content-type") or "").partition(";")[0]) == (200, FILES[path])
    policy = got.header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert "frame-ancestors 'none'" in policy
    assert got.header("x-content-type-options") == "nosniff"
    assert got.header("access-control-allow-origin") is None
    assert (
        b"http://" not in got.body.replace(b'xmlns="http://www.w3.org/2000/svg"', b"") and b"https://" not in got.body
    )
    assert len(got.body) < 10_000


async def test_the_page_is_for_this_machine_alone(sidecar):
    for headers in (
        {"host": "evil.example"},
        {"host": "tierrouter.evil.example:9464"},
        {"origin": "http://evil.example"},
    ):
        for path in (*FILES, "/view", "/summary"):
            assert (await sidecar.get(sidecar.admin_url + path, headers)).status == 403


@pytest.mark.parametrize(
    ("host", "peer", "is_ours"),
    [
        ("127.0.0.1:9464", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("[::1]:9464", "::ffff:127.0.0.1", True),
        ("localhost:9464", "10.0.0.7", False),
        ("localhost:9464", "::ffff:10.0.0.7", False),
        ("10.0.0.7:9464", "127.0.0.1", False),
        ("localhost", None, False),
        ("localhost", "", False),
    ],
)
def test_whoever_only_says_that_it_is_this_machine_is_not_it(host, peer, is_ours):
    assert is_of_this_machine(host, peer) is is_ours


async def test_a_neighbour_of_a_pod_sees_sums_and_no_single_turn(start, provider, monkeypatch):
    sidecar = await start(router_text(provider.base_url), allowed_hosts=("10.0.0.7",))
    await sidecar.post(PATHS[CHAT], ASK[CHAT])
    got = await sidecar.get(sidecar.admin_url + "/summary", {"host": "10.0.0.7:9464"})
    assert (got.status, got.json["total"]["turns"], got.json["recent"]) == (200, 1, [])
    for path in (*FILES, "/view"):
        got = await sidecar.get(sidecar.admin_url + path, {"host": "10.0.0.7:9464"})
        assert got.status == 403 and "port-forward" in got.json["error"]


async def test_no_prompt_no_session_and_no_key_is_in_the_summary_or_the_page(start, provider):
    sidecar = await start(router_text(provider.base_url))
    ask = {**ASK[CHAT], "messages": [{"role": "user", "content": SECRET_WORDS}]}
    provider.always(Answer(text=[SECRET_WORDS]))
    await sidecar.post(PATHS[CHAT], ask, {"x-tierrouter-session": SESSION})
    provider.script(Status(400, message=f"{SECRET_WORDS} is refused, says {VENDOR_KEY}"))
    await sidecar.post(PATHS[CHAT], ask, {"x-tierrouter-hint": SECRET_WORDS})
    provider.script(Status(400, message=f"maximum context length is 10 tokens: {SECRET_WORDS}"))
    await sidecar.post(PATHS[CHAT], {**ask, "model": SECRET_WORDS})
    for path in ("/summary", "/view"):
        body = (await sidecar.get(sidecar.admin_url + path)).body
        assert json.loads(body)["recent"]
        for secret in (SECRET_WORDS, SESSION, VENDOR_KEY, SPARE_KEY):
            assert secret.encode() not in body


async def test_however_many_turns_there_were_what_is_told_stays_small(start, provider):
    sidecar = await start(router_text(provider.base_url))
    await asyncio.gather(*(sidecar.post(PATHS[CHAT], ASK[CHAT]) for _ in range(MOST_RECENT + 20)))
    got = await sidecar.get(sidecar.admin_url + "/summary")
    assert len(got.json["recent"]) == MOST_RECENT
    assert len(got.body) < 32_000


async def test_without_a_path_that_there_is_the_answer_says_which_there_are(sidecar):
    got = await sidecar.get(sidecar.admin_url + "/nothing")
    assert {"/", "/summary", "/view"} <= set(got.json["paths"])


async def test_the_page_needs_no_body_to_be_looked_for(sidecar):
    async with aiohttp.ClientSession() as client, client.head(sidecar.admin_url + "/") as response:
        assert response.status == 200

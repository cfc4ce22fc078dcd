"""A suite's sidecar: one tier serves every turn, nobody stands in for it, and it tells what each task has taken."""

import pytest
from routers import router_text

from provider import Answer, ScriptedProvider, Status, closed_port
from tierrouter_core.errors import TierRouterError
from tierrouter_core.spend.row_facts import is_regression

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGES = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = {"model": "gpt-x", "input": "Hi"}
BODIES = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/responses": RESPONSES}
BUDGET = """
  budgets:
    - {name: all, scope: Router, window: 24h, limitUSD: "0.000001", onExhausted: Reject}
  deepShare: {maxPercent: 0, minPrompts: 0, action: RequireHint}
"""


@pytest.mark.parametrize("path", BODIES)
async def test_it_serves_in_every_dialect_whatever_is_hinted(start, provider, path):
    sidecar = await start(router_text(provider.base_url), force_tier="deep")
    for headers in ({}, {"x-tierrouter-hint": "local"}, {"x-tierrouter-task": '{"sandboxed": true}'}):
        got = await sidecar.post(path, BODIES[path], headers)
        assert (got.status, got.tier) == (200, "deep"), got.body
        assert got.reason == "Forced: every turn of this sidecar is served by tier deep"
        assert got.header("x-tierrouter-revision") == sidecar.running.live.in_force.revision
        assert provider.last.json["model"] == "claude-opus-4-7"
    assert all(is_regression(row) and row.tier == "deep" for row in await sidecar.rows(3))


@pytest.mark.parametrize("path", BODIES)
async def test_a_forced_model_is_one_of_the_tiers_own_provider(start, provider, path):
    sidecar = await start(router_text(provider.base_url), force_tier="routine", force_model="qwen-local")
    got = await sidecar.post(path, BODIES[path])
    assert (got.status, got.tier, got.header("x-tierrouter-model")) == (200, "routine", "qwen-local")
    assert provider.last.json["model"] == "qwen3.6:27b"


@pytest.mark.parametrize(
    ("tier", "model", "said"), [("depp", "", "routine, reasoning"), ("deep", "deepseek-v4-flash", "kimi-k2-6, gpt-5-5")]
)
async def test_what_the_router_does_not_have_keeps_it_from_starting(start, provider, tier, model, said):
    with pytest.raises(TierRouterError, match=said):
        await start(router_text(provider.base_url), force_tier=tier, force_model=model)


async def test_a_failure_is_tried_again_there_and_nobody_stands_in(start, provider: ScriptedProvider, spare):
    sidecar = await start(router_text(provider.base_url, spare.base_url), force_tier="routine")
    provider.script(Status(500), Answer())
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert (got.status, got.tier) == (200, "routine")
    provider.always(Status(503))
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert got.status in (429, 503)
    assert not spare.requests
    assert {row.tier for row in await sidecar.rows(2)} == {"routine"}


async def test_a_provider_that_is_away_is_told_of_by_its_tier(start, provider):
    text = router_text(f"http://127.0.0.1:{closed_port()}/v1", provider.base_url)
    sidecar = await start(text, force_tier="routine")
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert got.status == 429
    assert not provider.requests


async def test_no_limit_has_a_part_in_it_now_or_later(start, provider):
    sidecar = await start(router_text(provider.base_url, more=BUDGET), force_tier="deep", state="kept")
    for _ in range(3):
        assert (await sidecar.post("/v1/chat/completions", CHAT)).status == 200
    await sidecar.rows(3)
    routed = await start(router_text(provider.base_url, more=BUDGET.partition("deepShare")[0]), state="kept")
    assert (await routed.post("/v1/chat/completions", CHAT)).status == 200, "its turns are in no budget"


async def test_sessions_tell_what_each_task_has_taken(start, provider):
    sidecar = await start(router_text(provider.base_url), force_tier="deep")
    for task, turns in (("task-1", 3), ("task-2", 1)):
        for _ in range(turns):
            await sidecar.post("/v1/messages", MESSAGES, {"x-tierrouter-session": task})
    rows = await sidecar.rows(4)
    got = (await sidecar.get(sidecar.admin_url + "/sessions")).json
    assert set(got) == {"task-1", "task-2"}
    for task, taken in got.items():
        mine = [row for row in rows if row.session == task]
        assert taken["calls"] == len(mine)
        assert taken["costUsd"] == pytest.approx(float(sum(row.cost_usd for row in mine)))
        assert taken["costUsd"] > 0
        assert taken["outputTokens"] == sum(row.output_tokens for row in mine)
        assert taken["durationS"] == pytest.approx(sum(row.duration_ms for row in mine) / 1000)


async def test_without_a_forced_tier_there_is_no_such_page(sidecar):
    await sidecar.post("/v1/chat/completions", CHAT)
    assert (await sidecar.get(sidecar.admin_url + "/sessions")).status == 404

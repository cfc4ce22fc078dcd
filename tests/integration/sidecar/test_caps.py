"""Budgets and the share of expensive tiers, by real turns through a real sidecar."""

import asyncio
import json

import pytest
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK

from provider import Answer, Delivery, Status, Tokens

DIALECTS = [CHAT, RESPONSES, MESSAGES]
# One turn of the routine tier: 1,000 x $0.95 + 1,000 x $4 for a million = $0.00495.
TURN = Answer(text="ok", usage=Tokens(input=1000, output=1000))
COST = 0.00495


def capped(provider, **budget: object) -> str:
    words = {"name": "all", "scope": "Router", "window": "24h", "limitUSD": "1.00", "onExhausted": "Reject", **budget}
    return router_text(provider.base_url, more=f"  budgets: [{json.dumps(words)}]")


async def status_of(sidecar) -> dict:
    return json.loads((await sidecar.get(sidecar.admin_url + "/status")).body)["spending"]


async def until_limits(sidecar, wanted: list[str]) -> None:
    async with asyncio.timeout(10):
        while True:
            lines = (await sidecar.get(sidecar.admin_url + "/metrics")).body.decode().splitlines()
            if [line for line in lines if line.startswith("tierrouter_deep_share_limit_ratio{")] == wanted:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_budget_that_is_used_up_refuses_in_the_clients_words_and_says_until_when(start, provider, dialect):
    provider.always(TURN)
    sidecar = await start(capped(provider, limitUSD="0.004"))
    assert (await sidecar.post(PATHS[dialect], ASK[dialect])).status == 200
    got = await sidecar.post(PATHS[dialect], ASK[dialect])
    assert got.status == (429 if dialect is RESPONSES else 402)
    assert got.header("x-should-retry") == "false"
    assert got.header("retry-after") is None
    reset = got.header("x-tierrouter-budget-reset")
    message = got.json["error"]["message"]
    assert "budget all of this router has used $0.00495 of $0.004" in message
    assert reset is not None
    assert reset in message
    assert len(provider.requests) == 1
    assert [row.outcome for row in await sidecar.rows(2)] == ["answered", "refused"]
    assert await sidecar.metric('tierrouter_budgets_exhausted{budget="all"}') == 1


async def test_a_budget_moves_prompts_down_and_lets_the_one_in_progress_end(start, provider):
    provider.always(TURN)
    text = capped(provider, scope="Session", tiers=["deep"], onExhausted="Downgrade", downgradeTo="local",
                  limitUSD="0.001", graceUSD="1.00")  # fmt: skip
    sidecar = await start(text)
    headers = {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT], headers)).tier == "deep"
    loop = [
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "ls", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
    ]
    within = await sidecar.post(PATHS[CHAT], {"model": "auto", "messages": loop}, headers)
    assert within.tier == "deep"
    after = await sidecar.post(PATHS[CHAT], ASK[CHAT], headers)
    assert (after.tier, after.reason.partition(":")[0]) == ("local", "Budget")
    other = await sidecar.post(PATHS[CHAT], ASK[CHAT], {**headers, "x-tierrouter-session": "other"})
    assert other.tier == "deep", "each session has its own"


async def test_a_budget_that_warns_says_so_and_serves(start, provider):
    provider.always(TURN)
    sidecar = await start(capped(provider, onExhausted="Warn", limitUSD="0.001"))
    for _ in range(2):
        got = await sidecar.post(PATHS[CHAT], ASK[CHAT])
        assert got.status == 200
    assert "budget all of this router has used" in (got.header("x-tierrouter-notice") or "")


async def test_fifty_turns_at_once_stay_within_the_bound_that_status_states(start, provider):
    """Their answers come all at the same time, so none of them could see what the others have cost."""
    provider.always(Answer(text="ok", usage=Tokens(input=1000, output=1000), delivery=Delivery(first_delay_s=0.5)))
    sidecar = await start(capped(provider, limitUSD="0.40"))
    body = {**ASK[CHAT], "max_tokens": 4000}
    turns = [
        asyncio.create_task(sidecar.post(PATHS[CHAT], body, {"x-tierrouter-session": f"s-{n}"})) for n in range(50)
    ]
    await asyncio.sleep(0.3)
    (stated,) = (await status_of(sidecar))["budgets"]
    got = await asyncio.gather(*turns)
    served = [each for each in got if each.status == 200]
    assert 10 < len(served) < 50, "some are refused before anything was spent: what is under way is reserved"
    cost = sum(float(row.cost_usd or 0) for row in await sidecar.rows(50))
    assert cost <= 0.40 + stated["overshootUSD"]
    assert (await status_of(sidecar))["budgets"][0]["overshootUSD"] == 0, "what was held is let go of"
    # What was reserved too much is room again.
    assert cost < 0.40
    assert (await sidecar.post(PATHS[CHAT], body)).status == 200


async def test_the_bound_holds_where_clients_name_no_cap_of_their_own(start, provider):
    """Then no provider is sent one, and an answer may be longer than the tier's maxTokens."""
    long = Tokens(input=1000, output=50_000)
    provider.always(Answer(text="ok", usage=long, delivery=Delivery(first_delay_s=0.4)))
    sidecar = await start(capped(provider, limitUSD="0.10"))
    turns = [asyncio.create_task(sidecar.post(PATHS[CHAT], ASK[CHAT])) for _ in range(8)]
    await asyncio.sleep(0.25)
    (stated,) = (await status_of(sidecar))["budgets"]
    await asyncio.gather(*turns)
    cost = sum(float(row.cost_usd or 0) for row in await sidecar.rows(8))
    assert cost > 0.5
    assert cost <= 0.10 + stated["overshootUSD"]


async def test_turns_that_fall_over_to_a_capped_tier_are_no_way_around_its_budget(start, provider, spare):
    provider.always(Status(503))
    late = Delivery(first_delay_s=1.0)
    spare.always(Answer(text="ok", usage=Tokens(input=1000, output=1000), delivery=late))
    words = {"name": "spare", "scope": "Router", "window": "24h", "limitUSD": "0.004", "tiers": ["fallback"],
             "onExhausted": "Reject"}  # fmt: skip
    sidecar = await start(router_text(provider.base_url, spare.base_url, more=f"  budgets: [{json.dumps(words)}]"))
    body = {**ASK[CHAT], "max_tokens": 2000}
    got = await asyncio.gather(
        *(sidecar.post(PATHS[CHAT], body, {"x-tierrouter-session": f"s-{number}"}) for number in range(30))
    )
    served = [each for each in got if each.status == 200]
    # $0.00042 each; up to $0.00057 expected.
    assert 5 <= len(served) <= 10
    refused = next(each for each in got if each.status != 200)
    assert "budget spare of this router has used" in refused.json["error"]["message"]


async def test_an_overflow_is_no_way_around_a_budget(start, provider):
    """What only the capped tier's window could hold is too long, in words that make the agent compact."""
    provider.always(TURN)
    sidecar = await start(capped(provider, tiers=["deep"], limitUSD="0.001"))
    long = {"model": "auto", "max_tokens": 10, "messages": [{"role": "user", "content": "word " * 450_000}]}
    first = await sidecar.post(PATHS[CHAT], long, {"x-tierrouter-session": "a"})
    assert first.tier == "deep"
    second = await sidecar.post(PATHS[CHAT], long, {"x-tierrouter-session": "b"})
    assert second.tier != "deep"


async def test_what_fails_or_is_left_holds_nothing(start, provider):
    provider.always(Status(400, message="no"))
    sidecar = await start(capped(provider, limitUSD="0.05"))
    for _ in range(20):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).status == 400
    provider.always(Answer(text="late", delivery=Delivery(first_delay_s=30)))
    leaving = asyncio.create_task(sidecar.post(PATHS[CHAT], ASK[CHAT]))
    await asyncio.sleep(0.2)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await sidecar.rows(21)
    provider.always(TURN)
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).status == 200


async def test_what_was_spent_survives_a_restart_and_a_change_of_the_limit(start, provider):
    provider.always(TURN)
    first = await start(capped(provider, limitUSD="1.00"), state="kept")
    assert (await first.post(PATHS[CHAT], ASK[CHAT])).status == 200
    await first.rows()
    second = await start(capped(provider, limitUSD="0.004"), state="kept")
    assert (await second.post(PATHS[CHAT], ASK[CHAT])).status == 402
    first.file.write_text(capped(provider, limitUSD="0.004"))
    for _ in range(100):
        got = await first.post(PATHS[CHAT], ASK[CHAT])
        if got.status == 402:
            break
        await asyncio.sleep(0.05)
    assert got.status == 402


async def test_above_its_share_an_expensive_tier_needs_a_hint(start, provider):
    provider.always(TURN)
    more = "  deepShare: {maxPercent: 10, by: Turns, window: 1h, minPrompts: 5, action: RequireHint}"
    sidecar = await start(router_text(provider.base_url, more=more))
    wide = {"x-tierrouter-task": '{"file_count": 20}'}
    tiers = [
        (await sidecar.post(PATHS[CHAT], ASK[CHAT], {**wide, "x-tierrouter-session": f"s-{n}"})).tier for n in range(7)
    ]
    assert tiers == ["reasoning"] * 5 + ["routine"] * 2
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-hint": "deep", "x-tierrouter-session": "s"})
    assert got.tier == "deep"
    share = (await status_of(sidecar))["deepShare"]
    assert share == {"percent": 75.0, "maxPercent": 10, "by": "Turns", "windowSeconds": 3600.0, "exceeded": True}
    assert await sidecar.metric("tierrouter_deep_share_percent") == 75.0
    assert await sidecar.metric('tierrouter_deep_share_limit_ratio{of="turns"}') == 0.1


async def test_metrics_say_the_limit_of_expensive_tiers_only_while_there_is_one(start, provider):
    provider.always(TURN)
    spend = "  deepShare: {maxPercent: 25, by: Spend}"
    sidecar = await start(router_text(provider.base_url, more=spend))
    assert await sidecar.metric('tierrouter_deep_share_limit_ratio{of="spend"}') == 0.25

    sidecar.file.write_text(router_text(provider.base_url, more=spend.replace("Spend", "Turns")))
    await until_limits(sidecar, ['tierrouter_deep_share_limit_ratio{of="turns"} 0.25'])
    sidecar.file.write_text(router_text(provider.base_url))
    await until_limits(sidecar, [])

"""What a sidecar counts of real turns, and that no client can make it count without bound."""

import json
import random
import re
import string

import pytest
from prometheus_client.parser import text_string_to_metric_families
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK

from provider import Answer, Status, Tokens
from tierrouter_core.observability import SIDECAR_METRICS

TURN = Answer(text="ok", usage=Tokens(input=1000, output=1000))
CACHED = Answer(text="ok", usage=Tokens(input=21_000, cached=20_000, output=100))
ANEW = Answer(text="ok", usage=Tokens(input=21_000, output=100))
TIERS = ("routine", "reasoning", "deep", "local", "fallback")
SERIES = re.compile(r"^(tierrouter_\w+)(\{.*\})? (\S+)$", re.M)


async def series(sidecar) -> dict[str, float]:
    text = (await sidecar.get(sidecar.admin_url + "/metrics")).body.decode()
    list(text_string_to_metric_families(text))
    return {name + labels: float(value) for name, labels, value in SERIES.findall(text)}


async def test_every_tiers_series_are_there_before_its_first_turn(sidecar):
    found = await series(sidecar)
    models = ("kimi-k2-6", "gpt-5-5", "claude-opus-4-7", "qwen-local", "deepseek-v4-flash")
    for tier, model in zip(TIERS, models, strict=True):
        for outcome in ("answered", "client_gone", "cut", "upstream_error", "refused"):
            assert found[f'tierrouter_turns_total{{model="{model}",outcome="{outcome}",tier="{tier}"}}'] == 0
        for kind in ("input", "cache_read", "cache_write", "output", "reasoning"):
            assert found[f'tierrouter_tokens_total{{kind="{kind}",model="{model}",tier="{tier}"}}'] == 0
        assert found[f'tierrouter_cost_usd_total{{model="{model}",tier="{tier}"}}'] == 0
    assert found["tierrouter_deep_turns_total"] == found["tierrouter_deep_cost_usd_total"] == 0
    assert found['tierrouter_circuit_open{model="",provider="vendor"}'] == 0
    assert found["tierrouter_config_last_reload_successful"] == 1
    assert found["tierrouter_ledger_lag_seconds"] < 1


async def test_turns_of_expensive_tiers_and_their_cost_are_counted_apart(sidecar, provider):
    provider.always(TURN)
    for hint in ("routine", "reasoning", "deep"):
        await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-hint": hint})
    found = await series(sidecar)
    assert found["tierrouter_deep_turns_total"] == 2
    assert found["tierrouter_deep_cost_usd_total"] == pytest.approx((5 + 30 + 5 + 25) / 1000)
    total = sum(value for name, value in found.items() if name.startswith("tierrouter_cost_usd_total"))
    assert total == pytest.approx((5 + 30 + 5 + 25 + 0.95 + 4) / 1000)


async def test_a_conversation_that_moves_up_is_an_escalation_and_what_it_reads_anew_has_a_price(sidecar, provider):
    session = {"x-tierrouter-session": "s"}
    provider.script(ANEW, CACHED, ANEW, CACHED)
    await sidecar.post(PATHS[CHAT], ASK[CHAT], session)
    await sidecar.post(PATHS[CHAT], ASK[CHAT], session)
    assert not [name for name in await series(sidecar) if "escalations_total{" in name or "switches_total{" in name]
    await sidecar.post(PATHS[CHAT], ASK[CHAT], {**session, "x-tierrouter-hint": "reasoning"})
    found = await series(sidecar)
    moved = '{from_tier="routine",to_tier="reasoning"}'
    assert found[f"tierrouter_escalations_total{moved}"] == found[f"tierrouter_switches_total{moved}"] == 1
    # 21,000 tokens that were in the cache of the other model, at $5 instead of $0.50 for a million.
    assert found[f"tierrouter_switch_cost_usd_total{moved}"] == pytest.approx(21_000 * 4.5 / 1e6)


async def test_a_conversation_that_comes_down_or_fails_over_is_a_switch_and_no_escalation(start, provider, spare):
    sidecar = await start(router_text(provider.base_url, spare.base_url))
    session = {"x-tierrouter-session": "s"}
    await sidecar.post(PATHS[CHAT], ASK[CHAT], {**session, "x-tierrouter-hint": "deep"})
    provider.always(Status(503))
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT], {**session, "x-tierrouter-hint": "routine"})
    assert got.tier == "fallback"
    found = await series(sidecar)
    assert found['tierrouter_switches_total{from_tier="deep",to_tier="fallback"}'] == 1
    assert not [name for name in found if name.startswith("tierrouter_escalations_total")]


async def test_a_budget_says_how_far_it_is_used_and_of_what(start, provider):
    provider.always(TURN)
    budget = {"name": "all", "scope": "Router", "window": "24h", "limitUSD": "0.0099", "onExhausted": "Warn"}
    sidecar = await start(router_text(provider.base_url, more=f"  budgets: [{json.dumps(budget)}]"))
    before = await series(sidecar)
    assert before['tierrouter_budget_used_ratio{budget="all"}'] == 0
    assert before['tierrouter_budget_limit_usd{budget="all"}'] == 0.0099
    assert before['tierrouter_budget_window_seconds{budget="all"}'] == 86400
    await sidecar.post(PATHS[CHAT], ASK[CHAT])
    assert (await series(sidecar))['tierrouter_budget_used_ratio{budget="all"}'] == pytest.approx(0.5)


MARK = "hostile"


def hostile(random_: random.Random, dialect) -> tuple[dict, dict[str, str]]:
    """A request in which everything that a client may name is new each time."""

    def name() -> str:
        return MARK + "".join(random_.choices(string.ascii_letters + '"{}\\', k=12))

    tool = name()
    body = {**ASK[dialect], "model": random_.choice([name(), f"tier/{name()}", "auto"]), name(): name()}
    if dialect is MESSAGES:
        body["tools"] = [{"name": re.sub(r"\W", "_", tool), "input_schema": {"type": "object"}}]
        body["metadata"] = {"user_id": name()}
    elif dialect is CHAT:
        body["tools"] = [{"type": "function", "function": {"name": tool, "parameters": {"type": "object"}}}]
        body["user"] = name()
    headers = {
        "x-tierrouter-session": name(),
        "x-tierrouter-hint": random_.choice([name(), "deep", "none"]),
        "x-tierrouter-task": json.dumps({name(): 1, "file_count": 3}),
        "user-agent": name(),
        "anthropic-beta": name(),
        f"x-{re.sub(r'[^a-z]', '', name().lower())}": name(),
    }
    return body, headers


@pytest.mark.parametrize("mode", ["Route", "Observe", '"Off"'])
async def test_no_request_adds_a_series_by_what_it_names(start, provider, mode):
    sidecar = await start(router_text(provider.base_url, dialects="AnthropicMessages, OpenAIChat", mode=mode))
    random_ = random.Random(1)
    provider.always(lambda request: Status(404) if random_.random() < 0.3 else TURN)
    names = {metric for each in SIDECAR_METRICS for metric in each.series_names}
    counts = []
    for _ in range(2):
        for _ in range(40):
            for dialect in (CHAT, MESSAGES, RESPONSES):
                body, headers = hostile(random_, dialect)
                path = random_.choice([PATHS[dialect], PATHS[dialect], f"/v1/{MARK}/{random_.random()}"])
                await sidecar.post(path, body, headers)
        found = await series(sidecar)
        assert not [name for name in found if MARK in name.lower()]
        assert {name.partition("{")[0] for name in found} <= names
        counts.append(len(found))
    assert counts[1] - counts[0] <= 10, "rare kinds of failures may come late; names of clients never do"

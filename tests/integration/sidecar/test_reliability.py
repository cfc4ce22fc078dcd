"""Sixteen ways to fail x three dialects x streamed or not, in the client's own dialect and across dialects."""

import time

import pytest
from reliability import (
    CHAT,
    FROM_SPARE,
    GOOD,
    MESSAGES,
    RESPONSES,
    SCENARIOS,
    Scenario,
    World,
    check_accounts,
    router_of,
)

from provider import ScriptedProvider
from tierrouter_core.names import Dialect

OTHER = {CHAT: MESSAGES, MESSAGES: RESPONSES, RESPONSES: CHAT}
WIRINGS = {
    "one dialect": lambda client: (client, client),
    "the fallback translated": lambda client: (client, OTHER[client]),
    "all translated": lambda client: (OTHER[client], OTHER[client]),
}


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("client", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
async def test_a_failing_provider_costs_the_agent_at_most_a_pause(
    start, case: Scenario, client: Dialect, stream: bool, wiring: str, record_property
) -> None:
    async with ScriptedProvider() as first, ScriptedProvider() as spare:
        first.always(GOOD)
        spare.always(FROM_SPARE)
        sidecar = await start(router_of(first, spare, case, *WIRINGS[wiring](client)))
        world = World(client, stream, sidecar, first, spare)
        began = time.monotonic()
        await case.run(world)
        record_property("seconds", round(time.monotonic() - began, 3))
        slowest_s = max(seen.took_s for seen in world.seen)
        record_property("slowest", round(slowest_s, 3))
        assert slowest_s <= case.deadline_s, "a turn took longer than the table says"
        await check_accounts(world)

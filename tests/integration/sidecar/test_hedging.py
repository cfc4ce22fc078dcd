"""A second tier is asked when the first token is late: the first to answer serves, both are paid for."""

import asyncio

import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES, TEXT
from routers import router_text
from stream_grammars import COMPLETE, FAILED, read_stream
from test_failover import ASK, STREAM

from provider import Answer, Delivery, Hang, Status
from tierrouter_core.failover.hedge import FEWEST_KNOWN

LATE = Answer(text=TEXT, delivery=Delivery(body_delay_s=5))
SERIES = 'tierrouter_hedges_total{{hedge_tier="fallback",outcome="{}",tier="routine"}}'


@pytest.fixture(params=[CHAT, RESPONSES, MESSAGES])
async def hedged(request, start, provider, spare):
    """A sidecar that knows how fast its first tier is, and the dialect to ask it in."""
    provider.always(GOOD)
    text = router_text(provider.base_url, spare.base_url, spare_dialects=request.param)
    sidecar = await start(text.replace("maxTokens: 8192}", "maxTokens: 8192, hedgeTo: fallback}", 1))
    for _ in range(FEWEST_KNOWN):
        await sidecar.post(PATHS[request.param], STREAM[request.param])
    assert spare.requests == []
    return sidecar, request.param


async def test_the_hedge_serves_where_the_first_is_late_and_both_are_in_the_ledger(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(LATE)
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (got.tier, read.end, read.text) == ("fallback", COMPLETE, "the spare answers")
    assert got.reason.startswith("Hedge: routine had no first token in 0.1 s; fallback was faster")
    await provider.disconnected(1)
    row = (await sidecar.rows(FEWEST_KNOWN + 1))[-1]
    assert (row.tier, row.outcome, row.attempts, row.usage_source) == ("fallback", "answered", 2, "reported")
    alone = (row.input_tokens * 0.14 + row.output_tokens * 0.28) / 1e6
    assert float(row.cost_usd) > alone * 1.01, "the input of the one that was outrun is in the sum"
    assert await sidecar.metric(SERIES.format("won")) == 1


async def test_the_first_serves_where_it_is_faster_after_all(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=0.3)))
    spare.always(LATE)
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (got.tier, read.end, read.text) == ("routine", COMPLETE, "".join(TEXT))
    await spare.disconnected(1)
    row = (await sidecar.rows(FEWEST_KNOWN + 1))[-1]
    assert (row.tier, row.attempts) == ("routine", 2)
    assert await sidecar.metric(SERIES.format("lost")) == 1


async def test_a_tier_that_was_outrun_is_known_to_be_slow_and_hedged_later(hedged, provider, spare):
    """Were it known by its wins alone, ever more turns would be asked twice."""
    sidecar, dialect = hedged
    provider.always(LATE)
    spare.always(Answer(text=["the spare answers"], delivery=Delivery(body_delay_s=0.6)))
    for _ in range(2):
        assert (await sidecar.post(PATHS[dialect], STREAM[dialect])).tier == "fallback"
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=0.3)))
    assert (await sidecar.post(PATHS[dialect], STREAM[dialect])).tier == "routine"
    assert len(spare.requests) == 2


async def test_a_hedge_that_fails_leaves_the_turn_to_the_first(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=0.4)))
    spare.always(Status(503))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert (got.tier, read_stream(dialect, got.body).text) == ("routine", "".join(TEXT))


async def test_a_first_that_fails_late_leaves_the_turn_to_the_hedge(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Status(503, delay_s=0.3))
    spare.always(Answer(text=["the spare answers"], delivery=Delivery(body_delay_s=0.5)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert (got.tier, read_stream(dialect, got.body).text) == ("fallback", "the spare answers")
    assert len(spare.requests) == 1


async def test_where_both_fail_the_client_is_told_once(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Status(503, delay_s=0.3))
    spare.always(Status(503, delay_s=0.1))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert got.status == 429
    row = (await sidecar.rows(FEWEST_KNOWN + 1))[-1]
    assert row.attempts == len(provider.requests) - FEWEST_KNOWN + len(spare.requests)


async def test_two_first_tokens_at_the_same_moment_make_one_answer(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=0.2)))
    spare.always(Answer(text=["the spare answers"], delivery=Delivery(body_delay_s=0.1)))
    for _ in range(10):
        got = await sidecar.post(PATHS[dialect], STREAM[dialect])
        read = read_stream(dialect, got.body)
        assert read.end == COMPLETE
        assert (got.tier, read.text) in (("routine", "".join(TEXT)), ("fallback", "the spare answers"))


async def test_a_client_that_leaves_stops_both(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Hang())
    spare.always(Hang())
    turn = asyncio.create_task(sidecar.post(PATHS[dialect], STREAM[dialect]))
    await spare.received(1)
    turn.cancel()
    await provider.disconnected(1)
    await spare.disconnected(1)
    row = (await sidecar.rows(FEWEST_KNOWN + 1))[-1]
    assert (row.outcome, row.attempts) == ("client_gone", 2)


async def test_an_answer_that_is_cut_after_a_hedge_has_won_is_not_continued_by_the_other(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(LATE)
    spare.always(Answer(text=TEXT, delivery=Delivery(cut_after_events=12)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (got.tier, read.end) == ("fallback", FAILED)
    assert "".join(TEXT).startswith(read.text)


async def test_turns_that_are_not_streamed_and_tiers_that_are_not_known_are_not_hedged(hedged, start, provider, spare):
    sidecar, dialect = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(first_delay_s=0.3)))
    await sidecar.post(PATHS[dialect], ASK[dialect])
    assert spare.requests == []
    text = router_text(provider.base_url, spare.base_url)
    unknown = await start(text.replace("maxTokens: 8192}", "maxTokens: 8192, hedgeTo: fallback}", 1))
    await unknown.post(PATHS[dialect], STREAM[dialect])
    assert spare.requests == []


@pytest.mark.parametrize("hedged", [MESSAGES], indirect=True)
async def test_a_tool_loop_with_signed_thinking_is_not_hedged(hedged, provider, spare):
    sidecar, _ = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=0.4)))
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "EqRkYXRhLXNpZ25hdHVyZQ=="}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "nothing"}
    loop = [
        *ASK[MESSAGES]["messages"],
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [result]},
    ]
    got = await sidecar.post(PATHS[MESSAGES], {**STREAM[MESSAGES], "messages": loop})
    assert got.tier == "routine"
    assert spare.requests == []


async def test_an_agent_that_hangs_up_on_a_hedged_streams_error_event_has_been_cut_off(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Answer(text=TEXT, delivery=Delivery(cut_after_events=12)))
    sign = b"response.failed" if dialect is RESPONSES else b'"error"'
    turns = 30
    for _ in range(turns):
        async with sidecar.client.post(sidecar.url + PATHS[dialect], json=STREAM[dialect]) as response:
            seen = b""
            while sign not in seen and (chunk := await response.content.readany()):
                seen += chunk
            response.close()
    rows = (await sidecar.rows(FEWEST_KNOWN + turns))[FEWEST_KNOWN:]
    cut = [row for row in rows if row.tier == "routine"]
    assert {row.outcome for row in cut} == {"cut"}
    assert await sidecar.metric('tierrouter_attempt_errors_total{kind="cut",provider="vendor"}') == len(cut)
    assert any("is left alone" in row.reason for row in rows), "and its provider is left alone for it"


async def test_a_hedge_that_serves_after_the_first_has_failed_says_why_it_serves(hedged, provider, spare):
    sidecar, dialect = hedged
    provider.always(Status(429, headers={"retry-after": "30"}, delay_s=1))
    spare.always(Answer(text=TEXT, delivery=Delivery(first_delay_s=1.5)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert (got.status, got.tier) == (200, "fallback")
    assert got.reason.startswith("Hedge: routine had no first token in ")
    row = (await sidecar.rows(FEWEST_KNOWN + 1))[-1]
    assert (row.reason, row.attempts) == (got.reason, 2)


@pytest.mark.parametrize("hedged", [CHAT], indirect=True)
async def test_a_call_that_was_outrun_counts_where_an_answer_is_gone_on_with(hedged, provider, spare):
    """Three calls are three, whatever became of them."""
    sidecar, dialect = hedged
    goes_on = "capabilities: {prefill: true}, contextWindow: 262144"
    text = sidecar.file.read_text().replace("contextWindow: 262144", goes_on)
    sidecar.file.write_text(text.replace("failover: {", "failover: {resumeCutStreams: true, "))
    while "true" not in str(sidecar.running.live.in_force.document.failover.resume_cut_streams).lower():
        await asyncio.sleep(0.02)
    before = len(provider.requests)
    provider.script(Hang(), Status(500))
    provider.always(Answer(text=TEXT))
    spare.always(Answer(text=TEXT, delivery=Delivery(cut_after_events=20)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    assert read_stream(dialect, got.body).end == FAILED
    assert len(provider.requests) - before + len(spare.requests) == 3
    assert (await sidecar.rows(FEWEST_KNOWN + 1))[-1].attempts == 3

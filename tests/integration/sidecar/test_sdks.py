"""The official SDKs work against a sidecar as they are: only their base URL points to it.

Each test asks through an SDK, compares what it hands out with what the provider was told to answer, and then compares
the ledger's row with the tokens that the provider stated.
"""

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from routers import VENDOR_KEY, router_text
from sdk_ways import (
    ANSWER,
    ASK,
    BLOCKING_WAYS,
    CHAT,
    CHAT_ASK,
    EXPECTED,
    MESSAGES,
    MESSAGES_ASK,
    PLACEHOLDER,
    RESPONSES,
    RESPONSES_ASK,
    SEAL,
    THOUGHT,
    USED,
    USED_KINDS,
    WAYS,
    Sdks,
    chat_seen,
    messages_whole,
)

from provider import Answer, Delivery, Ending, InBandError, Status, at


@pytest.fixture
async def connect():
    """Makes clients of the sidecar at an address; they may bring headers of their own."""
    made: list[Sdks] = []

    def begin(url: str, headers: dict[str, str] | None = None) -> Sdks:
        made.append(Sdks(url, headers))
        return made[-1]

    yield begin
    for clients in made:
        await clients.close()


@pytest.fixture
def sdks(connect, sidecar) -> Sdks:
    return connect(sidecar.url)


def check_row(row: Any, dialect: str, tier: str = "routine") -> None:
    """The row has the tier, exactly the tokens that the provider stated, kind by kind, and that all went well."""
    assert (row.dialect, row.tier, row.outcome, row.usage_source) == (dialect, tier, "answered", "reported")
    assert {kind: getattr(row, kind) for kind in USED_KINDS} == USED_KINDS


@pytest.mark.parametrize("dialect", WAYS)
async def test_text_thinking_tool_calls_and_usage_come_back_whole(sidecar, provider, sdks, dialect):
    provider.always(ANSWER)
    for ask in WAYS[dialect]:
        assert await ask(sdks) == EXPECTED, ask.__name__
        assert provider.last.json["model"] == "moonshotai/kimi-k2.6"
        assert not any(PLACEHOLDER in value for _, value in provider.last.headers)
    rows = await sidecar.rows(3)
    assert len(rows) == 3
    for row in rows:
        check_row(row, dialect)


@pytest.mark.parametrize("dialect", BLOCKING_WAYS)
async def test_the_blocking_clients_get_the_same(sidecar, provider, sdks, dialect):
    provider.always(ANSWER)
    assert await asyncio.to_thread(BLOCKING_WAYS[dialect], sdks) == [EXPECTED] * 3
    for row in await sidecar.rows(3):
        check_row(row, dialect)


async def test_a_chat_stream_shows_usage_only_to_who_asked_and_is_metered_all_the_same(sidecar, provider, sdks):
    provider.script(ANSWER)
    chunks = [chunk async for chunk in await sdks.openai_async.chat.completions.create(**CHAT_ASK, stream=True)]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    (row,) = await sidecar.rows()
    check_row(row, CHAT)


# Tool loops: the second request brings the results, and everything that the first answer said goes back as it was.


async def test_a_chat_tool_loop_ends_in_an_answer(sidecar, provider, connect):
    client = connect(sidecar.url, {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}).openai_async
    plain = connect(sidecar.url, {"x-tierrouter-session": "s"}).openai_async
    provider.script(ANSWER, Answer(text="Done.", usage=USED))
    first = (await client.chat.completions.create(**CHAT_ASK)).choices[0]
    assert first.finish_reason == "tool_calls"
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {number}"}
        for number, call in enumerate(first.message.tool_calls)
    ]
    answered = first.message.model_dump(exclude_none=True)
    second = await plain.chat.completions.create(**{**CHAT_ASK, "messages": [*ASK, answered, *results]})
    assert (second.choices[0].message.content, second.choices[0].finish_reason) == ("Done.", "stop")
    assert provider.last.json["messages"] == [*ASK, answered, *results]
    assert answered["reasoning_content"] == THOUGHT
    await check_loop(sidecar, CHAT)


async def test_a_responses_tool_loop_returns_the_sealed_reasoning(sidecar, provider, connect):
    client = connect(sidecar.url, {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}).openai_async
    plain = connect(sidecar.url, {"x-tierrouter-session": "s"}).openai_async
    provider.script(ANSWER, Answer(text="Done.", usage=USED))
    first = await client.responses.create(**RESPONSES_ASK)
    said = [item.model_dump(exclude_none=True) for item in first.output]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": f"result of {item['name']}"}
        for item in said
        if item["type"] == "function_call"
    ]
    assert len(results) == 2
    second = await plain.responses.create(**{**RESPONSES_ASK, "input": [*ASK, *said, *results]})
    assert (second.output_text, second.status) == ("Done.", "completed")
    assert provider.last.json["input"] == [*ASK, *said, *results]
    assert provider.last.json["input"][1]["encrypted_content"] == SEAL
    await check_loop(sidecar, RESPONSES)


async def test_a_messages_tool_loop_returns_the_signed_thinking(sidecar, provider, connect):
    client = connect(sidecar.url, {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}).anthropic_async
    plain = connect(sidecar.url, {"x-tierrouter-session": "s"}).anthropic_async
    provider.script(ANSWER, Answer(text="Done.", usage=USED))
    async with client.messages.stream(**MESSAGES_ASK) as stream:
        first = await stream.get_final_message()
    assert first.stop_reason == "tool_use"
    said = [
        block.model_dump(include={"type", "thinking", "signature", "text", "id", "name", "input"})
        for block in first.content
    ]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": f"result of {block.name}"}
        for block in first.content
        if block.type == "tool_use"
    ]
    turns = [*ASK, {"role": "assistant", "content": said}, {"role": "user", "content": results}]
    second = await plain.messages.create(**{**MESSAGES_ASK, "messages": turns})
    assert (second.content[0].text, second.stop_reason) == ("Done.", "end_turn")
    sent = provider.last.json["messages"]
    assert sent == turns
    assert sent[1]["content"][0] == {"type": "thinking", "thinking": THOUGHT, "signature": SEAL}
    await check_loop(sidecar, MESSAGES)


async def check_loop(sidecar: Any, dialect: str) -> None:
    """The first turn's hint held for the second, which brought none."""
    first, second = await sidecar.rows(2)
    check_row(first, dialect, "deep")
    assert (second.tier, second.outcome, second.turn_kind) == ("deep", "answered", "tool_loop")
    assert second.reason.startswith("ToolLoop: ")


# Choosing a tier, and seeing who served.


async def call_raw(sdks: Sdks, dialect: str, model: str = "auto") -> Any:
    """A turn by ``with_raw_response``, which shows the headers beside the parsed answer."""
    if dialect == CHAT:
        return await sdks.openai_async.chat.completions.with_raw_response.create(**{**CHAT_ASK, "model": model})
    if dialect == RESPONSES:
        return await sdks.openai_async.responses.with_raw_response.create(**{**RESPONSES_ASK, "model": model})
    return await sdks.anthropic_async.messages.with_raw_response.create(**{**MESSAGES_ASK, "model": model})


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES])
async def test_a_hint_by_header_or_alias_chooses_the_tier_and_the_headers_say_so(sidecar, provider, connect, dialect):
    provider.always(ANSWER)
    by_header = await call_raw(connect(sidecar.url, {"x-tierrouter-hint": "deep"}), dialect)
    by_alias = await call_raw(connect(sidecar.url), dialect, "tier/deep")
    rows = {row.turn_id: row for row in await sidecar.rows(2)}
    assert len(rows) == 2
    for raw in (by_header, by_alias):
        said = {name: raw.headers[f"x-tierrouter-{name}"] for name in ("tier", "model", "revision", "reason", "turn")}
        row = rows[said["turn"]]
        check_row(row, dialect, "deep")
        assert (row.hint, row.model) == ("deep", "claude-opus-4-7")
        assert {**said, "turn": ""} == {
            "tier": "deep",
            "model": "claude-opus-4-7",
            "revision": row.revision,
            "reason": row.reason,
            "turn": "",
        }
        parsed = raw.parse()
        assert (await parsed if asyncio.iscoroutine(parsed) else parsed).model == "claude-opus-4-7"


async def test_a_stream_shows_the_headers_before_its_first_event(sidecar, provider, sdks):
    provider.always(ANSWER)
    async with sdks.anthropic_async.messages.stream(**MESSAGES_ASK) as stream:
        assert stream.response.headers["x-tierrouter-tier"] == "routine"
        await stream.until_done()
    async with sdks.openai_async.chat.completions.with_streaming_response.create(**CHAT_ASK, stream=True) as raw:
        assert raw.headers["x-tierrouter-tier"] == "routine"
        await raw.read()


async def test_both_sdks_list_the_models(provider, sdks):
    wanted = {"auto", "tier/deep", "kimi-k2-6", "claude-opus-4-7"}
    assert wanted <= {model.id async for model in sdks.openai_async.models.list()}
    assert wanted <= {model.id async for model in sdks.anthropic_async.models.list()}
    assert wanted <= {model.id for model in await asyncio.to_thread(lambda: list(sdks.openai_sync.models.list()))}
    assert wanted <= {model.id for model in await asyncio.to_thread(lambda: list(sdks.anthropic_sync.models.list()))}
    assert provider.requests == []


async def test_tokens_are_counted_by_the_provider_and_estimated_where_it_cant(sidecar, provider, sdks):
    asked = {key: MESSAGES_ASK[key] for key in ("model", "messages", "tools", "thinking")}
    counted = await sdks.anthropic_async.messages.count_tokens(**asked)
    assert counted.input_tokens == len(provider.last.body) // 4
    provider.always(Status(404), when=at("/count_tokens"))
    provider.always(Status(404), when=at("/input_tokens"))
    assert (await sdks.anthropic_async.messages.count_tokens(**asked)).input_tokens > 0
    assert (await sdks.openai_async.responses.input_tokens.count(model="auto", input=ASK)).input_tokens > 0
    # Counting is no turn: the first row is the turn that follows.
    provider.script(ANSWER)
    await messages_whole(sdks)
    (row,) = await sidecar.rows()
    check_row(row, MESSAGES)


# Errors are the SDKs' own, with what a program needs to act on them.

CALLERS = {
    CHAT: (openai, lambda sdks, **more: sdks.openai_async.chat.completions.create(**CHAT_ASK, **more)),
    RESPONSES: (openai, lambda sdks, **more: sdks.openai_async.responses.create(**RESPONSES_ASK, **more)),
    MESSAGES: (anthropic, lambda sdks, **more: sdks.anthropic_async.messages.create(**MESSAGES_ASK, **more)),
}


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (403, "PermissionDeniedError"),
        (422, "UnprocessableEntityError"),
    ],
)
async def test_a_providers_refusal_is_the_sdks_own_exception(sidecar, provider, sdks, status, name):
    provider.always(Status(status, message="tools.0: not like this, says moderation"))
    for package, call in CALLERS.values():
        for stream in (False, True):
            with pytest.raises(getattr(package, name), match=r"tools\.0: not like this") as caught:
                await call(sdks, stream=stream)
            assert caught.value.status_code == status
            assert caught.value.response.headers["x-tierrouter-tier"] == "routine"
    for row in await sidecar.rows(6):
        assert (row.outcome, row.tier, row.attempts) == ("upstream_error", "routine", 1)
        assert (row.cost_usd, row.baseline_cost_usd, row.usage_source) == (0, None, "none")


@pytest.mark.parametrize("dialect", CALLERS)
async def test_throttled_tiers_are_a_rate_limit_error_that_says_how_long_to_wait(sidecar, provider, sdks, dialect):
    package, call = CALLERS[dialect]
    provider.always(Status(429, headers={"retry-after": "7"}))
    for stream in (False, True):
        # The second turn is not even sent to those who are throttled.
        why = "routine: kimi-k2-6 at vendor is throttled for another" if stream else "routine: vendor answered 429"
        with pytest.raises(package.RateLimitError, match=why) as caught:
            await call(sdks, stream=stream)
        assert caught.value.response.headers["retry-after"] in ("7", "8")
    rows = await sidecar.rows(2)
    assert [(row.outcome, row.cost_usd) for row in rows] == [("upstream_error", 0)] * 2
    assert [row.attempts for row in rows] == [2, 0]


async def test_a_rate_limit_is_retried_by_the_sdk_itself_if_it_may(sidecar, provider, sdks):
    provider.script(*[Status(429, headers={"retry-after-ms": "1"})] * 3, ANSWER)
    again = sdks.openai_async.with_options(max_retries=1)
    # One tier is throttled twice, the other once: that is all that a turn may ask. The router says at least a second, and the SDK waits as long.
    assert chat_seen(await again.chat.completions.create(**CHAT_ASK)) == EXPECTED
    assert sorted(row.outcome for row in await sidecar.rows(2)) == ["answered", "upstream_error"]


async def test_a_missing_key_is_a_status_error_that_says_what_to_set(start, connect, provider):
    clients = connect((await start(router_text(provider.base_url), environment={})).url)
    for dialect, (package, call) in CALLERS.items():
        with pytest.raises(package.APIStatusError, match="set VENDOR_API_KEY") as caught:
            await call(clients)
        assert caught.value.status_code == (429 if dialect == RESPONSES else 402)
        assert caught.value.response.headers["x-should-retry"] == "false"
    assert provider.requests == []


async def test_what_no_tier_can_take_is_refused_for_good(start, connect, provider):
    only_messages = connect((await start(router_text(provider.base_url, dialects=MESSAGES))).url)
    for dialect, more in ((CHAT, {"n": 2}), (RESPONSES, {"previous_response_id": "r1"})):
        with pytest.raises(openai.BadRequestError, match="no tier of this router can take the turn"):
            await CALLERS[dialect][1](only_messages, extra_body=more)
    only_chat = connect((await start(router_text(provider.base_url, dialects=CHAT))).url)
    with pytest.raises(anthropic.PermissionDeniedError, match="no tier of this router can take the turn"):
        await CALLERS[MESSAGES][1](only_chat, extra_body={"container": "c1"})
    assert provider.requests == []


async def test_a_request_whose_model_is_no_text_is_a_bad_request(provider, sdks):
    for package, call in CALLERS.values():
        with pytest.raises(package.BadRequestError, match="model"):
            await call(sdks, extra_body={"model": 7})
    assert provider.requests == []


async def test_a_path_that_is_none_is_not_found(sdks):
    with pytest.raises(openai.NotFoundError, match="is not an endpoint of this router"):
        await sdks.openai_async.embeddings.create(model="auto", input="x")
    with pytest.raises(openai.NotFoundError, match="only OpenAI's own API"):
        await sdks.openai_async.responses.retrieve("resp_1")


# A stream that breaks never looks like one that ended.

LONG = Answer(text=["word "] * 60, usage=USED)


async def drain_raw(sdks: Sdks, dialect: str) -> None:
    async for event in await CALLERS[dialect][1](sdks, stream=True):
        # A program that reads raw Responses events learns of a failure by an event, as OpenAI itself says it.
        if getattr(event, "type", "") == "response.failed":
            raise openai.APIError(event.response.error.message, request=None, body=None)


async def drain_accumulated(sdks: Sdks, dialect: str) -> None:
    _, _, accumulated = WAYS[dialect]
    await accumulated(sdks)


@pytest.mark.parametrize("dialect", CALLERS)
@pytest.mark.parametrize("ending", [Ending.COMPLETE, Ending.CLOSE, Ending.RESET])
async def test_a_cut_stream_raises(sidecar, provider, sdks, dialect, ending):
    provider.always(Answer(text=LONG.text, usage=USED, delivery=Delivery(cut_after_events=12, ending=ending)))
    with pytest.raises(CALLERS[dialect][0].APIError):
        await drain_raw(sdks, dialect)
    # The Responses accumulator knows no failure but that the end is missing.
    with pytest.raises(RuntimeError if dialect == RESPONSES else CALLERS[dialect][0].APIError):
        await drain_accumulated(sdks, dialect)
    for row in await sidecar.rows(2):
        assert (row.outcome, row.tier, row.baseline_cost_usd) == ("cut", "routine", None)
        assert row.output_tokens > 0
        assert row.usage_source in ("mixed", "estimated")


@pytest.mark.parametrize("dialect", CALLERS)
async def test_an_error_inside_a_stream_raises_with_the_providers_words(sidecar, provider, sdks, dialect):
    error = InBandError(message=f"overloaded, says {dialect}")
    provider.script(Answer(text=LONG.text, usage=USED, delivery=Delivery(error_after_events=12, error=error)))
    with pytest.raises(CALLERS[dialect][0].APIError, match=f"overloaded, says {dialect}"):
        await drain_raw(sdks, dialect)
    (row,) = await sidecar.rows()
    assert (row.outcome, row.baseline_cost_usd) == ("upstream_error", None)


async def test_the_providers_key_is_nowhere_in_what_an_sdk_sees(provider, sdks):
    provider.always(Status(401, message=f"Incorrect API key: {VENDOR_KEY}"))
    for package, call in CALLERS.values():
        with pytest.raises(package.APIStatusError) as caught:
            await call(sdks)
        assert VENDOR_KEY not in repr(caught.value.body) + str(caught.value) + repr(caught.value.response.headers)

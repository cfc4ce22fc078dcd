"""The official SDKs work against a sidecar as they are: only their base URL points to it.

Each test asks through an SDK, compares what it hands out with what the provider was told to answer, and then compares
the ledger's row with the tokens that the provider stated.
"""

import asyncio
import json
from functools import cached_property
from typing import Any

import anthropic
import openai
import pytest
from routers import VENDOR_KEY, router_text

from provider import Answer, Delivery, Ending, InBandError, Status, Tokens, ToolCall, at

PLACEHOLDER = "sk-placeholder"
CHAT, RESPONSES, MESSAGES = "OpenAIChat", "OpenAIResponses", "AnthropicMessages"

# All five kinds of tokens, each with another number: 1,000 in = 550 + 300 cached + 150 written; 70 out, 40 of it hidden.
USED = Tokens(input=1000, cached=300, written=150, output=70, reasoning=40)
USED_KINDS = {
    "input_tokens": 550,
    "cache_read_tokens": 300,
    "cache_write_tokens": 150,
    "cache_write_1h_tokens": 0,
    "output_tokens": 70,
    "reasoning_tokens": 40,
}

THOUGHT, SEAL, TEXT = "Look before you leap. ", "c2VhbA+/==", "Two files: “a b.py” and c.py. 😀"
CALLS = [ToolCall(name="read_file", arguments={"path": 'a "b".py', "lines": [1, 2]}), ToolCall(name="list_files")]
CALLED = [("read_file", {"path": 'a "b".py', "lines": [1, 2]}), ("list_files", {})]
ANSWER = Answer(text=TEXT, thinking=THOUGHT, signature=SEAL, tool_calls=CALLS, usage=USED)

ASK = [{"role": "user", "content": "Which files are there?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "model": {"type": "string", "description": "has the name of a field"}},
}
CHAT_ASK: dict[str, Any] = {
    "model": "auto",
    "messages": ASK,
    "tools": [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
        for name in ("read_file", "list_files")
    ],
}
RESPONSES_ASK: dict[str, Any] = {
    "model": "auto",
    "input": ASK,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "tools": [
        {"type": "function", "name": name, "parameters": PARAMETERS, "strict": False}
        for name in ("read_file", "list_files")
    ],
}
MESSAGES_ASK: dict[str, Any] = {
    "model": "auto",
    "max_tokens": 4000,
    "messages": ASK,
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "tools": [{"name": name, "input_schema": PARAMETERS} for name in ("read_file", "list_files")],
}


class Sdks:
    """Clients of one sidecar that never try twice. Each is made when it is first used: each reads all certificates."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._origin = url
        self._options: dict[str, Any] = {
            "api_key": PLACEHOLDER,
            "max_retries": 0,
            "default_headers": headers,
            "timeout": 20.0,
        }

    @cached_property
    def openai_async(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self._origin}/v1", **self._options)

    @cached_property
    def openai_sync(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self._origin}/v1", **self._options)

    @cached_property
    def anthropic_async(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self._origin, **self._options)

    @cached_property
    def anthropic_sync(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self._origin, **self._options)

    async def close(self) -> None:
        for client in list(vars(self).values()):
            if isinstance(client, openai.AsyncOpenAI | anthropic.AsyncAnthropic):
                await client.close()
            elif isinstance(client, openai.OpenAI | anthropic.Anthropic):
                client.close()


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    """The SDKs read keys and addresses from the environment; none may reach these tests."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS"):
        for vendor in ("OPENAI", "ANTHROPIC"):
            monkeypatch.delenv(f"{vendor}_{name}", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


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


# What an SDK hands out, in one shape: (thinking, seal, text, calls, tokens). Chat has no seal.


def chat_seen(completion: Any) -> tuple[Any, ...]:
    message, usage = completion.choices[0].message, completion.usage
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]
    tokens = (
        usage.prompt_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens,
        usage.completion_tokens_details.reasoning_tokens,
    )
    return message.reasoning_content, SEAL, message.content, calls, tokens


def responses_seen(response: Any) -> tuple[Any, ...]:
    reasoning = next(item for item in response.output if item.type == "reasoning")
    calls = [(item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"]
    usage = response.usage
    tokens = (
        usage.input_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    return reasoning.summary[0].text, reasoning.encrypted_content, response.output_text, calls, tokens


def messages_seen(message: Any) -> tuple[Any, ...]:
    thinking, text, *calls = message.content
    usage = message.usage
    # The input that Anthropic counts leaves out what was cached; put together it is the whole input again.
    whole = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    tokens = (whole, usage.cache_read_input_tokens, usage.output_tokens, usage.output_tokens_details.thinking_tokens)
    return thinking.thinking, thinking.signature, text.text, [(call.name, call.input) for call in calls], tokens


EXPECTED = (THOUGHT, SEAL, TEXT, CALLED, (1000, 300, 70, 40))


# An answer in one piece, by the SDK's own accumulator, or put together here from a raw stream's events.


def chat_from_events(chunks: list[Any]) -> tuple[Any, ...]:
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls: dict[int, list[str]] = {}
    for fragment in (call for delta in deltas for call in delta.tool_calls or ()):
        name_and_arguments = calls.setdefault(fragment.index, ["", ""])
        name_and_arguments[0] += fragment.function.name or ""
        name_and_arguments[1] += fragment.function.arguments or ""
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    tokens = (
        usage.prompt_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens,
        usage.completion_tokens_details.reasoning_tokens,
    )
    text = "".join(delta.content or "" for delta in deltas)
    return thought, SEAL, text, [(name, json.loads(arguments)) for name, arguments in calls.values()], tokens


def responses_from_events(events: list[Any]) -> tuple[Any, ...]:
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    seen = responses_seen(events[-1].response)
    assert text == seen[2]
    return seen


def messages_from_events(events: list[Any]) -> tuple[Any, ...]:
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    inputs: dict[int, str] = {}
    for event in events:
        if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            inputs[event.index] = inputs.get(event.index, "") + event.delta.partial_json
    blocks = [event.content_block for event in events if event.type == "content_block_start"]
    names = [block.name for block in blocks if block.type == "tool_use"]
    (final,) = [event.usage for event in events if event.type == "message_delta"]
    whole = final.input_tokens + final.cache_read_input_tokens + final.cache_creation_input_tokens
    tokens = (whole, final.cache_read_input_tokens, final.output_tokens, final.output_tokens_details.thinking_tokens)
    return (
        "".join(delta.thinking for delta in deltas if delta.type == "thinking_delta"),
        "".join(delta.signature for delta in deltas if delta.type == "signature_delta"),
        "".join(delta.text for delta in deltas if delta.type == "text_delta"),
        list(zip(names, [json.loads(text or "{}") for text in inputs.values()], strict=True)),
        tokens,
    )


WITH_USAGE = {"stream_options": {"include_usage": True}}


async def chat_whole(sdks: Sdks) -> tuple[Any, ...]:
    return chat_seen(await sdks.openai_async.chat.completions.create(**CHAT_ASK))


async def chat_raw(sdks: Sdks) -> tuple[Any, ...]:
    stream = await sdks.openai_async.chat.completions.create(**CHAT_ASK, **WITH_USAGE, stream=True)
    return chat_from_events([chunk async for chunk in stream])


async def chat_accumulated(sdks: Sdks) -> tuple[Any, ...]:
    async with sdks.openai_async.chat.completions.stream(**CHAT_ASK, **WITH_USAGE) as stream:
        return chat_seen(await stream.get_final_completion())


async def responses_whole(sdks: Sdks) -> tuple[Any, ...]:
    return responses_seen(await sdks.openai_async.responses.create(**RESPONSES_ASK))


async def responses_raw(sdks: Sdks) -> tuple[Any, ...]:
    stream = await sdks.openai_async.responses.create(**RESPONSES_ASK, stream=True)
    return responses_from_events([event async for event in stream])


async def responses_accumulated(sdks: Sdks) -> tuple[Any, ...]:
    async with sdks.openai_async.responses.stream(**RESPONSES_ASK) as stream:
        return responses_seen(await stream.get_final_response())


async def messages_whole(sdks: Sdks) -> tuple[Any, ...]:
    return messages_seen(await sdks.anthropic_async.messages.create(**MESSAGES_ASK))


async def messages_raw(sdks: Sdks) -> tuple[Any, ...]:
    stream = await sdks.anthropic_async.messages.create(**MESSAGES_ASK, stream=True)
    return messages_from_events([event async for event in stream])


async def messages_accumulated(sdks: Sdks) -> tuple[Any, ...]:
    async with sdks.anthropic_async.messages.stream(**MESSAGES_ASK) as stream:
        return messages_seen(await stream.get_final_message())


def chat_in_a_thread(sdks: Sdks) -> list[tuple[Any, ...]]:
    completions = sdks.openai_sync.chat.completions
    with completions.stream(**CHAT_ASK, **WITH_USAGE) as stream:
        accumulated = chat_seen(stream.get_final_completion())
    raw = chat_from_events(list(completions.create(**CHAT_ASK, **WITH_USAGE, stream=True)))
    return [chat_seen(completions.create(**CHAT_ASK)), raw, accumulated]


def responses_in_a_thread(sdks: Sdks) -> list[tuple[Any, ...]]:
    responses = sdks.openai_sync.responses
    with responses.stream(**RESPONSES_ASK) as stream:
        accumulated = responses_seen(stream.get_final_response())
    raw = responses_from_events(list(responses.create(**RESPONSES_ASK, stream=True)))
    return [responses_seen(responses.create(**RESPONSES_ASK)), raw, accumulated]


def messages_in_a_thread(sdks: Sdks) -> list[tuple[Any, ...]]:
    messages = sdks.anthropic_sync.messages
    with messages.stream(**MESSAGES_ASK) as stream:
        accumulated = messages_seen(stream.get_final_message())
    raw = messages_from_events(list(messages.create(**MESSAGES_ASK, stream=True)))
    return [messages_seen(messages.create(**MESSAGES_ASK)), raw, accumulated]


WAYS = {
    CHAT: (chat_whole, chat_raw, chat_accumulated),
    RESPONSES: (responses_whole, responses_raw, responses_accumulated),
    MESSAGES: (messages_whole, messages_raw, messages_accumulated),
}
BLOCKING_WAYS = {CHAT: chat_in_a_thread, RESPONSES: responses_in_a_thread, MESSAGES: messages_in_a_thread}


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
        (404, "NotFoundError"),
        (422, "UnprocessableEntityError"),
    ],
)
async def test_a_providers_refusal_is_the_sdks_own_exception(sidecar, provider, sdks, status, name):
    provider.always(Status(status, message="tools.0: not like this"))
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
        with pytest.raises(package.RateLimitError, match="routine: vendor answered 429") as caught:
            await call(sdks, stream=stream)
        assert caught.value.response.headers["retry-after"] == "7"
    for row in await sidecar.rows(2):
        assert (row.outcome, row.attempts, row.cost_usd) == ("upstream_error", 2, 0)


async def test_a_rate_limit_is_retried_by_the_sdk_itself_if_it_may(sidecar, provider, sdks):
    provider.script(*[Status(429, headers={"retry-after-ms": "1"})] * 2, ANSWER)
    again = sdks.openai_async.with_options(max_retries=1)
    # Both tiers are throttled once. The router says at least a second, and the SDK waits as long.
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


async def test_a_dialect_that_no_tier_speaks_is_refused_for_good(start, connect, provider):
    only_messages = connect((await start(router_text(provider.base_url, dialects=MESSAGES))).url)
    for dialect in (CHAT, RESPONSES):
        with pytest.raises(openai.BadRequestError, match="no tier of this router speaks"):
            await CALLERS[dialect][1](only_messages)
    only_chat = connect((await start(router_text(provider.base_url, dialects=CHAT))).url)
    with pytest.raises(anthropic.PermissionDeniedError, match="no tier of this router speaks"):
        await CALLERS[MESSAGES][1](only_chat)
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

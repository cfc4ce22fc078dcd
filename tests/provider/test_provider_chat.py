"""The official OpenAI SDK takes the provider's Chat answers for the real thing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from provider import Answer, ScriptedProvider, Tokens, ToolCall, UsagePlacement, UsageStyle

ASK: Any = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hi"}]}
CALLS = (ToolCall(name="read", arguments={"path": "src/å.py", "n": 1}), ToolCall(name="ls", id="call_mine"))


@pytest.fixture
async def sdk(provider: ScriptedProvider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client:
        yield client


async def test_an_unscripted_request_gets_a_short_text_and_usage(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    reply = await sdk.chat.completions.create(**ASK)
    assert reply.choices[0].message.content == "Hello from the scripted provider."
    assert reply.model == "gpt-5.5"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 120
    assert provider.last.header("authorization") == "Bearer k"
    assert provider.last.target == "/v1/chat/completions"


async def test_text_and_calls_come_back_unary(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.script(Answer(text="Ok", tool_calls=CALLS, thinking="plan"))
    choice = (await sdk.chat.completions.create(**ASK)).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    assert [call.id for call in choice.message.tool_calls][1] == "call_mine"
    assert choice.message.model_extra == {"reasoning_content": "plan"}


@pytest.mark.parametrize("quirk", [{}, {"interleave_calls": True}, {"whole_calls": True}])
async def test_streamed_calls_add_up(sdk: AsyncOpenAI, provider: ScriptedProvider, quirk: dict[str, bool]) -> None:
    provider.script(Answer(text="Two words", tool_calls=CALLS, thinking="let me see", **quirk))  # type: ignore[arg-type]
    async with sdk.chat.completions.stream(**ASK) as stream:
        async for _ in stream:
            pass
        choice = (await stream.get_final_completion()).choices[0]
    assert choice.message.content == "Two words"
    assert choice.message.tool_calls is not None
    assert [call.function.arguments for call in choice.message.tool_calls] == ['{"path":"src/å.py","n":1}', "{}"]


async def test_the_usage_chunk_comes_only_to_those_who_asked(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    silent = [chunk async for chunk in await sdk.chat.completions.create(**ASK, stream=True)]
    assert all(chunk.usage is None and chunk.choices for chunk in silent)
    asked = await sdk.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
    last = [chunk async for chunk in asked][-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.prompt_tokens == 100


@pytest.mark.parametrize("place", [UsagePlacement.FINISH_CHUNK, UsagePlacement.EVERY_CHUNK, UsagePlacement.ALWAYS])
async def test_usage_can_come_unasked(sdk: AsyncOpenAI, provider: ScriptedProvider, place: UsagePlacement) -> None:
    provider.script(Answer(usage_placement=place))
    chunks = [chunk async for chunk in await sdk.chat.completions.create(**ASK, stream=True)]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 20


@pytest.mark.parametrize(
    ("style", "where", "value"),
    [
        (UsageStyle.OPENROUTER, "cost", 0.0123),
        (UsageStyle.DEEPSEEK, "prompt_cache_hit_tokens", 60),
        (UsageStyle.DEEPSEEK, "prompt_cache_miss_tokens", 40),
        (UsageStyle.MOONSHOT, "cached_tokens", 60),
        (UsageStyle.MOONSHOT_OLD, "cached_tokens", 60),
    ],
)
async def test_vendors_write_usage_their_own_way(
    sdk: AsyncOpenAI, provider: ScriptedProvider, style: UsageStyle, where: str, value: float
) -> None:
    provider.script(Answer(usage=Tokens(cached=60, cost_usd=0.0123), usage_style=style))
    usage = (await sdk.chat.completions.create(**ASK)).usage
    assert usage is not None
    assert usage.model_extra is not None
    assert usage.model_extra[where] == value


async def test_usage_can_be_missing(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.script(Answer(usage=None))
    assert (await sdk.chat.completions.create(**ASK)).usage is None

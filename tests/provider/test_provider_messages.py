"""The official Anthropic SDK takes the provider's Messages answers for the real thing."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from provider import Answer, Delivery, ScriptedProvider, Status, Tokens, ToolCall, at

ASK: Any = {"model": "claude-opus-4-7", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
FULL = Answer(
    text="Reading\nit.",
    thinking="I should read it first.",
    signature="c2lnbmVk",
    tool_calls=[ToolCall(name="Read", arguments={"file_path": "å\n.py", "limit": 10}), ToolCall(name="LS")],
    usage=Tokens(input=1000, cached=800, written=100, written_1h=50, output=30, reasoning=9),
)


@pytest.fixture
async def sdk(provider: ScriptedProvider) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=provider.origin, api_key="k", max_retries=0) as client:
        yield client


def check_full(reply: Any) -> None:
    thinking, text, read, ls = reply.content
    assert (thinking.thinking, thinking.signature) == ("I should read it first.", "c2lnbmVk")
    assert text.text == "Reading\nit."
    assert (read.name, read.input) == ("Read", {"file_path": "å\n.py", "limit": 10})
    assert (ls.name, ls.input) == ("LS", {})
    assert reply.stop_reason == "tool_use"
    usage = reply.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (50, 800, 150)
    assert (usage.cache_creation.ephemeral_5m_input_tokens, usage.cache_creation.ephemeral_1h_input_tokens) == (100, 50)
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (30, 9)


async def test_every_kind_of_block_comes_back_unary(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(FULL)
    check_full(await sdk.messages.create(**ASK))


async def test_a_stream_accumulates_to_the_same_answer(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(FULL)
    async with sdk.messages.stream(**ASK) as stream:
        check_full(await stream.get_final_message())


async def test_pings_between_events_change_nothing(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Answer(text="a b c", delivery=Delivery(pings_before=2, ping_every=1, write_bytes=7)))
    async with sdk.messages.stream(**ASK) as stream:
        assert await stream.get_final_text() == "a b c"


async def test_an_omitted_thought_is_a_seal_alone(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Answer(text="Done.", thinking=""))
    async with sdk.messages.stream(**ASK) as stream:
        message: Any = await stream.get_final_message()
    assert (message.content[0].thinking, bool(message.content[0].signature)) == ("", True)


async def test_a_failure_inside_the_stream_raises(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Answer(delivery=Delivery(error_after_events=3)))
    with pytest.raises(anthropic.APIStatusError, match="overloaded"):
        async with sdk.messages.stream(**ASK) as stream:
            await stream.get_final_message()


async def test_a_status_has_the_dialects_error_body(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Status(429, headers={"retry-after": "7"}, message="Slow down."))
    with pytest.raises(anthropic.RateLimitError) as raised:
        await sdk.messages.create(**ASK)
    assert raised.value.response.headers["retry-after"] == "7"
    body: Any = raised.value.body
    assert body["error"] == {"type": "rate_limit_error", "message": "Slow down."}


async def test_tokens_are_counted_without_touching_the_script(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Answer(text="kept for a turn"))
    counted = await sdk.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    assert counted.input_tokens > 0
    assert provider.unanswered_steps == 1


async def test_counting_can_be_scripted_by_path(sdk: AsyncAnthropic, provider: ScriptedProvider) -> None:
    provider.script(Status(500), when=at("/count_tokens"))
    with pytest.raises(anthropic.InternalServerError):
        await sdk.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])

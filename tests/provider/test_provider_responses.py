"""The official OpenAI SDK takes the provider's Responses answers for the real thing."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from provider import Answer, Delivery, InBandError, ScriptedProvider, Tokens, ToolCall

ASK: Any = {"model": "gpt-5.6", "input": "Hi"}
FULL = Answer(
    text="Reading it.",
    thinking="I should read it first.",
    signature="c2VhbA==",
    tool_calls=[
        ToolCall(name="read", namespace="functions", arguments={"path": "a.py"}),
        ToolCall(name="apply_patch", custom=True, arguments="*** Begin Patch\n*** End Patch"),
    ],
    usage=Tokens(cached=60, written=10, written_1h=5, reasoning=7),
)


@pytest.fixture
async def sdk(provider: ScriptedProvider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client:
        yield client


def check_full(reply: Any) -> None:
    thinking, message, read, patch = reply.output
    assert thinking.summary[0].text == "I should read it first."
    assert thinking.encrypted_content == "c2VhbA=="
    assert message.content[0].text == "Reading it."
    assert (read.type, read.namespace, read.arguments) == ("function_call", "functions", '{"path":"a.py"}')
    assert (patch.type, patch.input) == ("custom_tool_call", "*** Begin Patch\n*** End Patch")
    assert reply.usage.input_tokens_details.cached_tokens == 60
    assert reply.usage.input_tokens_details.cache_write_tokens == 15
    assert reply.usage.output_tokens_details.reasoning_tokens == 7


async def test_every_kind_of_item_comes_back_unary(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.script(FULL)
    check_full(await sdk.responses.create(**ASK))


async def test_a_stream_accumulates_to_the_same_answer(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.script(FULL)
    numbers = []
    async with sdk.responses.stream(**ASK) as stream:
        async for event in stream:
            numbers.append(event.sequence_number)
        check_full(await stream.get_final_response())
    assert numbers == list(range(len(numbers)))


async def test_a_refusal_is_a_part_of_its_own(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.always(Answer(text="I can't help with that.", finish="refusal"))
    async with sdk.responses.stream(**ASK) as stream:
        async for _ in stream:
            pass
        streamed: Any = await stream.get_final_response()
    unary: Any = await sdk.responses.create(**ASK)
    for reply in (streamed, unary):
        assert reply.output[0].content[0].refusal == "I can't help with that."


async def test_an_answer_that_hits_the_cap_is_incomplete(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    provider.script(Answer(finish="length"))
    reply = await sdk.responses.create(**ASK)
    assert reply.status == "incomplete"
    assert reply.incomplete_details is not None
    assert reply.incomplete_details.reason == "max_output_tokens"


async def test_a_failure_inside_the_stream_is_response_failed(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    delivery = Delivery(error_after_events=2, error=InBandError(kind="rate_limit", message="Slow down."))
    provider.script(Answer(delivery=delivery))
    events = [event async for event in await sdk.responses.create(**ASK, stream=True)]
    assert [event.type for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert events[-1].sequence_number == 2


async def test_stored_answers_can_be_read_and_deleted(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    made = await sdk.responses.create(**ASK)
    assert (await sdk.responses.retrieve(made.id)).output_text == made.output_text
    await sdk.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(made.id)


async def test_counting_and_compacting_are_answered(sdk: AsyncOpenAI, provider: ScriptedProvider) -> None:
    assert (await sdk.responses.input_tokens.count(**ASK)).input_tokens > 0
    compacted: Any = await sdk.responses.compact(**ASK)
    assert compacted.output[0].type == "compaction"

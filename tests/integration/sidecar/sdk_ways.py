"""The ways to ask through the official SDKs, and what each hands out brought into one shape.

The scripted provider answers with :data:`ANSWER`; whatever the dialect and the way, :data:`EXPECTED` is what comes back.
"""

import json
from functools import cached_property
from typing import Any

import anthropic
import openai

from provider import Answer, Tokens, ToolCall

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

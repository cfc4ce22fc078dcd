"""The demo's turns: what an agent would send, with the official SDKs as an agent would use them."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import anthropic
import openai

TIMEOUT_S = 120.0
MAX_TOKENS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answered turn, as the client saw it."""

    headers: Mapping[str, str]
    text: str
    input_tokens: int
    output_tokens: int
    timing: str
    """``first token after 93 ms``, or the whole time of an answer that was not streamed."""

    @property
    def tier(self) -> str:
        """The tier that served it."""
        return self.headers.get("x-tierrouter-tier", "?")

    @property
    def model(self) -> str:
        """The model that served it."""
        return self.headers.get("x-tierrouter-model", "?")

    @property
    def reason(self) -> str:
        """Why that tier."""
        return self.headers.get("x-tierrouter-reason", "?")


class _Clock:
    """Measures one turn.

    An answer begins with its headers: the router sends them together with the first token. Waiting for the SDK to
    hand out that token would measure how long the SDK takes to build its types, half a second the first time.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._begun: float | None = None

    def answer_begins(self) -> None:
        """The headers of a streamed answer are here."""
        self._begun = time.monotonic()

    def __str__(self) -> str:
        if self._begun is None:
            return f"answered after {(time.monotonic() - self._start) * 1000:.0f} ms"
        return f"first token after {(self._begun - self._start) * 1000:.0f} ms"


def turns(url: str) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """``(what it is, a function that sends it)``; ``url`` is the router's, without ``/v1``."""
    # One attempt: a demo should show an error, not hide it behind the SDK's retries.
    oai = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=TIMEOUT_S)
    claude = anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0, timeout=TIMEOUT_S)

    # The SDKs import a dialect when it is first used; that is not the router's time.
    _ = (oai.chat.completions.with_raw_response, oai.responses.with_raw_response, claude.messages.with_raw_response)

    yield (
        "OpenAI Chat, asks for gpt-5.5, says nothing else",
        lambda: _chat(oai, "What is a unit test? One sentence."),
    )
    yield (
        "OpenAI Chat, streamed, with the header x-tierrouter-hint: deep",
        lambda: _chat_streamed(oai, "Name three sorting algorithms.", {"x-tierrouter-hint": "deep"}),
    )
    yield (
        "OpenAI Responses, streamed, asks for the model tier/reasoning",
        lambda: _responses_streamed(oai, "Why do tests fail at night? One sentence."),
    )
    yield (
        'Anthropic Messages, with the header x-tierrouter-task: {"planning_depth": 9}',
        lambda: _messages(claude, "Plan the move of a web shop to a new database.", '{"planning_depth": 9}'),
    )
    yield (
        "Anthropic Messages, streamed, with the header x-tierrouter-hint: local",
        lambda: _messages_streamed(claude, "Write a commit message for a fixed typo.", {"x-tierrouter-hint": "local"}),
    )
    yield (
        "OpenAI Chat, with a hint that no tier has: x-tierrouter-hint: turbo",
        lambda: _chat(oai, "What does a linter do? One sentence.", {"x-tierrouter-hint": "turbo"}),
    )


def _chat(client: openai.OpenAI, prompt: str, headers: Mapping[str, str] | None = None) -> Answer:
    clock = _Clock()
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-5.5",
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        extra_headers=headers,
    )
    answer = raw.parse()
    assert answer.usage is not None
    return Answer(
        headers=raw.headers,
        text=answer.choices[0].message.content or "",
        input_tokens=answer.usage.prompt_tokens,
        output_tokens=answer.usage.completion_tokens,
        timing=str(clock),
    )


def _chat_streamed(client: openai.OpenAI, prompt: str, headers: Mapping[str, str]) -> Answer:
    clock = _Clock()
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-5.5",
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        stream=True,
        stream_options={"include_usage": True},
        extra_headers=headers,
    )
    clock.answer_begins()
    text, usage = "", None
    for chunk in raw.parse():
        usage = chunk.usage or usage
        for choice in chunk.choices:
            if choice.delta.content:
                text += choice.delta.content
    return Answer(
        headers=raw.headers,
        text=text,
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        timing=str(clock),
    )


def _responses_streamed(client: openai.OpenAI, prompt: str) -> Answer:
    clock = _Clock()
    raw = client.responses.with_raw_response.create(
        model="tier/reasoning", input=prompt, max_output_tokens=MAX_TOKENS, stream=True
    )
    clock.answer_begins()
    text, usage = "", None
    for event in raw.parse():
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type in ("response.completed", "response.incomplete"):
            usage = event.response.usage
    return Answer(
        headers=raw.headers,
        text=text,
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        timing=str(clock),
    )


def _messages(client: anthropic.Anthropic, prompt: str, task: str) -> Answer:
    clock = _Clock()
    raw = client.messages.with_raw_response.create(
        model="claude-opus-4-7",
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        extra_headers={"x-tierrouter-task": task},
    )
    answer = raw.parse()
    return Answer(
        headers=raw.headers,
        text="".join(block.text for block in answer.content if block.type == "text"),
        input_tokens=answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0),
        output_tokens=answer.usage.output_tokens,
        timing=str(clock),
    )


def _messages_streamed(client: anthropic.Anthropic, prompt: str, headers: Mapping[str, str]) -> Answer:
    clock = _Clock()
    raw = client.messages.with_raw_response.create(
        model="claude-opus-4-7",
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        stream=True,
        extra_headers=headers,
    )
    clock.answer_begins()
    text, input_tokens, output_tokens = "", 0, 0
    for event in raw.parse():
        if event.type == "message_start":
            usage = event.message.usage
            input_tokens = usage.input_tokens + (usage.cache_read_input_tokens or 0)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
        elif event.type == "message_delta":
            output_tokens = event.usage.output_tokens
    return Answer(
        headers=raw.headers, text=text, input_tokens=input_tokens, output_tokens=output_tokens, timing=str(clock)
    )

"""Every official SDK against every provider that speaks another dialect: nothing shows that a translator is in between.

The provider answers by script in its own dialect; what the SDK hands out is compared with the script.
"""

import json
from typing import Any

import anthropic
import openai
import pytest
from routers import router_text
from sdk_ways import (
    ANSWER,
    ASK,
    CHAT,
    CHAT_ASK,
    EXPECTED,
    MESSAGES,
    MESSAGES_ASK,
    RESPONSES,
    RESPONSES_ASK,
    SEAL,
    THOUGHT,
    USED,
    USED_KINDS,
    WAYS,
    Sdks,
)

from provider import Answer, Delivery, Ending, InBandError, ScriptedProvider, Status, Tokens

DIALECTS = (CHAT, RESPONSES, MESSAGES)
PAIRS = [(client, provider) for client in DIALECTS for provider in DIALECTS if client != provider]
PATHS = {CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses", MESSAGES: "/v1/messages"}
ERRORS = {CHAT: openai.APIError, RESPONSES: openai.APIError, MESSAGES: anthropic.APIStatusError}


@pytest.fixture
async def behind(start, provider):
    """Starts a sidecar whose provider speaks one dialect, and makes clients of it."""
    made: list[Sdks] = []

    async def begin(dialect: str, headers: dict[str, str] | None = None, **router: Any) -> tuple[Any, Sdks]:
        sidecar = await start(router_text(provider.base_url, dialects=dialect, **router))
        made.append(Sdks(sidecar.url, headers))
        return sidecar, made[-1]

    yield begin
    for clients in made:
        await clients.close()


async def ask(sdks: Sdks, client: str, *, stream: bool, **changes: Any) -> Any:
    """One turn by the client's SDK, its stream put together by the SDK's own accumulator."""
    if client == CHAT:
        wanted = {**CHAT_ASK, **changes}
        if not stream:
            return await sdks.openai_async.chat.completions.create(**wanted)
        async with sdks.openai_async.chat.completions.stream(**wanted) as events:
            return await events.get_final_completion()
    if client == RESPONSES:
        wanted = {**RESPONSES_ASK, **changes}
        if not stream:
            return await sdks.openai_async.responses.create(**wanted)
        async with sdks.openai_async.responses.stream(**wanted) as events:
            # Its get_final_response() knows no response.incomplete.
            return [event async for event in events][-1].response
    wanted = {**MESSAGES_ASK, **changes}
    if not stream:
        return await sdks.anthropic_async.messages.create(**wanted)
    async with sdks.anthropic_async.messages.stream(**wanted) as events:
        return await events.get_final_message()


def finish_of(client: str, answer: Any) -> str:
    if client == CHAT:
        return answer.choices[0].finish_reason
    if client == RESPONSES:
        return answer.incomplete_details.reason if answer.status == "incomplete" else answer.status
    return answer.stop_reason


def words_of(client: str, answer: Any) -> str:
    if client == CHAT:
        return answer.choices[0].message.content or ""
    if client == RESPONSES:
        return answer.output_text
    return "".join(block.text for block in answer.content if block.type == "text")


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_text_thinking_parallel_calls_and_usage_come_back_whole(behind, provider, client, upstream):
    sidecar, sdks = await behind(upstream)
    provider.always(ANSWER)
    for way in WAYS[client]:
        thought, seal, *rest = await way(sdks)
        assert (thought, *rest) == (THOUGHT, *EXPECTED[2:]), way.__name__
        assert client == CHAT or seal.startswith("tr1."), "what a vendor proves travels sealed"
        assert provider.last.path == PATHS[upstream]
        assert provider.last.json["model"] == "moonshotai/kimi-k2.6"
    for row in await sidecar.rows(3):
        assert (row.dialect, row.tier, row.outcome, row.usage_source) == (client, "routine", "answered", "reported")
        assert {kind: getattr(row, kind) for kind in USED_KINDS} == USED_KINDS


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_a_tool_loop_ends_in_an_answer(behind, provider, client, upstream, stream):
    _, sdks = await behind(upstream, {"x-tierrouter-session": "s"})
    provider.script(ANSWER, Answer(text="Done.", usage=USED))
    first = await ask(sdks, client, stream=stream)
    second = await ask(sdks, client, stream=stream, **next_turn(client, first))
    assert words_of(client, second) == "Done."
    calls, results = calls_seen(upstream, provider.last.json)
    assert calls == [("read_file", {"path": 'a "b".py', "lines": [1, 2]}), ("list_files", {})]
    assert results == ["result 0", "result 1"]


def next_turn(client: str, first: Any) -> dict[str, Any]:
    """The conversation with everything that the first answer said, and the results of its calls."""
    if client == CHAT:
        message = first.choices[0].message
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"result {number}"}
            for number, call in enumerate(message.tool_calls)
        ]
        return {"messages": [*ASK, message.model_dump(exclude_none=True), *results]}
    if client == RESPONSES:
        items = [item.model_dump(exclude_none=True, mode="json") for item in first.output]
        for item in items:
            item.pop("parsed_arguments", None)
            item.pop("status", None)
        calls = [item["call_id"] for item in items if item["type"] == "function_call"]
        outputs = [
            {"type": "function_call_output", "call_id": call, "output": f"result {number}"}
            for number, call in enumerate(calls)
        ]
        return {"input": [*ASK, *items, *outputs]}
    content = [block.model_dump(exclude_none=True, mode="json") for block in first.content]
    for block in content:
        block.pop("parsed_output", None)
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call, "content": f"result {number}"} for number, call in enumerate(calls)
    ]
    return {"messages": [*ASK, {"role": "assistant", "content": content}, {"role": "user", "content": results}]}


def calls_seen(upstream: str, body: Any) -> tuple[list[Any], list[Any]]:
    """The calls and their results, as the provider was shown them."""
    if upstream == CHAT:
        assistant = next(message for message in body["messages"] if message["role"] == "assistant")
        calls = [call["function"] for call in assistant["tool_calls"]]
        results = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        return [(call["name"], json.loads(call["arguments"])) for call in calls], results
    if upstream == RESPONSES:
        items = [item for item in body["input"] if item["type"] == "function_call"]
        results = [item["output"] for item in body["input"] if item["type"] == "function_call_output"]
        return [(item["name"], json.loads(item["arguments"])) for item in items], results
    blocks = [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    results = [block["content"][0]["text"] for block in blocks if block["type"] == "tool_result"]
    return calls, results


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[0] != CHAT])
async def test_a_vendor_gets_its_own_reasoning_back_and_nobody_else_does(behind, provider, client, upstream):
    _, sdks = await behind(upstream, {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"})
    provider.script(ANSWER, Answer(text="Done.", usage=USED), Answer(text="Done.", usage=USED))
    first = await ask(sdks, client, stream=True)
    await ask(sdks, client, stream=True, **next_turn(client, first))
    own, sent = provider.last.json, provider.last.body
    if upstream == MESSAGES:
        blocks = own["messages"][1]["content"]
        assert blocks[0] == {"type": "thinking", "thinking": THOUGHT, "signature": SEAL}
    elif upstream == RESPONSES:
        assert next(item for item in own["input"] if item["type"] == "reasoning")["encrypted_content"] == SEAL
    assert b"tr1." not in sent
    other = Sdks(str(sdks.openai_async.base_url).removesuffix("/v1/"), {"x-tierrouter-hint": "routine"})
    try:
        await ask(other, client, stream=True, **next_turn(client, first))
    finally:
        await other.close()
    assert SEAL.encode() not in provider.last.body
    assert b"tr1." not in provider.last.body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_the_end_of_an_answer_is_said_in_the_clients_words(behind, provider, client, upstream, stream):
    _, sdks = await behind(upstream)
    cut_off = {CHAT: "length", RESPONSES: "max_output_tokens", MESSAGES: "max_tokens"}
    filtered = {CHAT: "content_filter", RESPONSES: "content_filter", MESSAGES: "refusal"}
    provider.script(Answer(text="Too long a st", finish="length"), Answer(text="No ", finish="content_filter"))
    if client == CHAT and stream:
        # The SDK's accumulator raises on both, by design, and names them.
        with pytest.raises(openai.LengthFinishReasonError):
            await ask(sdks, client, stream=True)
        with pytest.raises(openai.ContentFilterFinishReasonError):
            await ask(sdks, client, stream=True)
        return
    assert finish_of(client, await ask(sdks, client, stream=stream)) == cut_off[client]
    seen = finish_of(client, await ask(sdks, client, stream=stream))
    # Messages has one word for what the model declined and what a filter cut.
    declined = {CHAT: "content_filter", RESPONSES: "completed", MESSAGES: "refusal"}
    assert seen == (declined if upstream == MESSAGES else filtered)[client]


@pytest.mark.parametrize("fault", ["error", "cut"])
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_a_stream_that_breaks_raises_in_the_sdk_and_has_no_forged_end(behind, provider, client, upstream, fault):
    sidecar, sdks = await behind(upstream)
    delivery = (
        Delivery(error_after_events=8, error=InBandError(message="It broke.", kind="server"))
        if fault == "error"
        else Delivery(cut_after_events=8, ending=Ending.CLOSE)
    )
    provider.script(Answer(text=["word "] * 60, usage=USED, delivery=delivery))
    if client == RESPONSES:
        stream = await sdks.openai_async.responses.create(**RESPONSES_ASK, stream=True)
        events = [event async for event in stream]
        assert events[-1].type == "response.failed"
        assert not {"response.completed", "response.output_item.done"} & {event.type for event in events}
    else:
        with pytest.raises(ERRORS[client]):
            await ask(sdks, client, stream=True)
    (row,) = await sidecar.rows()
    assert row.outcome == ("upstream_error" if fault == "error" else "cut")
    assert row.output_tokens > 0, "what was produced is metered"


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in PAIRS if pair[1] == CHAT])
async def test_calls_that_come_in_turns_or_at_once_are_whole_all_the_same(behind, provider, client, upstream):
    _, sdks = await behind(upstream)
    for how in ({"interleave_calls": True}, {"whole_calls": True}, {"finish": "stop"}):
        provider.script(Answer(text="", tool_calls=ANSWER.tool_calls, usage=USED, **how))
        answer = await ask(sdks, client, stream=True)
        if client == RESPONSES:
            names = [item.name for item in answer.output]
        else:
            names = [block.name for block in answer.content]
            assert answer.stop_reason == "tool_use"
        assert names == ["read_file", "list_files"], how


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_an_error_before_the_answer_comes_in_the_clients_own_dialect(behind, provider, client, upstream):
    _, sdks = await behind(upstream)
    provider.always(Status(400, message="max_tokens: too many of them"))
    bad_request = anthropic.BadRequestError if client == MESSAGES else openai.BadRequestError
    with pytest.raises(bad_request, match="too many of them"):
        await ask(sdks, client, stream=True)
    provider.always(Status(429, {"retry-after": "7"}))
    throttled = anthropic.RateLimitError if client == MESSAGES else openai.RateLimitError
    with pytest.raises(throttled) as caught:
        await ask(sdks, client, stream=True)
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_a_prompt_too_long_is_said_as_agents_know_it(behind, provider, client, upstream):
    _, sdks = await behind(upstream)
    message = {
        CHAT: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        RESPONSES: "Your input exceeds the context window of this model: 9000 tokens > 8192.",
        MESSAGES: "prompt is too long: 9000 tokens > 8192 maximum",
    }[upstream]
    provider.always(Status(400, message=message))
    error = anthropic.BadRequestError if client == MESSAGES else openai.BadRequestError
    with pytest.raises(error) as caught:
        await ask(sdks, client, stream=True)
    if client == MESSAGES:
        assert "prompt is too long: 9000 tokens > 8192 maximum" in str(caught.value)
    else:
        assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
async def test_a_provider_of_another_dialect_takes_over_before_the_first_word(start, client, upstream):
    async with ScriptedProvider() as first, ScriptedProvider() as spare:
        text = router_text(first.base_url, spare.base_url, dialects=upstream, spare_dialects=client)
        sidecar = await start(text)
        spare.always(ANSWER)
        sdks = Sdks(sidecar.url)
        troubles = (
            Status(503),
            Answer(delivery=Delivery(error_after_events=0, error=InBandError(kind="overloaded"))),
            Status(429, {"retry-after": "30"}),
        )
        try:
            for number, trouble in enumerate(troubles, 1):
                first.always(trouble)
                answer = await ask(sdks, client, stream=True)
                assert words_of(client, answer) == ANSWER.text
                rows = await sidecar.rows(number)
                assert (rows[-1].tier, rows[-1].outcome) == ("fallback", "answered")
        finally:
            await sdks.close()


async def test_stop_sequences_that_responses_cant_be_told_are_watched_for(behind, provider):
    _, sdks = await behind(RESPONSES)
    provider.always(Answer(text=["one ", "two ", "EN", "D three ", "four"], usage=Tokens(input=10, output=9)))
    whole = await ask(sdks, MESSAGES, stream=False, stop_sequences=["END"])
    streamed = await ask(sdks, MESSAGES, stream=True, stop_sequences=["END"])
    for answer in (whole, streamed):
        assert words_of(MESSAGES, answer) == "one two "
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    assert "stop" not in provider.last.json


REFUSED_THOUGHT = "messages.1.content.0: Invalid `signature` in `thinking` block: bound to a different conversation"


async def test_past_thinking_that_its_vendor_refuses_is_left_out_for_the_rest_of_the_conversation(behind, provider):
    sidecar, sdks = await behind(MESSAGES, {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"})

    def picky(request: Any) -> Any:
        return Status(400, message=REFUSED_THOUGHT) if SEAL.encode() in request.body else ANSWER

    provider.always(picky)
    first = await ask(sdks, RESPONSES, stream=True)
    for number in range(2):
        second = await ask(sdks, RESPONSES, stream=True, **next_turn(RESPONSES, first))
        assert words_of(RESPONSES, second) == ANSWER.text
        assert SEAL.encode() not in provider.last.body
        row = (await sidecar.rows(2 + number))[-1]
        assert (row.outcome, row.attempts) == ("answered", 2 if number == 0 else 1), "it is refused once"
        assert (row.tier, row.reason.partition(":")[0]) == ("deep", "ToolLoop"), "nobody else took over"


PICKY = "reject: [{dialect: OpenAIChat, when: tools}]"


async def test_a_model_that_refuses_tools_on_chat_gets_them_by_responses(start, provider):
    text = router_text(provider.base_url, dialects=f"{CHAT}, {RESPONSES}").replace(
        "{name: kimi-k2-6, ", f"{{name: kimi-k2-6, {PICKY}, "
    )

    def refuses_tools(request: Any) -> Any:
        if request.path == PATHS[CHAT] and request.json.get("tools"):
            return Status(400, message="Function tools are not supported for this model in /v1/chat/completions.")
        return ANSWER

    provider.always(refuses_tools)
    sidecar = await start(text)
    sdks = Sdks(sidecar.url)
    try:
        for client in DIALECTS:
            answer = await ask(sdks, client, stream=True)
            assert words_of(client, answer) == ANSWER.text
            assert provider.last.path == PATHS[RESPONSES]
        await sdks.openai_async.chat.completions.create(model="auto", messages=ASK)
        assert provider.last.path == PATHS[CHAT]
    finally:
        await sdks.close()
    assert all(row.attempts == 1 for row in await sidecar.rows(4))

"""``failover.resumeCutStreams``: another tier goes on with an answer that was cut, and the client reads one answer."""

import asyncio

import anthropic
import openai
import pytest
from reliability import CHAT, MESSAGES, PATHS, RESPONSES, TEXT
from routers import router_text
from sdk_ways import PLACEHOLDER
from stream_grammars import COMPLETE, FAILED, read_stream
from test_failover import STREAM

from provider import Answer, Delivery, Ending, InBandError, Status, Tokens, ToolCall

DIALECTS = [CHAT, RESPONSES, MESSAGES]
ALL = "OpenAIChat, OpenAIResponses, AnthropicMessages"
WHOLE = "".join(TEXT)
CALL = ToolCall(name="read", arguments={"path": "a.py"})
BREAKS = {
    "cut": Delivery(cut_after_events=20, ending=Ending.CLOSE),
    "reset": Delivery(cut_after_events=20, ending=Ending.RESET),
    "ended early": Delivery(cut_after_events=20),
    "stalled": Delivery(cut_after_events=20, ending=Ending.STALL),
    "malformed": Delivery(garbage_after_events=20),
    "error": Delivery(error_after_events=20, error=InBandError(message="It broke.")),
    "half an event": Delivery(cut_after_bytes=3001, write_bytes=7, ending=Ending.CLOSE),
}


def begun_in(request) -> str:
    """The beginning of the answer that a request ends in."""
    asked = request.json
    last = (asked.get("messages") or asked.get("input"))[-1]
    assert last["role"] == "assistant"
    content = last["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def going_on(request) -> Answer:
    """What a model says that goes on with an answer: the rest, in pieces of other sizes than the first one's."""
    rest = WHOLE[len(begun_in(request)) :]
    pieces = [rest[start : start + 11] for start in range(0, len(rest), 11)]
    return Answer(text=pieces, usage=Tokens(input=70, output=30))


def resuming(provider, spare, *, spare_dialects: str = ALL, prefill: str = "true", on: str = "true") -> str:
    text = router_text(provider.base_url, spare.base_url, spare_dialects=spare_dialects)
    text = text.replace("idleTimeout: 5s}", f"idleTimeout: 300ms, resumeCutStreams: {on}}}")
    return text.replace(
        "id: deepseek/deepseek-v4-flash,",
        f"id: deepseek/deepseek-v4-flash, capabilities: {{prefill: {prefill}}}," if prefill else
        "id: deepseek/deepseek-v4-flash,",
    )  # fmt: skip


@pytest.mark.parametrize("other", [False, True], ids=["same-dialect", "translated"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("broken", BREAKS)
async def test_a_stream_that_breaks_off_is_gone_on_with_and_has_no_seam(start, provider, spare, dialect, broken, other):
    spoken = {CHAT: MESSAGES, MESSAGES: CHAT, RESPONSES: CHAT}[dialect] if other else dialect
    provider.always(Answer(text=TEXT, usage=Tokens(input=50, output=99), delivery=BREAKS[broken]))
    spare.always(going_on)
    sidecar = await start(resuming(provider, spare, spare_dialects=spoken))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (read.end, read.text, got.tier) == (COMPLETE, WHOLE, "routine")
    assert len(spare.requests) == 1
    (row,) = await sidecar.rows()
    assert (row.tier, row.outcome, row.attempts) == ("fallback", "answered", 2)
    assert row.reason.startswith("Failover: ")
    assert "fallback goes on after" in row.reason
    # What both wrote, and what was read once: the second's 70 hold the first's text again.
    assert row.output_tokens > 30
    assert row.input_tokens != 70


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_official_sdk_reads_one_answer(start, provider, spare, dialect):
    provider.always(Answer(text=TEXT, thinking="plan", delivery=Delivery(cut_after_events=25, ending=Ending.RESET)))
    spare.always(lambda request: Answer(text=[WHOLE[len(begun_in(request)) :]], thinking="hm", tool_calls=[CALL]))
    sidecar = await start(resuming(provider, spare))
    asked = {name: value for name, value in STREAM[dialect].items() if name != "stream"}
    if dialect is MESSAGES:
        client = anthropic.AsyncAnthropic(api_key=PLACEHOLDER, base_url=sidecar.url, max_retries=0)
        async with client, client.messages.stream(**asked) as stream:
            message = await stream.get_final_message()
        kinds = [block.type for block in message.content]
        assert kinds == ["thinking", "text", "tool_use"]
        assert message.content[1].text == WHOLE
        assert message.content[2].input == CALL.arguments
        return
    async with openai.AsyncOpenAI(api_key=PLACEHOLDER, base_url=sidecar.url + "/v1", max_retries=0) as client:
        if dialect is CHAT:
            async with client.chat.completions.stream(**asked) as stream:
                completion = await stream.get_final_completion()
            (choice,) = completion.choices
            assert choice.message.content == WHOLE
            assert choice.message.tool_calls[0].function.name == "read"
            assert choice.finish_reason == "tool_calls"
            return
        async with client.responses.stream(**asked) as stream:
            response = await stream.get_final_response()
    assert response.output_text == WHOLE
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_may_break_off_more_than_once(start, provider, spare, dialect):
    provider.always(Answer(text=TEXT, delivery=BREAKS["cut"]))
    calls = []

    def again(request):
        calls.append(begun_in(request))
        whole = going_on(request)
        if len(calls) > 1:
            return whole
        return Answer(text=whole.text, delivery=Delivery(cut_after_events=9, ending=Ending.CLOSE))

    spare.always(again)
    sidecar = await start(resuming(provider, spare))
    read = read_stream(dialect, (await sidecar.post(PATHS[dialect], STREAM[dialect])).body)
    assert (read.end, read.text) == (COMPLETE, WHOLE)
    assert len(calls[1]) > len(calls[0])
    (row,) = await sidecar.rows()
    assert (row.outcome, row.attempts) == ("answered", 3)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("why", ["off", "not said", "said not", "fails", "too little"])
async def test_where_nobody_goes_on_the_client_is_told_what_broke_it_off(start, provider, spare, dialect, why):
    few = 4 if why == "too little" else 20
    error = InBandError(message="It broke.")
    # Responses' first events say nothing of the text.
    opening = {CHAT: 1, MESSAGES: 2, RESPONSES: 4}[dialect]
    after = opening + few if why != "too little" else opening + 3
    provider.always(Answer(text=TEXT, delivery=Delivery(error_after_events=after, error=error)))
    if why == "fails":
        spare.always(Status(503))
    prefill = {"not said": "", "said not": "false"}.get(why, "true")
    sidecar = await start(resuming(provider, spare, prefill=prefill, on="false" if why == "off" else "true"))
    read = read_stream(dialect, (await sidecar.post(PATHS[dialect], STREAM[dialect])).body)
    assert (read.end, read.error) == (FAILED, "It broke.")
    assert WHOLE.startswith(read.text)
    assert read.text
    assert len(spare.requests) == (why == "fails")
    (row,) = await sidecar.rows()
    assert (row.outcome, row.attempts) == ("upstream_error", 1 + (why == "fails"))
    assert row.output_tokens > 0


async def test_a_tool_call_that_was_begun_is_not_gone_on_with(start, provider, spare):
    for dialect in DIALECTS:
        events = {CHAT: 44, MESSAGES: 46, RESPONSES: 50}[dialect]
        answer = Answer(text=TEXT, tool_calls=[CALL], delivery=Delivery(cut_after_events=events, ending=Ending.CLOSE))
        provider.always(answer)
        sidecar = await start(resuming(provider, spare))
        read = read_stream(dialect, (await sidecar.post(PATHS[dialect], STREAM[dialect])).body)
        assert (read.end, read.text) == (FAILED, WHOLE)
    assert spare.requests == []


async def test_a_client_that_leaves_before_the_rest_has_come_is_written_down_so(start, provider, spare):
    provider.always(Answer(text=TEXT, delivery=BREAKS["cut"]))
    spare.always(Answer(text="late", delivery=Delivery(body_delay_s=5)))
    sidecar = await start(resuming(provider, spare))
    async with sidecar.client.post(sidecar.url + PATHS[CHAT], json=STREAM[CHAT]) as response:
        await response.content.readany()
        while not spare.requests:
            await asyncio.sleep(0.01)
    (row,) = await sidecar.rows()
    assert (row.outcome, row.attempts) == ("client_gone", 2)
    assert row.output_tokens > 0

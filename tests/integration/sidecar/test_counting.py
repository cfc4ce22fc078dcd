"""Counts of input tokens: the provider's own where it counts, else an estimate that learns from what it reports."""

import orjson
import pytest
from bench.tokens.sessions import HEADS, chat_prompt, turns
from bench.tokens.vocabularies import embedded
from routers import router_text

from provider import Answer, ScriptedProvider, Status, at
from provider.usage import Tokens

COUNT = "/v1/messages/count_tokens"
SAID = {"messages": [{"role": "user", "content": "Say what this project is. " * 200}]}
ASKED = {"model": "claude-x", **SAID}
IN_SESSION = {"x-tierrouter-session": "s1"}


@pytest.fixture
async def chat_only(start, provider: ScriptedProvider):
    """A sidecar whose tiers speak Chat alone."""
    return await start(router_text(provider.base_url, dialects="OpenAIChat"))


async def count(sidecar, body=ASKED, path=COUNT, headers=IN_SESSION) -> int:
    got = await sidecar.post(path, body, headers)
    assert got.status == 200
    return got.json["input_tokens"]


@pytest.mark.parametrize(
    ("path", "body"), [(COUNT, ASKED), ("/v1/responses/input_tokens", {"model": "auto", "input": "Hello. " * 200})]
)
async def test_a_provider_of_another_dialect_is_not_asked_to_count(chat_only, provider, path, body):
    assert await count(chat_only, body, path) > 300
    assert provider.requests == []


async def test_a_provider_that_refuses_one_count_is_asked_for_the_next(sidecar, provider):
    provider.script(Status(400), when=at("/count_tokens"))
    estimated = await count(sidecar)
    assert estimated > 900
    assert await count(sidecar) != estimated
    assert len(provider.requests) == 2


async def test_a_count_is_what_the_model_reported_for_the_same_request(chat_only, provider):
    provider.always(Answer(usage=Tokens(input=1700, cached=500)))
    before = await count(chat_only)
    await chat_only.post("/v1/messages", {**ASKED, "max_tokens": 100}, IN_SESSION)
    assert before != 1700
    assert await count(chat_only) == 1700
    # Another session has only the model's rate to go by, and another model not even that.
    assert 1300 < await count(chat_only, headers={"x-tierrouter-session": "s2"}) < 1900
    assert await count(chat_only, headers={"x-tierrouter-session": "s3", "x-tierrouter-hint": "deep"}) == before


async def test_a_streams_start_tells_what_was_learned(chat_only, provider):
    provider.always(Answer(usage=Tokens(input=1700)))
    turn = {**ASKED, "max_tokens": 100, "stream": True}
    await chat_only.post("/v1/messages", turn, IN_SESSION)
    streamed = await chat_only.post("/v1/messages", turn, IN_SESSION)
    start = next(line for line in streamed.body.splitlines() if b"message_start" in line and line.startswith(b"data"))
    assert orjson.loads(start.removeprefix(b"data: "))["message"]["usage"]["input_tokens"] == 1700


async def test_usage_that_is_missing_is_estimated_by_what_was_learned(chat_only, provider):
    provider.script(Answer(usage=Tokens(input=1700)), Answer(usage=None))
    for _ in range(2):
        await chat_only.post("/v1/messages", {**ASKED, "max_tokens": 100}, IN_SESSION)
    told, estimated = await chat_only.rows(2)
    assert (told.usage_source, estimated.usage_source) == ("reported", "estimated")
    assert estimated.input_tokens == 1700


async def test_rules_see_the_tokens_that_the_session_was_reported_to_have(start, provider):
    rules = '    - {name: wide-change, when: "task.file_count > thresholds.file_count", tier: reasoning}'
    long = '    - {name: long, when: "turn.context_tokens == 1700", tier: deep}'
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat").replace(rules, f"{rules}\n{long}"))
    provider.always(Answer(usage=Tokens(input=1700)))
    tiers = [(await sidecar.post("/v1/messages", {**ASKED, "max_tokens": 9}, IN_SESSION)).tier for _ in range(2)]
    assert tiers == ["routine", "deep"]


async def test_a_tier_that_can_not_take_the_turn_is_not_whose_tokens_are_counted(start, provider):
    # Only the spare provider speaks Messages, whose own count that of a server tool's history is.
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat", spare_dialects="AnthropicMessages"))
    used = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    body = {**ASKED, "messages": [*SAID["messages"], {"role": "assistant", "content": [used]}, *SAID["messages"]]}
    assert await count(sidecar, body) > 0
    assert provider.last.path == COUNT
    assert provider.last.json["model"] == "deepseek/deepseek-v4-flash"


@pytest.mark.parametrize("head", HEADS)
async def test_nearly_all_counts_are_within_ten_percent_once_a_session_has_had_a_turn(chat_only, provider, head):
    """Against the embedded model's own vocabulary, where most digits and many characters are tokens of their own."""
    with embedded() as tokens_of:
        provider.always(lambda request: Answer(usage=Tokens(input=tokens_of(chat_prompt(request.json)))))
        errors = []
        for flavour in ("prose", "code", "json", "chinese", "mixed", "japanese", "base64"):
            session = {"x-tierrouter-session": f"{flavour}-{head}"}
            for turn, body in enumerate(turns(flavour, head, 6, seed=7)):
                counted = await count(
                    chat_only, {key: body[key] for key in body if key != "max_tokens"}, headers=session
                )
                served = await chat_only.post("/v1/messages", body, session)
                actual = served.json["usage"]["input_tokens"]
                if turn:
                    errors.append((abs(counted / actual - 1), flavour, turn))
    errors.sort()
    within = sum(error <= 0.1 for error, _, _ in errors) / len(errors)
    assert errors[len(errors) // 2][0] < 0.02, errors[-5:]
    assert within >= (0.95 if head == "agent" else 0.85), errors[-8:]

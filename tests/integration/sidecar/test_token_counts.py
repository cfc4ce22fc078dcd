"""How many tokens a request has, asked before it is sent: by the provider where it counts, else by what it reported."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from routers import router_text

from provider import Answer, ScriptedProvider, Status, Tokens
from tierrouter_sidecar.embedded.model import EmbeddedModel

ROOT = Path(__file__).parents[3]
EXCERPTS = [
    (ROOT / name).read_text(encoding="utf-8")[start : start + size]
    for name, start, size in (
        ("docs/routing.md", 0, 4000),
        ("core/tierrouter_core/routing/decide.py", 2000, 3500),
        ("crds/tierrouters.yaml", 4000, 6000),
        ("tests/unit/wire/golden/translation/chat-to-messages.txt", 0, 5000),
        ("README.md", 0, 3000),
    )
]
ALLOWED = 0.10


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[Any]:
    """The real tokenizer of a real model; what it counts is what the scripted provider reports."""
    model = EmbeddedModel.start()
    headers = {"content-type": "application/json", "authorization": f"Bearer {model.api_key}"}
    url = model.base_url.removesuffix("/v1") + "/tokenize"

    def count(text: str) -> int:
        request = urllib.request.Request(url, json.dumps({"content": text}).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return len(json.loads(answer.read())["tokens"])

    yield count
    model.stop()


def conversation(turns: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for turn, excerpt in enumerate(EXCERPTS[:turns]):
        call = {"type": "tool_use", "id": f"c{turn}", "name": "Read", "input": {"file_path": f"part {turn}"}}
        result = {"type": "tool_result", "tool_use_id": f"c{turn}", "content": excerpt}
        messages += [
            {"role": "user", "content": f"Look at part {turn} and say what could be simpler."},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": "It could be shorter."},
        ]
    return {"model": "auto", "max_tokens": 100, "system": "You are an agent. " * 300, "messages": messages[:-1]}


async def test_after_a_sessions_first_turn_counts_are_within_a_tenth(start, provider, tokenizer):
    def counted(request: Any) -> Answer:
        shown = [json.dumps(message, ensure_ascii=False) for message in request.json["messages"]]
        return Answer(text="It could be shorter.", usage=Tokens(input=sum(map(tokenizer, shown)), output=5))

    provider.always(counted)
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    session = {"x-tierrouter-session": "s"}
    errors = []
    for turn in range(1, len(EXCERPTS) + 1):
        body = conversation(turn)
        before = len(provider.requests)
        got = await sidecar.post("/v1/messages/count_tokens", body, session)
        assert len(provider.requests) == before, "a count is never sent to a provider of another dialect"
        answer = await sidecar.post("/v1/messages", {**body, "stream": True}, session)
        events = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: ")]
        begun = next(event for event in events if event["type"] == "message_start")["message"]["usage"]["input_tokens"]
        ended = next(event for event in events if event["type"] == "message_delta")["usage"]["input_tokens"]
        assert begun == pytest.approx(got.json["input_tokens"], abs=10), "agents judge by it how full the window is"
        errors.append(abs(begun - ended) / ended)
    assert all(error < ALLOWED for error in errors[1:]), errors


async def test_one_sessions_reports_serve_the_next_ones_first_turn(start, provider):
    provider.always(Answer(usage=Tokens(input=5000, output=5)))
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    body = conversation(1)
    first = (await sidecar.post("/v1/messages/count_tokens", body, {"x-tierrouter-session": "a"})).json["input_tokens"]
    await sidecar.post("/v1/messages", body, {"x-tierrouter-session": "a"})
    other = (await sidecar.post("/v1/messages/count_tokens", body, {"x-tierrouter-session": "b"})).json["input_tokens"]
    assert abs(other - 5000) < abs(first - 5000)


async def test_every_model_is_counted_by_its_own_reports(start, provider):
    provider.always(Answer(usage=Tokens(input=5000, output=5)))
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    body = conversation(1)
    deep = {"x-tierrouter-session": "a", "x-tierrouter-hint": "deep"}
    before = (await sidecar.post("/v1/messages/count_tokens", body, deep)).json
    await sidecar.post("/v1/messages", body, {"x-tierrouter-session": "a", "x-tierrouter-hint": "routine"})
    assert (await sidecar.post("/v1/messages/count_tokens", body, deep)).json == before


async def test_a_provider_that_does_not_count_is_not_asked_before_every_turn(start):
    async with ScriptedProvider() as provider:
        provider.always(Status(404), when=lambda request: request.path.endswith("/count_tokens"))
        sidecar = await start(router_text(provider.base_url))
        for _ in range(3):
            got = await sidecar.post("/v1/messages/count_tokens", conversation(1))
            assert got.status == 200
            assert got.json["input_tokens"] > 0
        assert len(provider.requests) == 1


async def test_responses_clients_get_their_count_in_their_own_shape(start, provider):
    sidecar = await start(router_text(provider.base_url, dialects="OpenAIChat"))
    got = await sidecar.post("/v1/responses/input_tokens", {"model": "auto", "input": "How many?"})
    assert got.json["object"] == "response.input_tokens"
    assert got.json["input_tokens"] > 0
    assert provider.requests == []

"""What is remembered of models and conversations to count tokens by."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from tierrouter_core.document.model import Model, Provider
from tierrouter_core.names import Dialect, UsageSource
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.identity import Identity
from tierrouter_core.wire.request import Request, read_request
from tierrouter_sidecar.token_memory import TokenMemory

SESSION = Identity("s1")
PROVIDER = Provider(name="vendor", base_url="https://vendor.example/v1")
HEAVY, LIGHT = (Target(PROVIDER, name, Model(name=name, id=name, dialects=(Dialect.CHAT,))) for name in ("h", "l"))
TEXT = "The quick brown fox jumps over the lazy dog. " * 200


def request(*texts: str, **more: Any) -> Request:
    messages = [{"role": "user", "content": text} for text in texts]
    return read_request(Dialect.CHAT, orjson.dumps({"model": "m", "messages": messages, **more}))


def count(memory: TokenMemory, target: Target, of: Request, identity: Identity = SESSION) -> int:
    return memory.estimate(target, of, identity, memory.weigh(of, identity))


def report(memory: TokenMemory, target: Target, of: Request, usage: Usage, identity: Identity = SESSION) -> None:
    memory.learn(target, of, identity, lambda: memory.weigh(of, identity), usage)


def test_what_a_model_reported_is_the_count_of_the_same_request() -> None:
    memory = TokenMemory()
    report(memory, HEAVY, request(TEXT), Usage(input_uncached=1000, cache_read=2000, cache_write_5m=500))
    assert count(memory, HEAVY, request(TEXT)) == 3500


def test_a_count_is_never_used_for_another_model() -> None:
    memory = TokenMemory()
    unlearned = count(memory, LIGHT, request(TEXT))
    report(memory, HEAVY, request(TEXT), Usage(input_uncached=3500))
    assert count(memory, LIGHT, request(TEXT)) == unlearned


def test_another_session_begins_with_what_the_model_has_taught() -> None:
    memory = TokenMemory()
    other = Identity("s2")
    before = count(memory, HEAVY, request(TEXT), other)
    report(memory, HEAVY, request(TEXT), Usage(input_uncached=round(before * 1.3)))
    assert count(memory, HEAVY, request(TEXT), other) == pytest.approx(before * 1.3, rel=0.05)


@pytest.mark.parametrize("source", [UsageSource.ESTIMATED, UsageSource.MIXED, UsageSource.NONE])
def test_an_estimate_teaches_nothing(source: UsageSource) -> None:
    memory = TokenMemory()
    before = count(memory, HEAVY, request(TEXT))
    report(memory, HEAVY, request(TEXT), Usage(input_uncached=9000, source=source))
    assert count(memory, HEAVY, request(TEXT)) == before
    assert len(memory) == 0


def test_a_side_call_without_tools_leaves_the_conversation_as_it_was() -> None:
    memory = TokenMemory()
    tools = [{"type": "function", "function": {"name": "edit"}}]
    report(memory, HEAVY, request(TEXT, tools=tools), Usage(input_uncached=3500))
    report(memory, HEAVY, request("A title for this."), Usage(input_uncached=9))
    assert count(memory, HEAVY, request(TEXT, tools=tools)) == 3500


def test_the_conversations_that_were_unused_longest_are_forgotten() -> None:
    memory = TokenMemory(max_conversations=2)
    for name in ("a", "b", "a", "c"):
        report(memory, HEAVY, request(TEXT), Usage(input_uncached=4000), replace(SESSION, session=name))
    assert len(memory) == 2
    assert count(memory, HEAVY, request(TEXT), replace(SESSION, session="a")) == 4000
    assert count(memory, HEAVY, request(TEXT), replace(SESSION, session="b")) != 4000


def test_no_text_is_kept() -> None:
    memory = TokenMemory()
    report(memory, HEAVY, request("a secret prompt"), Usage(input_uncached=12))
    assert "secret" not in _everything(memory)


def _everything(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_everything(part) for pair in value.items() for part in pair)
    if isinstance(value, tuple | list):
        return "".join(map(_everything, value))
    names = [*getattr(value, "__dict__", ()), *getattr(value, "__slots__", ())]
    return repr(value) + "".join(_everything(getattr(value, name)) for name in names)


def test_a_conversation_that_has_hardly_grown_is_not_weighed_again() -> None:
    memory = TokenMemory()
    report(memory, HEAVY, request(TEXT), Usage(input_uncached=3000))

    def never() -> Any:
        raise AssertionError("weighed again")

    memory.learn(HEAVY, request(TEXT, "And?"), SESSION, never, Usage(input_uncached=3010))
    assert count(memory, HEAVY, request(TEXT, "And?")) == pytest.approx(3010, rel=0.01)
    report(memory, HEAVY, request(TEXT, TEXT), Usage(input_uncached=5000))
    assert count(memory, HEAVY, request(TEXT, TEXT)) == 5000

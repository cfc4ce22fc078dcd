"""Which open tool loops carry thinking that is signed."""

from typing import Any

import orjson
import pytest

from tierrouter_core.names import Dialect
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.sealed import Sealed, seal
from tierrouter_core.wire.signed_thinking import carries_signed_thinking

KEY = b"k" * 32
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]}
CALL = {"type": "tool_use", "id": "c1", "name": "ls", "input": {}}


def thinking(signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def carries(dialect: Dialect, entries: list[Any]) -> bool:
    key = "input" if dialect is Dialect.RESPONSES else "messages"
    return carries_signed_thinking(read_request(dialect, orjson.dumps({"model": "m", key: entries})), KEY)


def messages(*blocks: dict[str, Any], after: tuple[dict[str, Any], ...] = (RESULT,)) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "go"}, {"role": "assistant", "content": [*blocks, CALL]}, *after]


@pytest.mark.parametrize("block", [thinking("sig"), {"type": "redacted_thinking", "data": "opaque"}])
def test_a_loop_with_a_signature_carries_it(block):
    assert carries(Dialect.MESSAGES, messages(block))


def test_a_loop_carries_what_any_of_its_answers_thought():
    second = {"role": "assistant", "content": [{**CALL, "id": "c2"}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2", "content": "ok"}]}
    assert carries(Dialect.MESSAGES, messages(thinking("sig"), after=(RESULT, second, result)))


def test_instructions_in_between_do_not_end_the_loop():
    reminder = {"role": "system", "content": "mind the tests"}
    assert carries(Dialect.MESSAGES, messages(thinking("sig"), after=(RESULT, reminder)))


def test_thinking_before_the_users_last_words_does_not_count():
    words = {"role": "user", "content": "and now something else"}
    assert not carries(Dialect.MESSAGES, messages(thinking("sig"), after=(RESULT, words)))


def test_thinking_without_a_signature_binds_nobody():
    assert not carries(Dialect.MESSAGES, messages(thinking("")))
    assert not carries(Dialect.MESSAGES, messages({"type": "text", "text": "hm"}))


@pytest.mark.parametrize(
    ("vendor", "proof", "signed"), [("anthropic", "sig", True), ("anthropic", "", False), ("openai", "blob", False)]
)
def test_sealed_reasoning_counts_where_its_vendor_signs(vendor, proof, signed):
    sealed = seal(KEY, Sealed(vendor, proof))
    items = [
        {"type": "message", "role": "user", "content": "go"},
        {"type": "reasoning", "summary": [], "encrypted_content": sealed},
        {"type": "function_call", "call_id": "c1", "name": "ls", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ]
    assert carries(Dialect.RESPONSES, items) is signed
    assert carries(Dialect.MESSAGES, messages(thinking(sealed))) is signed


def test_a_seal_that_is_not_ours_counts_for_nothing():
    assert not carries(Dialect.MESSAGES, messages(thinking(seal(b"x" * 32, Sealed("anthropic", "sig")))))


def test_openais_own_reasoning_binds_nobody():
    items = [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "summary": [], "encrypted_content": "blob"},
        {"type": "function_call", "call_id": "c1", "name": "ls", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ]
    assert not carries(Dialect.RESPONSES, items)


def test_chat_has_no_place_for_signatures():
    entries = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": []},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    ]
    assert not carries(Dialect.CHAT, entries)

"""A turn that came with a failed tool is known in each dialect; an old failure is not counted again."""

import json
from typing import Any

import pytest

from tierrouter_core.names import Dialect
from tierrouter_core.signals.failed_results import came_with_a_failed_tool
from tierrouter_core.wire.request import read_request

USER = {"role": "user", "content": "Hi"}


def messages(*results: dict[str, Any], then: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]}
    content = [{"type": "tool_result", "tool_use_id": "1", **result} for result in results]
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": [USER, call, {"role": "user", "content": content}, *(then or [])],
    }


def chat(text: str) -> dict[str, Any]:
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "sh", "arguments": "{}"}}]}
    return {"model": "m", "messages": [USER, call, {"role": "tool", "tool_call_id": "1", "content": text}]}


def responses(text: str) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": "1", "name": "shell", "arguments": "{}"}
    return {"model": "m", "input": [USER, call, {"type": "function_call_output", "call_id": "1", "output": text}]}


FINE = {"content": "fine"}
FAILED = {"content": "no such file", "is_error": True}
ANSWERED = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "2", "name": "Bash", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "2", "content": "fine"}]},
]


@pytest.mark.parametrize(
    ("dialect", "body", "failed"),
    [
        (Dialect.MESSAGES, messages(FINE), False),
        (Dialect.MESSAGES, messages(FAILED), True),
        (Dialect.MESSAGES, messages(FAILED, FINE), True),
        (Dialect.MESSAGES, messages(FAILED, then=ANSWERED), False),
        (Dialect.MESSAGES, {"model": "m", "max_tokens": 9, "messages": [USER]}, False),
        (Dialect.CHAT, chat("fine"), False),
        (Dialect.CHAT, chat("Exit code: 1\nno"), True),
        (Dialect.CHAT, chat("Exit code: 0\nok"), False),
        (Dialect.RESPONSES, responses("fine"), False),
        (Dialect.RESPONSES, responses("Process exited with code 2\nno"), True),
        (Dialect.RESPONSES, {"model": "m", "input": "Hi"}, False),
    ],
)
def test_the_newest_results_tell(dialect: Dialect, body: dict[str, Any], failed: bool) -> None:
    assert came_with_a_failed_tool(read_request(dialect, json.dumps(body).encode())) is failed

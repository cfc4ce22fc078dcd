"""Streams as providers send them, for the tests of the meters: text, reasoning, tools, refusals."""

import json
from typing import Any

from tierrouter_core.names import Dialect


def named(*payloads: dict[str, Any]) -> bytes:
    """Events of Messages and Responses."""
    return b"".join(b"event: " + p["type"].encode() + b"\ndata: " + json.dumps(p).encode() + b"\n\n" for p in payloads)


def chat(*payloads: dict[str, Any], done: bool = True) -> bytes:
    """Chat chunks, compact as most servers write them."""
    lines = [json.dumps(p, separators=(",", ":")).encode() for p in payloads] + [b"[DONE]"] * done
    return b"".join(b"data: " + line + b"\n\n" for line in lines)


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One Chat chunk; without a delta its choices are empty."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "up-1",
        "choices": choices,
        "usage": None,
    } | more


CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
CHAT_STREAM = b": OPENROUTER PROCESSING\n\n" + chat(
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": 'think of "usage": 7\n'}),
    chunk({"content": 'Größe {"model": "x"} \\ "finish_reason":"stop" '}),
    chunk({"content": "data: [DONE] event: error"}),
    chunk({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"model":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"y"}'}}]}),
    chunk({}, "tool_calls"),
    chunk(None, usage=CHAT_USAGE),
)
CHAT_REFUSAL = chat(chunk({"role": "assistant", "refusal": "I will not."}), chunk({}, "content_filter"), done=False)

MESSAGES_STREAM = named(
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "claude-up",
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 30,
                "cache_read_input_tokens": 60,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 1,
            },
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm, message_stop"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": 'Grüße "model":"x"\n'}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "r", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a": "b'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"}'}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 25, "input_tokens": None, "output_tokens_details": {"thinking_tokens": 4}},
    },
    {"type": "message_stop"},
)


def _numbered(*payloads: dict[str, Any]) -> list[dict[str, Any]]:
    return [payload | {"sequence_number": number} for number, payload in enumerate(payloads)]


def response(status: str, **more: Any) -> dict[str, Any]:
    """A Responses lifecycle event's response."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 5,
        "status": status,
        "error": None,
        "instructions": "be",
        "model": "gpt-up",
        "output": [],
        "tools": [{"model": "trap"}],
        "usage": None,
    } | more


_ITEM = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "read", "arguments": '{"a":1}'}
RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 130,
}
RESPONSES_STREAM = named(
    *_numbered(
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.in_progress", "response": response("in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
        {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "delta": "plän"},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_1", "encrypted_content": "x"},
        },
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "id": "msg_1"}},
        {
            "type": "response.output_text.delta",
            "output_index": 1,
            "delta": 'Hi "response": "error" \n',
            "obfuscation": "zz",
        },
        {"type": "response.refusal.delta", "output_index": 1, "delta": "no"},
        {
            "type": "response.output_item.done",
            "output_index": 1,
            "item": {"type": "message", "id": "msg_1", "content": []},
        },
        {"type": "response.output_item.added", "output_index": 2, "item": _ITEM | {"arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 2, "item": _ITEM},
        {"type": "response.completed", "response": response("completed", usage=RESPONSES_USAGE)},
    )
)

STREAMS: list[tuple[Dialect, bytes]] = [
    (Dialect.CHAT, CHAT_STREAM),
    (Dialect.CHAT, CHAT_REFUSAL),
    (Dialect.CHAT, CHAT_STREAM.replace(b"\n", b"\r\n")),
    (Dialect.MESSAGES, MESSAGES_STREAM),
    (Dialect.MESSAGES, MESSAGES_STREAM.replace(b"\n", b"\r")),
    (Dialect.RESPONSES, RESPONSES_STREAM),
    (Dialect.RESPONSES, b"\xef\xbb\xbf" + RESPONSES_STREAM),
]

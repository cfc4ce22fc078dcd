"""What answers can hold, as small examples in each provider's dialect; see ``translation_probes``."""

from collections.abc import Mapping
from typing import Any

from translation_probes import CHAT, MARK, MESSAGES, RESPONSES, Body

from tierrouter_core.names import Dialect


def _chat(message: dict[str, Any], finish: str = "stop") -> Body:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}


def _responses(*output: dict[str, Any], status: str = "completed", reason: str = "") -> Body:
    details = {"reason": reason} if reason else None
    return {"id": "x", "object": "response", "status": status, "incomplete_details": details, "output": list(output)}


def _messages(*content: dict[str, Any], finish: str = "end_turn", sequence: str | None = None) -> Body:
    body = {"id": "x", "type": "message", "role": "assistant", "content": list(content), "stop_reason": finish}
    return {**body, "stop_sequence": sequence}


def _item(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "id": "i", "role": "assistant", "content": list(parts)}


_CHAT_CALL = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": f'{{"p":"{MARK}"}}'}}
_RESPONSES_CALL = {"type": "function_call", "id": "i", "call_id": "c", "name": "ls", "arguments": f'{{"p":"{MARK}"}}'}
_MESSAGES_CALL = {"type": "tool_use", "id": "c", "name": "ls", "input": {"p": MARK}}
_HI = {"type": "text", "text": "hi"}
_HI_ITEM = _item({"type": "output_text", "text": "hi"})

ANSWERS: Mapping[str, Mapping[Dialect, Body]] = {
    "text": {
        CHAT: _chat({"content": MARK}),
        RESPONSES: _responses(_item({"type": "output_text", "text": MARK})),
        MESSAGES: _messages({"type": "text", "text": MARK}),
    },
    "tool calls": {
        CHAT: _chat({"tool_calls": [_CHAT_CALL]}, "tool_calls"),
        RESPONSES: _responses(_RESPONSES_CALL),
        MESSAGES: _messages(_MESSAGES_CALL, finish="tool_use"),
    },
    "thinking, as text": {
        CHAT: _chat({"reasoning_content": MARK, "content": "hi"}),
        RESPONSES: _responses(
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": MARK}]}, _HI_ITEM
        ),
        MESSAGES: _messages({"type": "thinking", "thinking": MARK, "signature": "s"}, _HI),
    },
    "words of a refusal": {
        CHAT: _chat({"refusal": MARK}),
        RESPONSES: _responses(_item({"type": "refusal", "refusal": MARK})),
        MESSAGES: _messages({"type": "text", "text": MARK}, finish="refusal"),
    },
}
"""By what they hold."""

FINISHES: Mapping[str, Mapping[Dialect, Body]] = {
    "by itself": {CHAT: _chat({"content": "hi"}), RESPONSES: _responses(_HI_ITEM), MESSAGES: _messages(_HI)},
    "with tool calls": {
        CHAT: _chat({"tool_calls": [_CHAT_CALL]}, "tool_calls"),
        RESPONSES: _responses(_RESPONSES_CALL),
        MESSAGES: _messages(_MESSAGES_CALL, finish="tool_use"),
    },
    "with tool calls, and says that it just stopped": {CHAT: _chat({"tool_calls": [_CHAT_CALL]}, "stop")},
    "at a stop sequence": {MESSAGES: _messages(_HI, finish="stop_sequence", sequence="END")},
    "at the output cap": {
        CHAT: _chat({"content": "hi"}, "length"),
        RESPONSES: _responses(_HI_ITEM, status="incomplete", reason="max_output_tokens"),
        MESSAGES: _messages(_HI, finish="max_tokens"),
    },
    "at the end of the context window": {MESSAGES: _messages(_HI, finish="model_context_window_exceeded")},
    "because the model declined": {
        RESPONSES: _responses(_item({"type": "refusal", "refusal": "no"})),
        MESSAGES: _messages(_HI, finish="refusal"),
    },
    "because a filter cut it": {
        CHAT: _chat({"content": "hi"}, "content_filter"),
        RESPONSES: _responses(_HI_ITEM, status="incomplete", reason="content_filter"),
    },
}
"""By how they ended."""

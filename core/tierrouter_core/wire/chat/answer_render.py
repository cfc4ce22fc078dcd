"""A whole Chat answer."""

from typing import Any

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.chat.stream_encode import FINISH_REASONS
from tierrouter_core.wire.encoder import Collected, Envelope, Said, usage_of_chat
from tierrouter_core.wire.events import Segment
from tierrouter_core.wire.model import ToolKind


def render_chat_answer(answer: Collected, usage: Usage, envelope: Envelope) -> dict[str, Any]:
    """The body."""
    text, calls = answer.texts(Segment.TEXT), [_call(said) for said in answer.calls]
    refusal, thought = answer.texts(Segment.REFUSAL), answer.texts(Segment.THINKING)
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": refusal or None}
    if not text and not calls and not refusal:
        message["content"] = ""
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    reason = FINISH_REASONS[answer.finished.reason]
    return {
        "id": f"chatcmpl-{envelope.turn_id}",
        "object": "chat.completion",
        "created": envelope.created_s,
        "model": envelope.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": usage_of_chat(usage),
    }


def _call(said: Said) -> dict[str, Any]:
    opened = said.opened
    if opened.kind is ToolKind.CUSTOM:
        return {"id": opened.id, "type": "custom", "custom": {"name": opened.name, "input": said.text}}
    return {"id": opened.id, "type": "function", "function": {"name": opened.name, "arguments": said.text}}

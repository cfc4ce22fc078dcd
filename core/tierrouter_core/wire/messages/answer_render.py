"""A whole Messages answer."""

from typing import Any

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import Collected, Envelope, Said, usage_of_messages
from tierrouter_core.wire.events import Segment
from tierrouter_core.wire.messages.stream_encode import STOP_REASONS
from tierrouter_core.wire.model import Call
from tierrouter_core.wire.render import arguments_object


def render_messages_answer(answer: Collected, usage: Usage, envelope: Envelope) -> dict[str, Any]:
    """The body."""
    return {
        "id": f"msg_{envelope.turn_id}",
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": [_block(said) for said in answer.said],
        "stop_reason": STOP_REASONS[answer.finished.reason],
        "stop_sequence": answer.finished.sequence,
        "usage": usage_of_messages(usage),
    }


def _block(said: Said) -> dict[str, Any]:
    opened = said.opened
    if opened.segment is Segment.CALL:
        arguments = arguments_object(Call("", opened.id, opened.name, said.text))
        return {"type": "tool_use", "id": opened.id, "name": opened.name, "input": arguments}
    if opened.segment is Segment.THINKING:
        return {"type": "thinking", "thinking": said.text, "signature": said.proof}
    return {"type": "text", "text": said.text}

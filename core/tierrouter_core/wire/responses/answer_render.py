"""A whole Responses answer."""

from typing import Any

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import Collected, Envelope
from tierrouter_core.wire.responses.stream_encode import ended, item_id, item_of, skeleton


def render_responses_answer(answer: Collected, usage: Usage, envelope: Envelope) -> dict[str, Any]:
    """The body."""
    output = [item_of(said, item_id(said.opened, envelope.turn_id, index)) for index, said in enumerate(answer.said)]
    return ended(skeleton(envelope), output, answer.finished, usage)

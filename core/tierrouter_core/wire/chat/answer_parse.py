"""A whole Chat answer as the raw events of a stream."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.chat.stream_decode import FINISHES, ChatDecoder
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.events import Began, Ended, Finish, Finished, RawEvent


def parse_chat_answer(payload: Mapping[str, Any]) -> list[RawEvent]:
    """Without ``Finished`` where there is no choice; one without a finish reason is whole all the same."""
    out: list[RawEvent] = [Began(str(payload.get("id") or ""), str(payload.get("model") or ""))]
    for choice in map(details, items(payload.get("choices"))[:1]):
        decoder = ChatDecoder()
        decoder.message(details(choice.get("message")), out)
        decoder.end_thinking(out)
        out += [Finished(FINISHES.get(str(choice.get("finish_reason")), Finish.STOP)), Ended()]
    return out

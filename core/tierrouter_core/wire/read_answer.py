"""What a model said in an answer, whatever dialect that is in."""

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire.codecs import CODECS
from tierrouter_core.wire.events import CallPiece, Finish, Finished, RefusalPiece, TextPiece


@keyword_value_class
class Answered:
    """What an answer says, whatever dialect it is in."""

    text: str
    """To the user, refusals included: no thoughts, no calls."""
    finish: str = ""
    """Why it ended; empty where its end is not there."""
    tools: tuple[str, ...] = ()
    """The names of the tools that it calls, one for each call."""


def read_answer(dialect: Dialect, data: bytes, *, streamed: bool) -> Answered:
    """What a model said in an answer; broken data says less."""
    codec = CODECS[dialect]
    if streamed:
        decoder = codec.decoder()
        events = [*decoder.feed(data), *decoder.end()]
    else:
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            return Answered(text="")
        events = codec.parse_answer(payload) if isinstance(payload, dict) else []
    finishes = [event.reason for event in events if isinstance(event, Finished)]
    names: dict[int | str, str] = {}
    for event in events:
        if isinstance(event, CallPiece) and event.name:
            names.setdefault(event.key, event.name)
    finish = finishes[-1] if finishes else None
    if names and finish is Finish.STOP:
        # Responses, and some Chat servers, don't tell the two apart.
        finish = Finish.TOOL_CALLS
    return Answered(
        text="".join(event.text for event in events if isinstance(event, TextPiece | RefusalPiece)),
        finish="" if finish is None else str(finish),
        tools=tuple(names.values()),
    )

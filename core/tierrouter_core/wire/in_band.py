"""Errors after the answer has begun: events at a stream's end that no client takes for the answer's own end.

None closes what is open. An unfinished block or item is what keeps an agent from running half a tool call.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.failures import Meaning

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
UNKNOWN_RESPONSE_ID = "resp_unknown"
"""Where the error has to open the response itself and the caller knows no better name."""

_MESSAGES_TYPES = {
    Meaning.WAIT: "rate_limit_error",
    Meaning.DRAINING: "overloaded_error",
    Meaning.NO_CONFIGURATION: "overloaded_error",
}


def keep_alive(dialect: Dialect) -> bytes:
    """What may stand between two events of a stream to show that it lives.

    Messages has an event for that. Its like would crash OpenAI's SDKs, which take comments.
    """
    return _PING if dialect is Dialect.MESSAGES else b": keep-alive\n\n"


def meaning_of(kind: str) -> Meaning:
    """What a provider's type or code of an error means for the client."""
    if "rate_limit" in kind or kind == "429":
        return Meaning.WAIT
    return Meaning.DRAINING if "overloaded" in kind or kind in ("529", "503") else Meaning.INTERNAL


def in_band_error(
    dialect: Dialect,
    message: str,
    *,
    meaning: Meaning = Meaning.INTERNAL,
    kind: str = "",
    response: Mapping[str, Any] | None = None,
    next_sequence_number: int = 0,
    opened: bool = False,
) -> bytes:
    """The events that end a broken stream; after them the body ends.

    ``kind`` is a finer word for it, such as the provider's own, which the OpenAI dialects show as its code. The last
    three are for Responses: what is
    known of the response (at least its ``id``), the number of the next event, and whether ``response.created`` has
    been sent. Where it has not, it goes first, because the SDK can't read a failure of a response that never began.
    """
    throttled = meaning is Meaning.WAIT
    if dialect is Dialect.MESSAGES:
        error = {"type": _MESSAGES_TYPES.get(meaning, "api_error"), "message": message}
        return _event(b"error", {"type": "error", "error": error})
    if dialect is Dialect.CHAT:
        code = "rate_limit_exceeded" if throttled else kind or "upstream_cut"
        return _event(b"", {"error": {"message": message, "type": "server_error", "param": None, "code": code}})
    base = {"id": UNKNOWN_RESPONSE_ID, "object": "response", "created_at": 0, "model": "", "output": [], "usage": None}
    base |= response or {}
    failed = {
        **base,
        "status": "failed",
        "error": {"code": "rate_limit_exceeded" if throttled else kind or "server_error", "message": message},
    }
    events = [("response.failed", failed)]
    if not opened:
        events.insert(0, ("response.created", {**base, "status": "in_progress", "error": None}))
    return b"".join(
        _event(kind.encode(), {"type": kind, "sequence_number": number, "response": state})
        for number, (kind, state) in enumerate(events, next_sequence_number)
    )


def _event(name: bytes, payload: Mapping[str, Any]) -> bytes:
    head = b"event: " + name + b"\n" if name else b""
    return head + b"data: " + orjson.dumps(payload) + b"\n\n"

"""Change one member of an object that stands at the top level of a JSON object in bytes."""

import orjson

from tierrouter_core.wire.json_splice import set_top_level, top_level_spans, top_level_value


def set_member(body: bytes, key: str, member: str, value: bytes) -> bytes:
    """The raw object at top-level ``key``, or an empty one, with one member set, otherwise as the client wrote it."""
    raw = top_level_value(body, key)
    return set_top_level(raw if raw is not None else b"{}", {member: value})


def without_member(body: bytes, key: str, member: str) -> bytes:
    """The raw object at top-level ``key`` less one member; the other values are as the client wrote them."""
    raw = top_level_value(body, key) or b"{}"
    kept = ((name, span) for name, spans in top_level_spans(raw).items() if name != member for span in spans)
    members = (orjson.dumps(name) + b":" + raw[span.start : span.end] for name, span in kept)
    return b"{" + b",".join(members) + b"}"

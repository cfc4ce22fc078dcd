"""W3C Trace Context: which trace a client's turn belongs to."""

import re
from collections.abc import Mapping
from typing import Final

from tierrouter_core.value_class import value_class

TRACE_HEADERS: Final = ("traceparent", "tracestate")
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MAX_STATE = 512


@value_class
class Trace:
    """Where in a trace a turn stands."""

    trace_id: str
    """32 hex digits."""
    parent_id: str
    """Of the client's span: 16 hex digits."""
    sampled: bool


def trace_of(headers: Mapping[str, str]) -> Trace | None:
    """What ``traceparent`` says; None without one that makes sense. ``headers`` by their lower-case names."""
    match = _PARENT.fullmatch(headers.get("traceparent", ""))
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    # A newer version may say more than this; the first one may not.
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(parent_id, 16):
        return None
    return Trace(trace_id, parent_id, bool(int(flags, 16) & 1))


def passed_on(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers by which an upstream of the same cluster goes on with the trace; none where there is none."""
    if trace_of(headers) is None:
        return []
    state = headers.get("tracestate", "")
    kept = [("traceparent", headers["traceparent"])]
    return [*kept, ("tracestate", state)] if state and len(state) <= _MAX_STATE and state.isprintable() else kept

"""A whole Responses answer as the raw events of a stream."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.events import Began, RawEvent
from tierrouter_core.wire.responses.stream_decode import ResponsesDecoder


def parse_responses_answer(payload: Mapping[str, Any]) -> list[RawEvent]:
    """Without ``Finished`` where the response is not over."""
    out: list[RawEvent] = [Began(str(payload.get("id") or ""), str(payload.get("model") or ""))]
    if payload.get("status") in ("completed", "incomplete", None) and isinstance(payload.get("output"), list):
        ResponsesDecoder().response(payload, out)
    return out

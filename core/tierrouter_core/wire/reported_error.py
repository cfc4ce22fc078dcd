"""Errors that a provider reports inside an answer of status 200, streamed or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, items

MALFORMED_KIND = "malformed"
"""Our word for what is not the provider's dialect at all."""


@dataclass(frozen=True, slots=True)
class ReportedError:
    """What a provider says went wrong."""

    message: str
    kind: str
    """Its code or type: ``overloaded_error``, ``rate_limit_exceeded``, ``502``; empty where there is none."""


def reported_error(dialect: Dialect, payload: Mapping[str, Any], event_name: str = "") -> ReportedError | None:
    """The error in an event's payload or a whole body, None where there is none.

    Known by: a truthy ``error`` at the top (any dialect, also as a bare string), type or event name ``error``,
    a response whose status is ``failed``, a choice that ended in ``error`` (OpenRouter).
    """
    if payload.get("error"):
        return _described(payload["error"])
    if event_name == "error" or payload.get("type") == "error":
        return _described(payload)
    if dialect is Dialect.RESPONSES:
        response = payload.get("response") if isinstance(payload.get("response"), dict) else payload
        response = details(response)
        if response.get("status") == "failed" or payload.get("type") == "response.failed":
            return _described(response.get("error") or "the response failed")
    if dialect is Dialect.CHAT:
        for choice in map(details, items(payload.get("choices"))):
            if choice.get("error") or choice.get("finish_reason") == "error":
                return _described(choice.get("error") or "the choice ended in an error")
    return None


def _described(error: object) -> ReportedError:
    if isinstance(error, str):
        return ReportedError(error, "")
    facts = details(error)
    message = facts.get("message")
    kinds = (facts.get("code"), facts.get("type"))
    kind = next((str(kind) for kind in kinds if kind not in (None, "", "error")), "")
    if not isinstance(message, str) or not message:
        try:
            message = orjson.dumps(error).decode()
        except orjson.JSONEncodeError:
            message = "an error without a message"
    return ReportedError(message, kind)

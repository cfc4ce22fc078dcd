"""Answers that come as one JSON body: usage, errors in disguise, the model's name.

White space before the JSON is a provider's keep-alive and means nothing.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire import usage_chat, usage_messages, usage_responses
from tierrouter_core.wire.counts import details, estimated_tokens, items, usage_or_estimate, utf8_length
from tierrouter_core.wire.rename import renamed_model
from tierrouter_core.wire.reported_error import MALFORMED_KIND, ReportedError, reported_error

_TEXTS = {
    Dialect.CHAT: usage_chat.generated_texts,
    Dialect.RESPONSES: usage_responses.generated_texts,
    Dialect.MESSAGES: usage_messages.generated_texts,
}

_SAYS = {Dialect.CHAT: "choices", Dialect.RESPONSES: "output", Dialect.MESSAGES: "content"}
"""Where an answer stands; without it there is none."""
Payload = Mapping[str, Any]


def unary_payload(body: bytes) -> Payload | None:
    """The answer in ``body``, for the functions below; None where it is no JSON object."""
    try:
        payload = orjson.loads(body.strip())
    except orjson.JSONDecodeError:
        return None
    return payload if isinstance(payload, dict) else None


def unary_usage(dialect: Dialect, payload: Payload | None) -> Usage | None:
    """What an answer reports to have used; None where it reports nothing."""
    return None if payload is None else _reported(dialect, payload)


def estimate_unary(dialect: Dialect, payload: Payload | None, input_estimate: int) -> Usage:
    """What the answer used as far as it tells, the rest estimated from its text; ``input_estimate`` in tokens."""
    said = payload or {}
    return usage_or_estimate(
        _reported(dialect, said),
        final=True,
        complete=bool(said),
        input_estimate=input_estimate,
        output_estimate=lambda: estimated_tokens(utf8_length(_TEXTS[dialect](said))),
    )


def unary_reported_error(dialect: Dialect, payload: Payload | None) -> ReportedError | None:
    """The error where a body of status 200 is none the less one; so is a body that isn't JSON, or no answer."""
    if payload is None:
        return ReportedError("the provider answered 200 with a body that is not a JSON object", MALFORMED_KIND)
    error = reported_error(dialect, payload)
    if error is None and _SAYS[dialect] not in payload:
        return ReportedError(f"the provider answered 200 without `{_SAYS[dialect]}`", MALFORMED_KIND)
    return error


def unary_flagged(dialect: Dialect, payload: Payload | None) -> bool:
    """Whether the model refused, or its output was filtered."""
    if payload is None:
        return False
    match dialect:
        case Dialect.CHAT:
            choices = [details(choice) for choice in items(payload.get("choices"))]
            return any(
                choice.get("finish_reason") == "content_filter" or details(choice.get("message")).get("refusal")
                for choice in choices
            )
        case Dialect.MESSAGES:
            return payload.get("stop_reason") == "refusal"
        case Dialect.RESPONSES:
            output = [details(item) for item in items(payload.get("output"))]
            return usage_responses.is_filtered(payload) or any(map(usage_responses.refuses, output))


def rename_unary_model(body: bytes, model: str) -> bytes:
    """``body`` with ``model`` as the value of its top-level ``model``, otherwise byte for byte as it was."""
    return renamed_model(body, (), model)


def _reported(dialect: Dialect, payload: Payload) -> Usage | None:
    match dialect:
        case Dialect.CHAT:
            return usage_chat.chat_usage(usage_chat.usage_object(payload))
        case Dialect.RESPONSES:
            return usage_responses.responses_usage(payload.get("usage"))
        case Dialect.MESSAGES:
            return usage_messages.messages_usage(payload.get("usage"))

"""Answers in the Anthropic Messages dialect."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from provider.answer import Answer, Asked, InBandError, ToolCall, slices, sse, words
from provider.usage import messages_usage

PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_STOP = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}
_ERRORS = {"overloaded": "overloaded_error", "rate_limit": "rate_limit_error", "server": "api_error"}
_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def body(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer as one JSON object."""
    content: list[dict[str, Any]] = []
    if answer.thinking is not None:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": answer.signature})
    if answer.whole_text:
        content.append({"type": "text", "text": answer.whole_text})
    content += [_tool_use(index, call, asked, _input(call)) for index, call in enumerate(answer.tool_calls)]
    whole = {**_message(answer, asked), "content": content, **_stop(answer)}
    usage = messages_usage(answer.usage)
    if usage is not None:
        whole["usage"] = usage
    return whole


def events(answer: Answer, asked: Asked) -> list[bytes]:
    """The answer as a stream's events."""
    return [sse(data, data["type"]) for data in _payloads(answer, asked)]


def error_event(error: InBandError, answer: Answer, asked: Asked) -> bytes:
    """A failure inside the stream."""
    detail = {"type": _ERRORS[error.kind], "message": error.message}
    return sse({"type": "error", "error": detail, "request_id": f"req_{asked.number:06d}"}, "error")


def error_body(status: int, message: str) -> dict[str, Any]:
    """The body of an error status."""
    return {
        "type": "error",
        "error": {"type": _BY_STATUS.get(status, "api_error"), "message": message},
        "request_id": "req_error",
    }


def _message(answer: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"msg_{asked.number:06d}",
        "type": "message",
        "role": "assistant",
        "model": answer.model or asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop(answer: Answer) -> dict[str, Any]:
    reason = answer.finish_reason
    return {"stop_reason": _STOP.get(reason, reason), "stop_sequence": answer.stop_sequence}


def _input(call: ToolCall) -> Any:
    if isinstance(call.arguments, Mapping):
        return dict(call.arguments)
    try:
        return orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return {"__unparsedToolInput": {"raw": call.arguments}}


def _tool_use(index: int, call: ToolCall, asked: Asked, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": asked.call_id(index, call, "toolu_"), "name": call.name, "input": arguments}


def _payloads(answer: Answer, asked: Asked) -> Iterator[dict[str, Any]]:
    usage = messages_usage(answer.usage)
    start = _message(answer, asked)
    if usage is not None:
        # The real service has generated a token or so when it says this.
        start["usage"] = {key: value for key, value in usage.items() if key != "output_tokens_details"}
        start["usage"]["output_tokens"] = 1
    yield {"type": "message_start", "message": start}
    for index, (block, deltas) in enumerate(_blocks(answer, asked)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    final: dict[str, Any] = {"type": "message_delta", "delta": _stop(answer)}
    if usage is not None:
        # The breakdown by time to live comes in message_start alone.
        final["usage"] = {key: value for key, value in usage.items() if key not in ("cache_creation", "service_tier")}
    yield final
    if answer.terminator:
        yield {"type": "message_stop"}


def _blocks(answer: Answer, asked: Asked) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    if answer.thinking is not None:
        thoughts = [{"type": "thinking_delta", "thinking": fragment} for fragment in words(answer.thinking)]
        seal = {"type": "signature_delta", "signature": answer.signature}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, seal]
    if answer.whole_text:
        texts = [{"type": "text_delta", "text": fragment} for fragment in answer.text_fragments]
        yield {"type": "text", "text": ""}, texts
    for index, call in enumerate(answer.tool_calls):
        # An empty object streams as no fragment with JSON in it, only an empty first one.
        text = "" if call.arguments == {} else call.arguments_text
        parts = [{"type": "input_json_delta", "partial_json": part} for part in ("", *slices(text))]
        yield _tool_use(index, call, asked, {}), parts

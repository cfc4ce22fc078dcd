"""Answers in the OpenAI Chat Completions dialect."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from provider.answer import CREATED, Answer, Asked, InBandError, slices, sse, words
from provider.usage import UsagePlacement, chat_usage

PING = b": OPENROUTER PROCESSING\n\n"

_FINISH = {"stop_sequence": "stop", "refusal": "content_filter"}
_ERRORS: dict[str, tuple[int, str]] = {
    "overloaded": (503, "server_error"),
    "rate_limit": (429, "rate_limit_exceeded"),
    "server": (502, "server_error"),
}


def body(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer as one JSON object."""
    refused = answer.finish_reason == "refusal"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused else answer.whole_text or None,
        "refusal": answer.whole_text if refused else None,
    }
    if answer.thinking is not None:
        message[answer.reasoning_field] = answer.thinking
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": asked.call_id(index, call, "call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_text},
            }
            for index, call in enumerate(answer.tool_calls)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    whole = {**_head(answer, asked), "object": "chat.completion", "choices": [choice]}
    usage = chat_usage(answer.usage, answer.usage_style)
    if usage is not None:
        whole["usage"] = usage
    return whole


def events(answer: Answer, asked: Asked) -> list[bytes]:
    """The answer as a stream's events."""
    usage = chat_usage(answer.usage, answer.usage_style)
    place = answer.usage_placement
    head = {**_head(answer, asked), "object": "chat.completion.chunk"}
    wants_chunk = place is UsagePlacement.ALWAYS or (place is UsagePlacement.IF_ASKED and asked.include_usage)
    if wants_chunk and place is UsagePlacement.IF_ASKED:
        head["usage"] = None
    chunks: list[dict[str, Any]] = []
    for delta in _deltas(answer, asked):
        chunks.append({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})
    finish_choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish(answer)}
    finish = {**head, "choices": [finish_choice]}
    if usage is not None:
        if place is UsagePlacement.FINISH_CHUNK:
            finish["usage"] = usage
        elif place is UsagePlacement.IN_CHOICE:
            finish_choice["usage"] = usage
        elif place is UsagePlacement.EVERY_CHUNK:
            for count, chunk in enumerate(chunks):
                chunk["usage"] = {**usage, "completion_tokens": min(count, usage["completion_tokens"])}
            finish["usage"] = usage
    chunks.append(finish)
    if usage is not None and wants_chunk:
        chunks.append({**head, "choices": [], "usage": usage})
    done = [b"data: [DONE]\n\n"] if answer.terminator else []
    return [*(sse(chunk) for chunk in chunks), *done]


def error_event(error: InBandError, answer: Answer, asked: Asked) -> bytes:
    """A failure inside the stream."""
    code, kind = _ERRORS[error.kind]
    data: dict[str, Any] = {"error": {"message": error.message, "type": kind, "param": None, "code": code}}
    if error.finish_chunk:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        data |= {**_head(answer, asked), "object": "chat.completion.chunk", "choices": [choice]}
    return sse(data)


def error_body(status: int, message: str) -> dict[str, Any]:
    """The body of an error status."""
    kind = "invalid_request_error" if status < 429 else "rate_limit_error" if status == 429 else "server_error"
    code = "rate_limit_exceeded" if status == 429 else None
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _head(answer: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{asked.number:06d}",
        "object": "",
        "created": CREATED,
        "model": answer.model or asked.model,
        "system_fingerprint": None,
    }


def _finish(answer: Answer) -> str:
    return _FINISH.get(answer.finish_reason, answer.finish_reason)


def _deltas(answer: Answer, asked: Asked) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": "", "refusal": None}
    for fragment in words(answer.thinking or ""):
        yield {answer.reasoning_field: fragment}
    field = "refusal" if answer.finish_reason == "refusal" else "content"
    for fragment in answer.text_fragments:
        yield {field: fragment}
    calls = [list(_call_fragments(index, answer, asked)) for index in range(len(answer.tool_calls))]
    ordered = zip_longest(*calls) if answer.interleave_calls else calls
    for group in ordered:
        yield from ({"tool_calls": [fragment]} for fragment in group if fragment is not None)


def _call_fragments(index: int, answer: Answer, asked: Asked) -> Iterator[dict[str, Any]]:
    call = answer.tool_calls[index]
    arguments = call.arguments_text
    opening = {"name": call.name, "arguments": arguments if answer.whole_calls else ""}
    yield {"index": index, "id": asked.call_id(index, call, "call_"), "type": "function", "function": opening}
    if not answer.whole_calls:
        for fragment in slices(arguments):
            yield {"index": index, "function": {"arguments": fragment}}

"""Answers in the OpenAI Responses dialect."""

from collections.abc import Iterator
from typing import Any

from provider.answer import CREATED, Answer, Asked, InBandError, slices, sse, words
from provider.usage import Tokens, responses_usage

PING = b": keep-alive\n\n"

_ERRORS = {"overloaded": "server_error", "rate_limit": "rate_limit_exceeded", "server": "server_error"}


def body(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer as one JSON object."""
    output = [item for item, _ in _items(answer, asked)]
    incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish_reason)
    whole = {**_response(answer, asked), "status": "incomplete" if incomplete else "completed", "output": output}
    if incomplete:
        whole["incomplete_details"] = {"reason": incomplete}
    whole["usage"] = responses_usage(answer.usage)
    return whole


def events(answer: Answer, asked: Asked) -> list[bytes]:
    """The answer as a stream's events, numbered from 0."""
    numbered = []
    for number, payload in enumerate(_payloads(answer, asked)):
        numbered.append(sse({**payload, "sequence_number": number}, payload["type"]))
    return numbered


def error_event(error: InBandError, answer: Answer, asked: Asked, number: int = 1) -> bytes:
    """A failure inside the stream, as event ``number``."""
    detail = {"code": _ERRORS[error.kind], "message": error.message}
    if error.bare:
        return sse({"type": "error", **detail, "param": None, "sequence_number": number}, "error")
    failed = {**_response(answer, asked), "status": "failed", "error": detail}
    return sse({"type": "response.failed", "response": failed, "sequence_number": number}, "response.failed")


def compacted(asked: Asked) -> dict[str, Any]:
    """The answer of ``/v1/responses/compact``."""
    item = {"id": f"cmp_{asked.number:06d}", "type": "compaction", "encrypted_content": "c2VhbGVk"}
    return {
        "id": f"resp_{asked.number:06d}",
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [item],
        "usage": responses_usage(Tokens()),
    }


def _response(answer: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"resp_{asked.number:06d}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.echo.get("instructions"),
        "metadata": asked.echo.get("metadata", {}),
        "model": answer.model or asked.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": asked.echo.get("tool_choice", "auto"),
        "tools": asked.echo.get("tools", []),
        "top_p": None,
        "usage": None,
    }


def _payloads(answer: Answer, asked: Asked) -> Iterator[dict[str, Any]]:
    opening = _response(answer, asked)
    yield {"type": "response.created", "response": opening}
    yield {"type": "response.in_progress", "response": opening}
    for index, (item, payloads) in enumerate(_items(answer, asked)):
        place = {"output_index": index}
        yield {"type": "response.output_item.added", **place, "item": _empty(item)}
        for payload in payloads:
            yield {**payload, **place, "item_id": item["id"]}
        yield {"type": "response.output_item.done", **place, "item": item}
    if answer.terminator:
        whole = body(answer, asked)
        yield {"type": f"response.{whole['status']}", "response": whole}


def _items(answer: Answer, asked: Asked) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every output item as it stands when done, with the events between its first and last."""
    if answer.thinking is not None:
        parts = [{"type": "summary_text", "text": answer.thinking}] if answer.thinking else []
        yield (
            {
                "id": f"rs_{asked.number:06d}",
                "type": "reasoning",
                "summary": parts,
                "encrypted_content": answer.signature,
            },
            list(_summary(answer.thinking)) if answer.thinking else [],
        )
    if answer.whole_text:
        part = _part(answer, answer.whole_text)
        yield (
            {
                "id": f"msg_{asked.number:06d}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            },
            list(_text(answer, part)),
        )
    for index, call in enumerate(answer.tool_calls):
        kind, field = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
        item = {
            "id": f"{'ctc' if call.custom else 'fc'}_{asked.number:04d}{index:02d}",
            "type": kind,
            "status": "completed",
            "call_id": asked.call_id(index, call, "call_"),
            "name": call.name,
            field: call.arguments_text,
        }
        if call.namespace is not None:
            item["namespace"] = call.namespace
        stem = "response.custom_tool_call_input" if call.custom else "response.function_call_arguments"
        payloads = [{"type": f"{stem}.delta", "delta": fragment} for fragment in slices(call.arguments_text)]
        yield item, [*payloads, {"type": f"{stem}.done", field: call.arguments_text}]


def _part(answer: Answer, text: str) -> dict[str, Any]:
    if answer.finish_reason == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _text(answer: Answer, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"content_index": 0}
    refused = answer.finish_reason == "refusal"
    stem, field = ("response.refusal", "refusal") if refused else ("response.output_text", "text")
    extra: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", **place, "part": _part(answer, "")}
    for fragment in answer.text_fragments:
        yield {"type": f"{stem}.delta", **place, "delta": fragment, **extra}
    yield {"type": f"{stem}.done", **place, field: answer.whole_text, **extra}
    yield {"type": "response.content_part.done", **place, "part": part}


def _summary(text: str) -> Iterator[dict[str, Any]]:
    place = {"summary_index": 0}
    stem = "response.reasoning_summary"
    yield {"type": f"{stem}_part.added", **place, "part": {"type": "summary_text", "text": ""}}
    for fragment in words(text):
        yield {"type": f"{stem}_text.delta", **place, "delta": fragment}
    yield {"type": f"{stem}_text.done", **place, "text": text}
    yield {"type": f"{stem}_part.done", **place, "part": {"type": "summary_text", "text": text}}


def _empty(item: dict[str, Any]) -> dict[str, Any]:
    """The item as ``output_item.added`` shows it: nothing in it yet."""
    blank = {"content": [], "summary": [], "arguments": "", "input": ""}
    emptied = {key: blank.get(key, value) for key, value in item.items() if key != "encrypted_content"}
    if "status" in emptied:
        emptied["status"] = "in_progress"
    return emptied

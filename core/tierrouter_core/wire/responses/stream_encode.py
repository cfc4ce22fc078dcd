"""Responses' streams for Responses' clients.

The dialect says everything twice: deltas, then the whole item, then all items in ``response.completed``. So this
encoder, alone of the three, has to keep the answer until its end.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import Envelope, Said, usage_of_responses
from tierrouter_core.wire.events import Failed, Finish, Finished, Opened, Segment
from tierrouter_core.wire.in_band import in_band_error, meaning_of
from tierrouter_core.wire.model import ToolKind

_INCOMPLETE = {Finish.LENGTH: "max_output_tokens", Finish.FILTER: "content_filter"}
_PREFIXES = {ToolKind.FUNCTION: "fc", ToolKind.CUSTOM: "ctc", ToolKind.TOOL_SEARCH: "tsc"}


def skeleton(envelope: Envelope) -> dict[str, Any]:
    """What every response says of itself."""
    return {
        "id": f"resp_{envelope.turn_id}",
        "object": "response",
        "created_at": envelope.created_s,
        "status": "in_progress",
        "model": envelope.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": None,
        "top_p": None,
        "usage": None,
    }


def ended(base: dict[str, Any], output: list[dict[str, Any]], finished: Finished, usage: Usage) -> dict[str, Any]:
    """The response as it is when it is over."""
    reason = _INCOMPLETE.get(finished.reason)
    return {
        **base,
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": usage_of_responses(usage),
    }


def item_of(said: Said, id_: str) -> dict[str, Any]:
    """A whole item."""
    opened = said.opened
    if opened.segment is Segment.THINKING:
        summary = [{"type": "summary_text", "text": said.text}] if said.text else []
        return {"type": "reasoning", "id": id_, "summary": summary, "encrypted_content": said.proof or None}
    if opened.segment is Segment.CALL:
        return call_item(opened, id_, said.text, "completed")
    return message_item(opened.segment, id_, said.text)


def message_item(segment: Segment, id_: str, text: str) -> dict[str, Any]:
    """A whole message with one part."""
    return {
        "type": "message",
        "id": id_,
        "role": "assistant",
        "status": "completed",
        "content": [message_part(segment, text)],
    }


def message_part(segment: Segment, text: str) -> dict[str, Any]:
    """Text or a refusal."""
    if segment is Segment.REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(opened: Opened, id_: str, text: str, status: str) -> dict[str, Any]:
    """A call in the form in which the client declared its tool."""
    item: dict[str, Any] = {"id": id_, "call_id": opened.id, "status": status}
    if opened.kind is ToolKind.TOOL_SEARCH:
        try:
            arguments = orjson.loads(text or "{}")
        except orjson.JSONDecodeError:
            arguments = {"__raw_arguments": text}
        return {"type": "tool_search_call", **item, "execution": "client", "arguments": arguments}
    if opened.kind is ToolKind.CUSTOM:
        item = {"type": "custom_tool_call", **item, "name": opened.name, "input": text}
    else:
        item = {"type": "function_call", **item, "name": opened.name, "arguments": text}
    return {**item, "namespace": opened.namespace} if opened.namespace else item


def item_id(opened: Opened, turn_id: str, index: int) -> str:
    """An item's id, unique in its conversation."""
    if opened.segment is Segment.CALL:
        return f"{_PREFIXES[opened.kind]}_{turn_id}_{index}"
    return f"{'rs' if opened.segment is Segment.THINKING else 'msg'}_{turn_id}_{index}"


class ResponsesEncoder:
    """One item after another; numbers that only rise."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._base = skeleton(envelope)
        self._number = 0
        self._begun = False
        self._output: list[dict[str, Any]] = []
        self._open = Opened(Segment.TEXT)
        self._id = ""
        self._pieces: list[str] = []
        self._delta_name = b""
        self._delta_head: bytes | None = None

    @classmethod
    def resumed(
        cls,
        envelope: Envelope,
        *,
        response: Mapping[str, Any],
        output: Sequence[dict[str, Any]],
        item_id: str,
        text: str,
        number: int,
    ) -> Self:
        """With the message ``item_id`` open behind the whole items ``output``; ``text`` is what it says so far."""
        encoder = cls(envelope)
        encoder._base = {**encoder._base, **response}
        encoder._output = list(output)
        encoder.opened(Opened(Segment.TEXT))
        encoder._begun, encoder._number = True, number
        encoder._id, encoder._pieces = item_id, [text]
        place = {"item_id": item_id, "output_index": len(output), "content_index": 0}
        encoder._delta("output_text.delta", {**place, "logprobs": []})
        return encoder

    def begin(self) -> bytes:
        """``response.created`` and ``response.in_progress``."""
        self._begun = True
        return self._event("created", response=self._base) + self._event("in_progress", response=self._base)

    def opened(self, segment: Opened) -> bytes:
        """``output_item.added``, and the first part of a message or a summary."""
        index = len(self._output)
        self._open, self._pieces = segment, []
        self._id = item_id(segment, self._envelope.turn_id, index)
        place: dict[str, Any] = {"item_id": self._id, "output_index": index}
        extra = b""
        if segment.segment is Segment.CALL:
            item = call_item(segment, self._id, "", "in_progress")
            kind = {ToolKind.FUNCTION: "function_call_arguments", ToolKind.CUSTOM: "custom_tool_call_input"}
            name = kind.get(segment.kind)
            self._delta(name and f"{name}.delta", place)
            return self._event("output_item.added", output_index=index, item=item)
        if segment.segment is Segment.THINKING:
            item = {"type": "reasoning", "id": self._id, "summary": [], "encrypted_content": None}
            self._delta("reasoning_summary_text.delta", {**place, "summary_index": 0})
            return self._event("output_item.added", output_index=index, item=item)
        item = {**message_item(segment.segment, self._id, ""), "status": "in_progress", "content": []}
        place["content_index"] = 0
        extra = self._event("output_item.added", output_index=index, item=item)
        extra += self._event("content_part.added", **place, part=message_part(segment.segment, ""))
        if segment.segment is Segment.REFUSAL:
            self._delta("refusal.delta", place)
        else:
            self._delta("output_text.delta", {**place, "logprobs": []})
        return extra

    def _delta(self, name: str | None, place: dict[str, Any]) -> None:
        if name is None:
            self._delta_head = None
            return
        kind = f"response.{name}"
        payload = orjson.dumps({"type": kind, **place})
        self._delta_head = b"event: " + kind.encode() + b"\ndata: " + payload[:-1] + b',"sequence_number":%d,"delta":'

    def delta(self, text: str) -> bytes:
        """More of the open item; a summary's part begins with its first words."""
        before = b""
        if self._open.segment is Segment.THINKING and not self._pieces:
            part = {"type": "summary_text", "text": ""}
            before = self._event("reasoning_summary_part.added", **self._summary_place(), part=part)
        self._pieces.append(text)
        if self._delta_head is None:
            return b""
        # Not by %: the names of items come in here, and text may hold anything.
        head, _, tail = self._delta_head.rpartition(b"%d")
        number, self._number = self._number, self._number + 1
        return before + head + str(number).encode() + tail + orjson.dumps(text) + b"}\n\n"

    def _summary_place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": len(self._output), "summary_index": 0}

    def closed(self, proof: str) -> bytes:
        """The done events, up to ``output_item.done``, by which Codex acts."""
        opened, text, index = self._open, "".join(self._pieces), len(self._output)
        place: dict[str, Any] = {"item_id": self._id, "output_index": index}
        out = b""
        if opened.segment is Segment.THINKING:
            if text:
                place["summary_index"] = 0
                out = self._event("reasoning_summary_text.done", **place, text=text)
                part = {"type": "summary_text", "text": text}
                out += self._event("reasoning_summary_part.done", **place, part=part)
        elif opened.segment is Segment.CALL:
            if opened.kind is ToolKind.FUNCTION:
                out = self._event("function_call_arguments.done", **place, name=opened.name, arguments=text)
            elif opened.kind is ToolKind.CUSTOM:
                out = self._event("custom_tool_call_input.done", **place, input=text)
        else:
            place["content_index"] = 0
            if opened.segment is Segment.REFUSAL:
                out = self._event("refusal.done", **place, refusal=text)
            else:
                out = self._event("output_text.done", **place, text=text, logprobs=[])
            out += self._event("content_part.done", **place, part=message_part(opened.segment, text))
        item = item_of(Said(opened, text, proof), self._id)
        out += self._event("output_item.done", output_index=index, item=item)
        self._output.append(item)
        self._pieces = []
        return out

    def finish(self, finished: Finished, usage: Usage) -> bytes:
        """``response.completed``, or ``response.incomplete``."""
        response = ended(self._base, self._output, finished, usage)
        return self._event(response["status"], response=response)

    def fail(self, failed: Failed) -> bytes:
        """``response.failed``; Codex ignores an event of type error."""
        return in_band_error(
            Dialect.RESPONSES,
            failed.message,
            meaning=meaning_of(failed.kind),
            response={**self._base, "output": self._output},
            next_sequence_number=self._number,
            opened=self._begun,
        )

    def _event(self, event: str, /, **facts: Any) -> bytes:
        kind = f"response.{event}"
        number, self._number = self._number, self._number + 1
        payload = orjson.dumps({"type": kind, "sequence_number": number, **facts})
        return b"event: " + kind.encode() + b"\ndata: " + payload + b"\n\n"

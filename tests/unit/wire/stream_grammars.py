"""What a client accepts as a stream of its dialect, written apart from the code that makes them.

Each reader raises AssertionError at the first event that breaks the dialect's rules, and says how the stream ended.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tierrouter_core.names import Dialect

COMPLETE, FAILED, OPEN = "complete", "failed", "open"


@dataclass
class Read:
    """A stream as its client understands it."""

    end: str = OPEN
    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """``(id, name, arguments)`` of calls that are whole."""
    finish: str = ""
    error: str = ""
    usage: Any = None


def read_stream(dialect: Dialect, stream: bytes) -> Read:
    """Read a whole stream."""
    match dialect:
        case Dialect.MESSAGES:
            return _messages(stream)
        case Dialect.CHAT:
            return _chat(stream)
        case Dialect.RESPONSES:
            return _responses(stream)


def _events(stream: bytes) -> list[tuple[str, str]]:
    assert not stream or stream.endswith(b"\n\n"), "the last event is not ended"
    out = []
    for raw in stream.decode().split("\n\n")[:-1]:
        name, data = "", []
        for line in raw.split("\n"):
            if line.startswith(":"):
                continue
            key, _, value = line.partition(": ")
            assert key in ("event", "data"), line
            if key == "event":
                name = value
            else:
                data.append(value)
        if data:
            out.append((name, "\n".join(data)))
        else:
            assert not name, "an event without data"
    return out


def _messages(stream: bytes) -> Read:
    read, begun, blocks, open_block = Read(), False, 0, None
    kinds: dict[int, dict[str, Any]] = {}
    for name, data in _events(stream):
        payload = json.loads(data)
        assert name == payload["type"]
        assert read.end == OPEN, f"{name} after the end"
        if name == "ping":
            continue
        if name == "error":
            read.end, read.error = FAILED, payload["error"]["message"]
            assert payload["error"]["type"] in ("api_error", "overloaded_error", "rate_limit_error")
            continue
        if name == "message_start":
            assert not begun
            begun = True
            assert payload["message"]["usage"]["input_tokens"] > 0
            continue
        assert begun, f"{name} before message_start"
        assert not read.finish or name in ("message_delta", "message_stop")
        if name == "content_block_start":
            assert open_block is None
            assert payload["index"] == blocks
            open_block, blocks = blocks, blocks + 1
            kinds[open_block] = {**payload["content_block"], "said": "", "signed": 0}
        elif name == "content_block_delta":
            assert payload["index"] == open_block
            block, delta = kinds[payload["index"]], payload["delta"]
            assert not block["signed"], "a delta after the signature"
            key = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}[block["type"]]
            if delta["type"] == "signature_delta":
                assert block["type"] == "thinking"
                block["signed"] += 1
            else:
                block["said"] += delta[key]
        elif name == "content_block_stop":
            assert payload["index"] == open_block
            block = kinds[open_block]
            open_block = None
            if block["type"] == "tool_use":
                read.calls.append((block["id"], block["name"], block["said"]))
                assert block["said"]
            elif block["type"] == "thinking":
                assert block["signed"] == 1
        elif name == "message_delta":
            assert open_block is None
            read.finish, read.usage = payload["delta"]["stop_reason"], payload["usage"]
        elif name == "message_stop":
            assert read.finish
            read.end = COMPLETE
        else:
            raise AssertionError(name)
    read.text = "".join(block["said"] for block in kinds.values() if block["type"] == "text")
    read.thinking = "".join(block["said"] for block in kinds.values() if block["type"] == "thinking")
    return read


def _chat(stream: bytes) -> Read:
    read, head, calls, done = Read(), None, {}, False
    for name, data in _events(stream):
        assert not name, "a Chat event has no name"
        assert not done, "after [DONE]"
        assert read.end != FAILED, "after an error"
        if data == "[DONE]":
            assert read.finish
            done, read.end = True, COMPLETE
            continue
        payload = json.loads(data)
        if payload.get("error"):
            read.end, read.error = FAILED, payload["error"]["message"]
            assert not read.finish
            continue
        this = (payload["id"], payload["created"], payload["model"], payload["object"])
        assert head in (None, this)
        if not payload["choices"]:
            assert read.finish
            read.usage = payload["usage"]
            continue
        (choice,) = payload["choices"]
        assert not read.finish, "a chunk after the finish"
        delta = choice["delta"]
        if head is None:
            assert delta["role"] == "assistant"
        head = this
        read.text += delta.get("content") or ""
        read.thinking += delta.get("reasoning_content") or ""
        read.refusal += delta.get("refusal") or ""
        for call in delta.get("tool_calls") or ():
            part = call.get("function") or call.get("custom")
            text = part.get("arguments", part.get("input"))
            if call["index"] not in calls:
                assert call["index"] == len(calls)
                assert call["id"]
                assert part["name"]
                calls[call["index"]] = [call["id"], part["name"], text]
            else:
                assert call["index"] == len(calls) - 1
                calls[call["index"]][2] += text
        read.finish = choice["finish_reason"] or ""
    if read.end == COMPLETE:
        read.calls = [(id_, name, text) for id_, name, text in calls.values()]
        assert all(text for _, _, text in read.calls)
    return read


def _responses(stream: bytes) -> Read:
    read, state, output, item, said = Read(), None, [], None, ""
    number = 0
    for name, data in _events(stream):
        payload = json.loads(data)
        assert name == payload["type"]
        assert payload["sequence_number"] == number
        number += 1
        assert read.end == OPEN, f"{name} after the end"
        kind = name.removeprefix("response.")
        if "response" in payload:
            assert state is None or payload["response"]["id"] == state
        if kind == "created":
            assert state is None
            state = payload["response"]["id"]
            continue
        assert state is not None, f"{name} before response.created"
        if kind == "in_progress":
            assert number == 2
        elif kind == "output_item.added":
            assert item is None
            assert payload["output_index"] == len(output)
            item, said = payload["item"], ""
        elif kind == "output_item.done":
            assert payload["output_index"] == len(output)
            done = payload["item"]
            assert item is not None
            assert (done["id"], done["type"]) == (item["id"], item["type"])
            output.append(done)
            if done["type"] in ("function_call", "custom_tool_call"):
                whole = done["arguments"] if done["type"] == "function_call" else done["input"]
                assert whole == said
                assert whole or done["type"] == "custom_tool_call"
                read.calls.append((done["call_id"], done["name"], whole))
            elif done["type"] == "message":
                assert said == done["content"][0].get("text", done["content"][0].get("refusal"))
            elif done["type"] == "reasoning":
                assert said == "".join(part["text"] for part in done["summary"])
            item = None
        elif kind.endswith(".delta"):
            assert payload["output_index"] == len(output)
            assert payload["item_id"] == item["id"]
            said += payload["delta"]
            if kind == "output_text.delta":
                assert payload["logprobs"] == []
                read.text += payload["delta"]
            elif kind == "refusal.delta":
                read.refusal += payload["delta"]
            elif kind == "reasoning_summary_text.delta":
                read.thinking += payload["delta"]
        elif kind in ("completed", "incomplete"):
            assert item is None
            assert payload["response"]["output"] == output
            assert payload["response"]["status"] == kind
            read.end, read.usage = COMPLETE, payload["response"]["usage"]
            details = payload["response"]["incomplete_details"]
            read.finish = details["reason"] if details else kind
        elif kind == "failed":
            read.end, read.error = FAILED, payload["response"]["error"]["message"]
        else:
            assert kind in {
                "content_part.added",
                "content_part.done",
                "output_text.done",
                "refusal.done",
                "function_call_arguments.done",
                "custom_tool_call_input.done",
                "reasoning_summary_part.added",
                "reasoning_summary_part.done",
                "reasoning_summary_text.done",
            }, kind
            assert payload["item_id"] == item["id"]
    return read

"""Responses' streams."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.decoder import StreamDecoder
from tierrouter_core.wire.events import (
    Began,
    CallEnd,
    CallPiece,
    Ended,
    Finish,
    Finished,
    RawEvent,
    RefusalPiece,
    TextPiece,
    ThinkingEnd,
    ThinkingPiece,
)
from tierrouter_core.wire.model import ToolKind

_CALLS = {"function_call": ToolKind.FUNCTION, "custom_tool_call": ToolKind.CUSTOM}


class ResponsesDecoder(StreamDecoder):
    """Named events, items that are added and done; a server that sends no deltas is read by its done items."""

    dialect = Dialect.RESPONSES

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[str, int | str] = {}
        """The calls' keys, by the id of their items."""
        self._said: set[int | str] = set()
        """Items of which there were deltas."""
        self._items = 0
        self._refused = False

    def _read(self, kind: str, payload: Mapping[str, Any], out: list[RawEvent]) -> None:
        text = payload.get("delta")
        match kind:
            case "response.output_text.delta" if isinstance(text, str):
                self._said.add(_name(payload))
                out.append(TextPiece(text))
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                if isinstance(text, str):
                    key = self._calls.get(_text(payload.get("item_id")), _name(payload))
                    out.append(CallPiece(key, arguments=text))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if isinstance(text, str):
                self._said.add(_name(payload))
                out.append(ThinkingPiece(text))
            case "response.reasoning_summary_part.added" if payload.get("summary_index"):
                out.append(ThinkingPiece("\n\n"))
            case "response.refusal.delta" if isinstance(text, str):
                self._said.add(_name(payload))
                self._refused = True
                out.append(RefusalPiece(text))
            case "response.output_item.added":
                self._added(payload, details(payload.get("item")), out)
            case "response.output_item.done":
                self._items += 1
                self.item(details(payload.get("item")), _name(payload), out)
            case "response.created":
                response = details(payload.get("response"))
                out.append(Began(str(response.get("id") or ""), str(response.get("model") or "")))
            case "response.completed" | "response.incomplete":
                self.response(details(payload.get("response")), out)
            case _:
                pass

    def response(self, response: Mapping[str, Any], out: list[RawEvent]) -> None:
        """A whole response, at a stream's end or without one."""
        if not self._items:
            for index, item in enumerate(items(response.get("output"))):
                item = details(item)
                self._added({"output_index": index}, item, out)
                self.item(item, index, out)
        reason = details(response.get("incomplete_details")).get("reason")
        if response.get("status") == "incomplete":
            finish = Finish.LENGTH if reason in ("max_output_tokens", None) else Finish.FILTER
        else:
            finish = Finish.REFUSAL if self._refused else Finish.STOP
        out += [Finished(finish), Ended()]

    def _added(self, payload: Mapping[str, Any], item: Mapping[str, Any], out: list[RawEvent]) -> None:
        kind = _CALLS.get(str(item.get("type")))
        if kind is None:
            return
        key = _name(payload)
        self._calls[_text(item.get("id"))] = key
        out.append(CallPiece(key, str(item.get("call_id") or ""), str(item.get("name") or ""), "", kind))

    def item(self, item: Mapping[str, Any], key: int | str, out: list[RawEvent]) -> None:
        """A whole item; what its deltas have said is not said again."""
        match item.get("type"):
            case "function_call":
                out.append(CallEnd(key, str(item.get("arguments") or "")))
            case "custom_tool_call":
                out.append(CallEnd(key, str(item.get("input") or "")))
            case "reasoning":
                if key not in self._said:
                    texts = [
                        details(part).get("text") for name in ("summary", "content") for part in items(item.get(name))
                    ]
                    out.append(ThinkingPiece("\n\n".join(text for text in texts if isinstance(text, str))))
                out.append(ThinkingEnd(str(item.get("encrypted_content") or ""), str(item.get("id") or "")))
            case "message" if key not in self._said:
                for part in map(details, items(item.get("content"))):
                    if part.get("type") == "refusal":
                        self._refused = True
                        out.append(RefusalPiece(str(part.get("refusal") or "")))
                    else:
                        out.append(TextPiece(str(part.get("text") or "")))
            case _:
                pass
        self._said.discard(key)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(payload: Mapping[str, Any]) -> int | str:
    index = payload.get("output_index")
    return index if isinstance(index, int) else str(payload.get("item_id") or index)

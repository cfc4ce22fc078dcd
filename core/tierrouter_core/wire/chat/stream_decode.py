"""Chat's streams, and what its imitators make of them."""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.chat.reasoning_details import ReasoningDetails, thought_in
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.decoder import StreamDecoder
from tierrouter_core.wire.events import (
    Began,
    CallPiece,
    Failed,
    Finish,
    Finished,
    RawEvent,
    RefusalPiece,
    TextPiece,
    ThinkingEnd,
    ThinkingPiece,
)
from tierrouter_core.wire.model import ToolKind
from tierrouter_core.wire.reported_error import reported_error

FINISHES: Mapping[str, Finish] = {
    "stop": Finish.STOP,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "length": Finish.LENGTH,
    "content_filter": Finish.FILTER,
}


class ChatDecoder(StreamDecoder):
    """Anonymous chunks with deltas."""

    dialect = Dialect.CHAT

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._keys: dict[str, int] = {}
        self._by_index: dict[int, int] = {}
        self._has_arguments: set[int] = set()
        self._last = -1
        self._details = ReasoningDetails()

    def _read(self, kind: str, payload: Mapping[str, Any], out: list[RawEvent]) -> None:
        if not self._begun:
            self._begun = True
            out.append(Began(str(payload.get("id") or ""), str(payload.get("model") or "")))
        choices = payload.get("choices")
        if choices and isinstance(choices, list):
            choice = details(choices[0])
            # A server that doesn't stream sends the whole message in one chunk.
            self.message(details(choice.get("delta") or choice.get("message")), out)
            finish = choice.get("finish_reason")
            if finish == "error":
                error = reported_error(self.dialect, payload)
                out.append(
                    Failed(error.message if error else "the choice ended in an error", error.kind if error else "")
                )
            elif isinstance(finish, str) and finish:
                self.end_thinking(out)
                out.append(Finished(FINISHES.get(finish, Finish.STOP)))

    def end_thinking(self, out: list[RawEvent]) -> None:
        """What proves it comes with its end, where there is such a thing."""
        if self._details.taken:
            proof = self._details.proof()
            if proof:
                out.append(ThinkingEnd(proof))

    def message(self, delta: Mapping[str, Any], out: list[RawEvent]) -> None:
        """A delta, or a whole message, which has the same fields."""
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if delta.get("reasoning_details"):
            given = items(delta["reasoning_details"])
            self._details.take(given)
            thought = thought or thought_in(given)
        if thought and isinstance(thought, str):
            out.append(ThinkingPiece(thought))
        content, refusal, calls = delta.get("content"), delta.get("refusal"), delta.get("tool_calls")
        if content or refusal or calls:
            self.end_thinking(out)
        if isinstance(content, list):
            content = "".join(text for part in content if isinstance(text := details(part).get("text"), str))
        if content and isinstance(content, str):
            out.append(TextPiece(content))
        if refusal and isinstance(refusal, str):
            out.append(RefusalPiece(refusal))
        if calls:
            for call in items(calls):
                if isinstance(call, dict):
                    self._call(call, out)

    def _call(self, call: Mapping[str, Any], out: list[RawEvent]) -> None:
        custom = call.get("type") == "custom"
        function = details(call.get("custom" if custom else "function"))
        arguments = function.get("input" if custom else "arguments")
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = orjson.dumps(arguments).decode()
        id_, name = call.get("id"), function.get("name")
        id_ = id_ if isinstance(id_, str) else ""
        name = name if isinstance(name, str) else ""
        key = self._key(call.get("index"), id_, name)
        if arguments:
            self._has_arguments.add(key)
        out.append(CallPiece(key, id_, name, arguments, ToolKind.CUSTOM if custom else ToolKind.FUNCTION))

    def _key(self, index: object, id_: str, name: str) -> int:
        """Which call a piece belongs to: by its id, its index, or that it names itself anew."""
        position = index if isinstance(index, int) else None
        if id_:
            key = self._keys.get(id_)
            if key is None:
                key = self._keys[id_] = self._last = self._last + 1
        else:
            known = self._by_index.get(position) if position is not None else (self._last if self._last >= 0 else None)
            if known is None or (name and known in self._has_arguments):
                key = self._last = self._last + 1
            else:
                key = known
        if position is not None:
            self._by_index[position] = key
        return key

"""What a Responses client has seen of a streamed answer."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.counts import count, details, items
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.responses.stream_encode import ResponsesEncoder
from tierrouter_core.wire.seen import SeenAnswer


class SeenResponse(SeenAnswer):
    """Items, each said whole at its end, and all of them again at the answer's."""

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] = {}
        self._output: list[dict[str, Any]] = []
        self._item: dict[str, Any] = {}
        """The open one."""
        self._parts = 0
        self._next_number = 0

    def encoder(self, envelope: Envelope) -> ResponsesEncoder:
        """Goes on in the open item; what it says at the end is all of it."""
        return ResponsesEncoder.resumed(
            envelope,
            response=self._response,
            output=self._output,
            item_id=str(self._item.get("id") or ""),
            text=self.text,
            number=self._next_number,
        )

    def _read(self, payload: Mapping[str, Any]) -> None:
        number = count(payload.get("sequence_number"))
        self._next_number = self._next_number + 1 if number is None else number + 1
        kind = str(payload.get("type") or "")
        match kind.removeprefix("response."):
            case "created" | "in_progress" | "queued":
                self._response = {**details(payload.get("response"))}
            case "output_item.added":
                self._begin(details(payload.get("item")), payload.get("output_index"))
            case "content_part.added" if self._item.get("type") == "message":
                self._part(details(payload.get("part")))
            case "output_text.delta":
                text = payload.get("delta")
                self._said.write(text if isinstance(text, str) else "")
                self._beyond_text = self._beyond_text or bool(items(payload.get("logprobs")))
            case "output_item.done" if self._item.get("type") == "reasoning":
                self._output.append({**details(payload.get("item"))})
                self._item = {}
            case _ if self._item.get("type") == "reasoning":
                pass
            case _:
                self._beyond_text = True

    def _begin(self, item: Mapping[str, Any], index: Any) -> None:
        if self._item or index != len(self._output) or item.get("type") not in ("message", "reasoning"):
            self._beyond_text = True
            return
        self._item = {**item}

    def _part(self, part: Mapping[str, Any]) -> None:
        self._parts += 1
        if self._parts > 1 or part.get("type") != "output_text":
            self._beyond_text = True

    def _is_open(self) -> bool:
        return self._item.get("type") == "message" and self._parts == 1

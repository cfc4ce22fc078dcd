"""Answers by the grammar of each dialect, read as they come. Written apart from the code that makes them."""

import json
from collections.abc import Callable
from typing import Any

from chaos.plan import Dialect
from chaos.seen import End


class Stream:
    """A streamed answer under way."""

    def __init__(self, dialect: Dialect) -> None:
        self.end = End.OPEN
        self.pieces: list[str] = []
        self.error = ""
        self.problem = ""
        self._rest = b""
        self._finish = ""
        self._open_block: int | None = None
        self._begun = False
        self._number = 0
        readers: dict[Dialect, Callable[[str, str], None]] = {
            Dialect.CHAT: self._chat,
            Dialect.MESSAGES: self._messages,
            Dialect.RESPONSES: self._responses,
        }
        self._read = readers[dialect]

    @property
    def text(self) -> str:
        """What the model has said so far."""
        return "".join(self.pieces)

    def feed(self, chunk: bytes) -> None:
        """Bytes, cut anywhere."""
        *whole, self._rest = (self._rest + chunk).split(b"\n\n")
        for block in whole:
            self._event(block)

    def over(self) -> None:
        """HTTP says that the body is whole."""
        if self._rest.strip():
            self._breaks(f"the last event is not ended: {self._rest[:80]!r}")
        if self.end is End.OPEN and self._finish and self._open_block is None:
            self.end = End.UNMARKED

    def _event(self, block: bytes) -> None:
        name, data = "", []
        for line in block.decode().split("\n"):
            key, _, value = line.partition(":")
            if key == "event":
                name = value.strip()
            elif key == "data":
                data.append(value.removeprefix(" "))
            elif key or not line.startswith(":"):
                self._breaks(f"not a line of an event stream: {line[:80]!r}")
        if not data:
            return
        if self.end is not End.OPEN:
            self._breaks(f"after the end came {name or data[0][:60]!r}")
            return
        try:
            self._read(name, "\n".join(data))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self._breaks(f"{type(error).__name__} {error} in {data[0][:120]!r}")

    def _breaks(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _chat(self, name: str, data: str) -> None:
        if data == "[DONE]":
            if not self._finish:
                self._breaks("[DONE] without a finish reason")
            self.end = End.COMPLETE
            return
        payload = json.loads(data)
        if payload.get("error"):
            self.end, self.error = End.FAILED, payload["error"]["message"]
            return
        for choice in payload["choices"]:
            if self._finish:
                self._breaks("a choice after the finish reason")
            self.pieces.append(choice["delta"].get("content") or "")
            self._finish = choice.get("finish_reason") or ""

    def _messages(self, name: str, data: str) -> None:
        payload = json.loads(data)
        kind = payload["type"]
        if kind != name:
            self._breaks(f"event {name} holds a {kind}")
        if kind == "error":
            self.end, self.error = End.FAILED, payload["error"]["message"]
        elif kind == "message_start":
            if self._begun:
                self._breaks("a second message_start")
            self._begun = True
        elif kind == "ping":
            return
        elif not self._begun:
            self._breaks(f"{kind} before message_start")
        elif kind == "content_block_start":
            if self._open_block is not None:
                self._breaks("a block begins inside another")
            self._open_block = payload["index"]
        elif kind == "content_block_delta":
            if payload["index"] != self._open_block:
                self._breaks("a delta of a block that is not open")
            self.pieces.append(payload["delta"].get("text", ""))
        elif kind == "content_block_stop":
            self._open_block = None
        elif kind == "message_delta":
            self._finish = payload["delta"]["stop_reason"]
        elif kind == "message_stop":
            if not self._finish or self._open_block is not None:
                self._breaks("message_stop of a message that is not whole")
            self.end = End.COMPLETE

    def _responses(self, name: str, data: str) -> None:
        payload = json.loads(data)
        kind = payload["type"]
        if kind != name:
            self._breaks(f"event {name} holds a {kind}")
        if payload["sequence_number"] != self._number:
            self._breaks(f"event {payload['sequence_number']} where {self._number} was due")
        self._number += 1
        if kind == "response.created":
            if self._begun:
                self._breaks("a second response.created")
            self._begun = True
        elif kind == "error":
            # Codex does not heed it: only response.failed ends the turn.
            self.error = payload.get("message") or ""
        elif not self._begun:
            self._breaks(f"{kind} before response.created")
        elif kind == "response.failed":
            self.end, self.error = End.FAILED, payload["response"]["error"]["message"]
        elif self.error:
            self._breaks(f"{kind} after an error")
        elif kind == "response.output_text.delta":
            self.pieces.append(payload["delta"])
        elif kind in ("response.completed", "response.incomplete"):
            self.end = End.COMPLETE
            if _responses_text(payload["response"]) != self.text:
                self._breaks("the response as a whole does not say what its deltas said")


def text_of_body(dialect: Dialect, payload: Any) -> str:
    """The text of an answer that came in one piece; ValueError where it is none."""
    try:
        match dialect:
            case Dialect.CHAT:
                (choice,) = payload["choices"]
                if not choice["finish_reason"]:
                    raise ValueError("no finish reason")
                return str(choice["message"]["content"])
            case Dialect.MESSAGES:
                if payload["type"] != "message" or not payload["stop_reason"]:
                    raise ValueError("no whole message")
                return "".join(block["text"] for block in payload["content"])
        if payload["status"] not in ("completed", "incomplete"):
            raise ValueError(f"status {payload['status']}")
        return _responses_text(payload)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__} {error} in {str(payload)[:120]}") from None


def message_of_error(dialect: Dialect, payload: Any) -> str:
    """What an error's body says; ValueError where it is not the dialect's."""
    try:
        error = payload["error"]
        if dialect is Dialect.MESSAGES and (payload["type"] != "error" or not isinstance(error["type"], str)):
            raise ValueError(f"not an error of Messages: {str(payload)[:120]}")
        message = error["message"]
        if not isinstance(message, str) or "type" not in error:
            raise ValueError(f"no message or no type: {str(payload)[:120]}")
    except (KeyError, TypeError):
        raise ValueError(f"not an error's body: {str(payload)[:120]}") from None
    return message


def _responses_text(response: Any) -> str:
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)

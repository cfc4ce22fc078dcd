"""What a client has seen of a streamed answer, so that another model can go on with it.

It is read from what was sent, not from what came: whatever was passed through, translated or renamed on the way, the
next event has to fit behind that.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from io import StringIO
from typing import Any

import orjson

from tierrouter_core.wire.encoder import Envelope, StreamEncoder
from tierrouter_core.wire.sse import EventSplitter, event_data


class SeenAnswer(ABC):
    """One streamed answer, as far as it has gone out."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        # One buffer, not thousands of words: an answer may be a novel, and memory in crumbs does not come back.
        self._said = StringIO()
        self._beyond_text = False
        """Something is in it behind which no other model's text can stand."""

    @property
    def text(self) -> str:
        """The text that was being written; empty where the answer can't be gone on with.

        It can where nothing but one piece of text has come, maybe after thoughts that are over, and that is open: a
        call that was begun, a second piece, a refusal or an end can't be taken back.
        """
        return "" if self._beyond_text or not self._is_open() else self._said.getvalue()

    def feed(self, events: bytes) -> None:
        """Take note of whole events that were sent."""
        if self._beyond_text:
            return
        for raw in self._splitter.feed(events):
            data = event_data(raw)
            if not data:
                continue
            try:
                payload = orjson.loads(data)
            except orjson.JSONDecodeError:
                payload = None
            if isinstance(payload, dict):
                self._read(payload)
            else:
                # ``[DONE]``, and whatever else is no event of an answer under way.
                self._beyond_text = True

    @abstractmethod
    def encoder(self, envelope: Envelope) -> StreamEncoder:
        """What writes the rest, with the text still open; only where there is :attr:`text`."""

    @abstractmethod
    def _read(self, payload: Mapping[str, Any]) -> None:
        """Take note of an event."""

    @abstractmethod
    def _is_open(self) -> bool:
        """Whether a piece of text is being written."""

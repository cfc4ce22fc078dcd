"""The seam of an answer that another model goes on with: no word twice, none of ours, and the text left open."""

from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.encoder import StreamEncoder
from tierrouter_core.wire.events import Failed, Finished, Opened, Segment


def prefill_of(said: str) -> str:
    """``said`` as the next model gets it: vendors refuse an answer begun that ends in white space."""
    return said.rstrip()


class Joint:
    """Where the text that came meets the text that goes on.

    Two things may come again and are taken out: the white space at the end, which the model was not shown, and all of
    the text, which some servers say back before they go on with it.
    """

    def __init__(self, said: str) -> None:
        self._shown = prefill_of(said)
        self._space = said[len(self._shown) :]
        self._held = ""
        self._echoes = True
        """It may be that all of the text comes again."""
        self._joined = False

    def feed(self, text: str) -> str:
        """What of ``text`` is new; some may be held until that is known."""
        if self._joined:
            return text
        self._held += text
        if self._echoes:
            if self._shown.startswith(self._held) and self._held != self._shown:
                return ""
            self._echoes = False
            self._held = self._held.removeprefix(self._shown)
        if self._space.startswith(self._held) and self._held != self._space:
            return ""
        return self.rest()

    def rest(self) -> str:
        """What is held at the end of the text."""
        if self._joined:
            return ""
        self._joined = True
        return self._held[_common(self._held, self._space) :]


class ResumedEncoder:
    """Writes the rest of an answer whose text is open; for the one who feeds it, it is an answer of its own.

    What the next model thinks is left out: thoughts come before an answer, not in the midst of it.
    """

    def __init__(self, encoder: StreamEncoder, said: str) -> None:
        self._encoder = encoder
        self._joint = Joint(said)
        self._carried = True
        """The text from before is open."""
        self._muted = False

    def begin(self) -> bytes:
        """Nothing: it has begun."""
        return b""

    def opened(self, segment: Opened) -> bytes:
        """Nothing for text that goes on; anything else ends it."""
        self._muted = segment.segment is Segment.THINKING
        if self._muted or (self._carried and segment.segment is Segment.TEXT):
            return b""
        return self._end_of_carried() + self._encoder.opened(segment)

    def delta(self, text: str) -> bytes:
        """What is new of it."""
        if self._muted:
            return b""
        if self._carried:
            text = self._joint.feed(text)
        return self._encoder.delta(text) if text else b""

    def closed(self, proof: str) -> bytes:
        """The open segment is whole."""
        if self._muted:
            self._muted = False
            return b""
        return self._end_of_carried() if self._carried else self._encoder.closed(proof)

    def finish(self, finished: Finished, usage: Usage) -> bytes:
        """The answer is complete."""
        return self._end_of_carried() + self._encoder.finish(finished, usage)

    def fail(self, failed: Failed) -> bytes:
        """The answer broke off again."""
        return self._encoder.fail(failed)

    def _end_of_carried(self) -> bytes:
        if not self._carried:
            return b""
        self._carried = False
        rest = self._joint.rest()
        return (self._encoder.delta(rest) if rest else b"") + self._encoder.closed("")


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    length = min(len(one), len(other))
    return next((place for place in range(length) if one[place] != other[place]), length)

"""An answer as it went to the client, for whoever is to judge it."""

MOST_ANSWER = 1024 * 1024
"""Bytes of an answer that are kept for it; what comes after is not judged."""


class KeptAnswer:
    """An answer as it went to the client, up to a bound."""

    __slots__ = ("_pieces", "_size", "streamed")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self.streamed = False

    def add(self, data: bytes) -> None:
        """More of it."""
        if self._size < MOST_ANSWER:
            self._pieces.append(data)
            self._size += len(data)

    @property
    def data(self) -> bytes:
        """What was kept."""
        return b"".join(self._pieces)

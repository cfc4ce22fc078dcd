"""Watches an answer's text for stop sequences that the provider can't be told."""

from collections.abc import Sequence


class StopScanner:
    """Holds back as much text as may be the beginning of a stop sequence, and no more."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._longest = max(map(len, stops))
        self._held = ""

    def feed(self, text: str) -> tuple[str, str | None]:
        """The text that may go on, and the sequence that was found; with one, all that follows is to be dropped."""
        held = self._held + text
        found = [(position, stop) for stop in self._stops if (position := held.find(stop)) >= 0]
        if found:
            position, stop = min(found, key=lambda one: (one[0], -len(one[1])))
            self._held = ""
            return held[:position], stop
        keep = next(
            (
                length
                for length in range(min(self._longest - 1, len(held)), 0, -1)
                if any(stop.startswith(held[-length:]) for stop in self._stops)
            ),
            0,
        )
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep], None

    def rest(self) -> str:
        """What was held back, at the text's end."""
        rest, self._held = self._held, ""
        return rest

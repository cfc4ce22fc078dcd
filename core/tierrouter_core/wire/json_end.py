"""Whether a JSON object or array that comes in pieces is whole, without keeping the pieces."""

import re

_MARKS = re.compile(r'[{}\[\]"]|\\.?', re.DOTALL)


class JsonEnd:
    """Feed it the pieces; strings may be cut anywhere, also within an escape."""

    __slots__ = ("_begun", "_depth", "_escaped", "_in_string")

    def __init__(self) -> None:
        self._depth = 0
        self._begun = self._in_string = self._escaped = False

    @property
    def whole(self) -> bool:
        """Whether everything that was opened is closed."""
        return self._begun and self._depth == 0 and not self._in_string

    def feed(self, piece: str) -> None:
        """More of the text."""
        start = 0
        if self._escaped and piece:
            self._escaped, start = False, 1
        for match in _MARKS.finditer(piece, start):
            mark = match[0]
            if mark[0] == "\\":
                if self._in_string and len(mark) == 1:
                    self._escaped = True
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._begun = True
                self._depth += 1 if mark in "{[" else -1

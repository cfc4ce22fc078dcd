"""Text of strangers, made fit to be shown."""

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str, limit: int = 64) -> str:
    """``text`` fit for a header, a log line and a label: ASCII without controls, at most ``limit`` characters."""
    if text.isascii() and text.isprintable():
        return text[:limit]
    return re.sub(r"[^\x20-\x7e]", "?", text)[:limit]


def one_line(text: str) -> str:
    """What somebody else wrote, without what may do something to a terminal, end a line, or be no text.

    Half of a pair of surrogates is no text: what was cut off in the middle of a character, or a name of no encoding.
    """
    return _CONTROL.sub(" ", text)

"""Text of strangers, made fit to be shown."""

import re


def printable(text: str, limit: int = 64) -> str:
    """``text`` fit for a header, a log line and a label: ASCII without controls, at most ``limit`` characters."""
    if text.isascii() and text.isprintable():
        return text[:limit]
    return re.sub(r"[^\x20-\x7e]", "?", text)[:limit]

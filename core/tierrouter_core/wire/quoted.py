"""Providers quote what they were asked in what they say of it; logs and the ledger hold none of that."""

from typing import Any, Final

from tierrouter_core.wire.request import Request

LEAST: Final = 24
"""A shorter run of the same characters is a name or chance."""
_STEP: Final = LEAST // 2


def without_quotes(message: str, request: Request, *names: str) -> str:
    """``message`` with everything taken out that it has in common with the request, but for ``names``."""
    if len(message) < LEAST:
        return message
    asked = _text(request.parsed)
    spared = (request.model, *names)
    kept, at = "", 0
    while at < len(message):
        begin, end = _next_run(message, at, asked)
        kept += message[at:begin]
        run = message[begin:end]
        kept += run if any(run.strip(" `'\"") in name for name in spared) else "…" if run else ""
        at = max(end, at + 1) if run else len(message)
    return kept


def _next_run(message: str, at: int, asked: str) -> tuple[int, int]:
    """Where the next long run begins and ends that is in ``asked`` too; both the end where there is none."""
    # Every run that is long enough has one of these windows in it, and most windows are nowhere in the request.
    for window in range(at, len(message) - _STEP + 1, _STEP):
        if message[window : window + _STEP] not in asked:
            continue
        for begin in range(max(at, window + _STEP - LEAST), window + 1):
            end = begin + LEAST
            if end <= len(message) and message[begin:end] in asked:
                while end < len(message) and message[begin : end + 1] in asked:
                    end += 1
                return begin, end
    return len(message), len(message)


def _text(value: Any) -> str:
    """All texts of a request, as they were before they were JSON."""
    texts, left = list[str](), [value]
    while left:
        match left.pop():
            case str() as text:
                texts.append(text)
            case dict() as members:
                left += members.values()
            case list() as items:
                left += items
    return "\0".join(texts)

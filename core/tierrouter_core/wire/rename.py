"""Another name for the model, put into an answer without writing the rest of it anew."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

_MODEL_KEY = re.compile(rb'"model"\s*+:\s*+("(?:[^"\\]|\\.)*+")')
_MOST_CANDIDATES = 64


def renamed_model(
    raw: bytes, path: tuple[str, ...], model: str, *, json_of: Callable[[bytes], bytes] = lambda raw: raw
) -> bytes:
    """``raw`` with the string at ``path`` + ``model`` replaced; as it was where there is none or it isn't JSON.

    ``json_of`` finds the JSON in ``raw``: an event's data.
    """
    span = model_span(raw, path, json_of=json_of)
    return raw if span is None else spliced_model(raw, span, model)


def model_span(
    raw: bytes, path: tuple[str, ...], *, json_of: Callable[[bytes], bytes] = lambda raw: raw
) -> tuple[int, int] | None:
    """Where in ``raw`` the string at ``path`` + ``model`` stands, with its quotes; None where there is none.

    Of several keys with that name, the right one is the one whose replacement changes the parsed value at the path and
    nothing else.
    """
    found = _MODEL_KEY.search(raw)
    if found is None:
        return None
    if not path and _is_top_level(raw, found.start()):
        return found.span(1)
    probe = "\0a name that no model has"
    try:
        wanted = orjson.loads(json_of(raw))
    except orjson.JSONDecodeError:
        return None
    if not _set_model(wanted, path, probe):
        return None
    for number, match in enumerate(_MODEL_KEY.finditer(raw)):
        if number == _MOST_CANDIDATES:
            break
        try:
            if orjson.loads(json_of(spliced_model(raw, match.span(1), probe))) == wanted:
                return match.span(1)
        except orjson.JSONDecodeError:
            # Not a key at all, but the end of a string that quotes one.
            continue
    return None


def spliced_model(raw: bytes, span: tuple[int, int], model: str) -> bytes:
    """``raw`` with ``model`` as a JSON string in place of ``span``."""
    return b"".join((raw[: span[0]], orjson.dumps(model), raw[span[1] :]))


def _is_top_level(raw: bytes, start: int) -> bool:
    """Whether a key at ``start`` is one of the outermost object.

    In front of a key stands a brace, a comma or white space. Inside a string, a quote always follows a backslash.
    Braces inside strings can only make this say no.
    """
    return raw[start - 1 : start] in _BEFORE_A_KEY and raw.count(b"{", 0, start) == 1 and raw.count(b"[", 0, start) == 0


_BEFORE_A_KEY = frozenset({b"{", b",", b" ", b"\n", b"\r", b"\t"})


def _set_model(payload: Any, path: tuple[str, ...], model: str) -> bool:
    for key in path:
        payload = payload.get(key) if isinstance(payload, Mapping) else None
    if not isinstance(payload, dict) or not isinstance(payload.get("model"), str):
        return False
    payload["model"] = model
    return True

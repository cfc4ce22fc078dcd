"""Change top-level keys of a JSON object in bytes, leaving every other byte as the client wrote it.

Re-serialising a request changes key order, spacing, escapes and numbers, which breaks prompt caches and the prefix
checks of newer Claude models. Searching for ``"model":`` alone is wrong too: tool schemas and tool calls hold keys of
that name. So a key token is searched for (fast, in C), and then shown to be at depth 1 by parsing the shorter side of
the document around it: ``{"messages": [...], `` is completed to a valid document by one more member exactly when
the cut was made at depth 1.

Everything here expects ``body`` to be a JSON object that ``orjson`` has accepted; what it does with anything else is
undefined. :func:`top_level_spans` reads the whole document token by token: the plain way to the same answer, used
where the short way would be slow, and by the tests to judge it.
"""

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

import orjson

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]}]+")
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_]+")
_ESCAPED_LETTER = re.compile(rb"u00[4-7]")
"""Without its backslash: patterns are searched for by their first byte, and code in JSON is full of backslashes."""
_BACKSLASH = ord("\\")

_NEAR_BYTES = 4096
"""Parsing this much costs next to nothing, so that no cheaper answer is worth looking for."""
_PROBE_BYTES = (512, 8192)
"""How far to look for the end of a candidate's own object before parsing a whole side."""
_MAX_FULL_PARSES = 8
"""After so many candidates that needed a parse of a whole side, reading everything once is the faster way."""

_raw_decode = json.JSONDecoder().raw_decode


class Span(NamedTuple):
    """Where a value stands: ``body[start:end]``, without the white space around it."""

    start: int
    end: int


def set_top_level(body: bytes, values: Mapping[str, bytes], *, there: Collection[str] = ()) -> bytes:
    """``body`` with each key of ``values`` set to its raw JSON value; all other bytes stay.

    A key that stands there several times is replaced each time, so that it doesn't matter which one a reader obeys.
    Missing keys are added right before the closing brace, in the order of ``values``.

    Args:
        there: keys that ``body`` is known to have, by who has parsed it: what stands only once is found quicker.
    """
    replacements: list[tuple[Span, bytes]] = []
    missing: list[bytes] = []
    escaped_letters = _may_escape_letters(body)
    for key, value in values.items():
        spans = _find(body, key, escaped_letters, is_there=key in there)
        replacements.extend((span, value) for span in spans)
        if not spans:
            missing.append(orjson.dumps(key) + b":" + value)
    pieces: list[bytes] = []
    done = 0
    for span, value in sorted(replacements):
        pieces += (body[done : span.start], value)
        done = span.end
    if missing:
        brace = body.rindex(b"}")
        pieces += (body[done:brace], b"" if _is_empty_object(body) else b",", b",".join(missing))
        done = brace
    pieces.append(body[done:])
    return b"".join(pieces)


def top_level_value(body: bytes, key: str) -> bytes | None:
    """The raw JSON value of ``key``, the last one where it stands several times; None where it is missing."""
    spans = find_top_level(body, key)
    return body[spans[-1].start : spans[-1].end] if spans else None


def find_top_level(body: bytes, key: str) -> list[Span]:
    """Where the values of ``key`` at depth 1 stand, in order; several if the key is duplicated."""
    return _find(body, key, _may_escape_letters(body))


def _find(body: bytes, key: str, escaped_letters: bool, *, is_there: bool = False) -> list[Span]:
    if not _PLAIN_KEY.fullmatch(key):
        return top_level_spans(body).get(key, [])
    found: list[Span] = []
    full_parses = 0
    tokens = _key_tokens(body, key, escaped_letters)
    if is_there and len(tokens) == 1:
        # Nothing else can be what was parsed.
        _, value_start = tokens[0]
        return [Span(value_start, _value_end(body, value_start))]
    for key_start, value_start in tokens:
        if min(key_start, len(body) - value_start) > _NEAR_BYTES:
            if _encloser_ends_soon(body, value_start):
                continue
            full_parses += 1
            if full_parses > _MAX_FULL_PARSES:
                return top_level_spans(body).get(key, [])
        value_end = _value_end(body, value_start)
        if _is_member_of_whole(body, key_start, value_end):
            found.append(Span(value_start, value_end))
    return found


def top_level_spans(body: bytes) -> dict[str, list[Span]]:
    """Every top-level key with the places of its values, by reading the whole document.

    Raises ValueError where ``body`` is plainly not a JSON object.
    """
    spans: dict[str, list[Span]] = {}
    position = _skip_space(body, 0)
    if body[position : position + 1] != b"{":
        raise ValueError("not a JSON object")
    position = _skip_space(body, position + 1)
    while body[position : position + 1] != b"}":
        key = _STRING.match(body, position)
        colon = _COLON.match(body, key.end()) if key else None
        if key is None or colon is None:
            raise ValueError(f"no key at byte {position}")
        end = _value_end(body, colon.end())
        spans.setdefault(orjson.loads(key[0]), []).append(Span(colon.end(), end))
        position = _skip_space(body, end)
        if body[position : position + 1] == b",":
            position = _skip_space(body, position + 1)
    return spans


def _key_tokens(body: bytes, key: str, escaped_letters: bool) -> list[tuple[int, int]]:
    """``(start of the key's token, start of its value)`` for each key of that name, at any depth, in order.

    In valid JSON an unescaped quote, the name, a quote and a colon are always a whole key token: inside a string the
    quotes would be escaped, and a name can't stand outside of one.
    """
    tokens = (
        [match.span() for match in _any_spelling(key).finditer(body)]
        if escaped_letters
        else _occurrences(body, f'"{key}"'.encode())
    )
    found: list[tuple[int, int]] = []
    for start, end in tokens:
        colon = _COLON.match(body, end)
        if colon is not None and body[start - 1] != _BACKSLASH:
            found.append((start, colon.end()))
    return found


def _occurrences(body: bytes, token: bytes) -> list[tuple[int, int]]:
    """Where ``token`` stands, in order. No regular expression is as fast, and CPython finds faster from the end."""
    found: list[tuple[int, int]] = []
    start = body.rfind(token)
    while start >= 0:
        found.append((start, start + len(token)))
        start = body.rfind(token, 0, start)
    found.reverse()
    return found


def _may_escape_letters(body: bytes) -> bool:
    r"""Whether ``body`` holds anything like ``\u006d``, so that a plain key may be spelled in another way too."""
    # Most bodies have no escape of that kind at all, and others (colours of a terminal) only such as are no letters.
    if b"\\u00" not in body:
        return False
    return any(body[match.start() - 1] == _BACKSLASH for match in _ESCAPED_LETTER.finditer(body))


@lru_cache(maxsize=64)
def _any_spelling(key: str) -> re.Pattern[bytes]:
    r"""Matches ``"model"`` and ``"mod\u0065l"`` alike; both are the same key to every JSON reader."""
    letters = (rf"(?:{letter}|\\u00{_either_case(f'{ord(letter):02x}')})" for letter in key)
    return re.compile(f'"{"".join(letters)}"'.encode())


def _either_case(hexadecimal: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in hexadecimal)


def _encloser_ends_soon(body: bytes, value_start: int) -> bool:
    """Whether the object around the value at ``value_start`` closes nearby, with more text behind it.

    Then it is a nested one. False means not known: the object may reach beyond the bytes that are looked at.
    """
    for probe_bytes in _PROBE_BYTES:
        text = '{"":' + body[value_start : value_start + probe_bytes].decode("utf-8", "replace")
        try:
            _, end = _raw_decode(text)
        except (ValueError, RecursionError):  # cut off in the middle, or stranger than json likes
            continue
        if text[end:].strip(" \t\r\n"):
            return True
    return False


def _is_member_of_whole(body: bytes, key_start: int, value_end: int) -> bool:
    """Whether a member stands at depth 1: replaced by another, and one side left away, it is a document still."""
    head_is_shorter = key_start <= len(body) - value_end
    completed = body[:key_start] + b'"":0}' if head_is_shorter else b'{"":0' + body[value_end:]
    try:
        orjson.loads(completed)
    except orjson.JSONDecodeError:
        return False
    return True


def _value_end(body: bytes, start: int) -> int:
    """Where the JSON value that starts at ``start`` ends."""
    opening = body[start : start + 1]
    if opening in (b"{", b"["):
        depth = 0
        for token in _STRING_OR_BRACKET.finditer(body, start):
            if body[token.start()] in b"{[":
                depth += 1
            elif body[token.start()] in b"}]":
                depth -= 1
                if depth == 0:
                    return token.end()
        raise ValueError(f"the value at byte {start} has no end")
    match = (_STRING if opening == b'"' else _SCALAR).match(body, start)
    if match is None:
        raise ValueError(f"no value at byte {start}")
    return match.end()


def _skip_space(body: bytes, position: int) -> int:
    match = _SPACE.match(body, position)
    return position if match is None else match.end()


def _is_empty_object(body: bytes) -> bool:
    opening = _skip_space(body, 0)
    return body[_skip_space(body, opening + 1)] == ord("}")

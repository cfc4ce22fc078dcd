"""One way to write a value as bytes, so that equal values have equal digests.

Canonical JSON here: keys sorted, no white space, UTF-8 unescaped, no floats (money is a decimal string, time an
integer of milliseconds), so that no platform can write the same document differently.
"""

import hashlib
from typing import Any

import orjson


def canonical_json(value: Any) -> bytes:
    """The canonical bytes of ``value`` (dicts with string keys, lists, strings, integers, booleans, null)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` in lower-case hex, 64 characters."""
    return hashlib.sha256(data).hexdigest()

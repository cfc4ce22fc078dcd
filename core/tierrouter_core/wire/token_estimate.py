"""How many tokens a request has, without a tokenizer: a guess from its text, put right by what models report.

Tokenizers differ from model to model, and so do their counts, by a half and more; but for one model the count follows
what a text consists of. So a request is *weighed* by that, in tokens of an average model, and the weight becomes a
count by what the model has reported before: of this very conversation where there was a turn, else of others.
"""

import re
import zlib
from collections.abc import Mapping

from tierrouter_core.value_class import value_class
from tierrouter_core.wire.request import Request

_UNIT = 0.07
"""Tokens."""
_UNITS: Mapping[str, int] = {
    "abcdefghijklmnopqrstuvwxyz": 4,
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ": 6,
    "0123456789": 11,
    " \\": 1,
}
_UNITS_OF_ALL_OTHERS = 3
"""What a byte of a request's JSON text weighs.

Fitted by least squares to the counts of two public tokenizers (o200k, cl100k) over prose, five programming languages,
JSON, YAML, logs and lists of hashes: a log line of digits has a token every two bytes, indented YAML one every five.
"""
_TOKENS_PER_IMAGE = 1600
"""For pictures whose size isn't known, which is all of them: their data is never decoded."""
_TOKENS_PER_PAGE = 3000
_BASE64_BYTES_PER_PAGE = 100_000
"""A guess, so that a document's tokens grow with it; a document has one page at least."""

_TABLE = bytes(
    next((units for chars, units in _UNITS.items() if chr(byte) in chars), _UNITS_OF_ALL_OTHERS) for byte in range(256)
)
_BLOCK_BYTES = 4096
"""So short that the sum of its units fits into 16 bits."""
_READ_WHOLE_BYTES = 32_768
_EVERY = 4
"""Of a long body one block in so many is read: what it consists of changes little, and agents wait."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{512,}={0,2}")

RATE_LIMITS = (0.4, 2.5)
"""The least and the most tokens of a model per token of weight; what is beyond is a count of something else."""
_NEWEST_SHARE = 0.3
"""How much of a model's rate its newest report makes."""


@value_class
class Reported:
    """What a model said of a request, and what that request weighed."""

    weight: float
    tokens: int


def weigh(request: Request) -> float:
    """The request in tokens of an average model, at least 1; all of it counts, keys and punctuation included."""
    media, body = request.media, request.body
    if media.inline_bytes:
        body = _BASE64.sub(b"", body)
    pages = max(media.documents, media.document_bytes // _BASE64_BYTES_PER_PAGE)
    return max(1.0, _weight_of(body) + _TOKENS_PER_IMAGE * media.images + _TOKENS_PER_PAGE * pages)


def _weight_of(text: bytes) -> float:
    step = _BLOCK_BYTES if len(text) <= _READ_WHOLE_BYTES else _BLOCK_BYTES * _EVERY
    units = read = 0
    for start in range(0, len(text), step):
        block = text[start : start + _BLOCK_BYTES].translate(_TABLE)
        # The sum of the block's bytes, as fast as memory can be read: Adler-32 counts them in its lower half, plus one.
        units += (zlib.adler32(block) & 0xFFFF) - 1
        read += len(block)
    return units * _UNIT * len(text) / read if read else 0.0


def estimate(weight: float, before: Reported | None, rate: float) -> int:
    """Tokens of a request of ``weight``, at least 1.

    Args:
        before: the last report on the same conversation by the same model; None where there was none.
        rate: the model's tokens per token of weight, as :func:`next_rate` knows it.
    """
    if before is None:
        return max(1, round(weight * rate))
    if weight < before.weight:
        # The conversation was shortened; what is left is taken for the average of what was there.
        return max(1, round(before.tokens * weight / before.weight))
    return max(1, round(before.tokens + (weight - before.weight) * rate_of(before)))


def rate_of(report: Reported) -> float:
    """Tokens per token of weight, within :data:`RATE_LIMITS`."""
    low, high = RATE_LIMITS
    return min(high, max(low, report.tokens / report.weight))


def next_rate(rate: float | None, report: Reported) -> float:
    """A model's rate after one more report; ``rate`` is None before the first."""
    newest = rate_of(report)
    return newest if rate is None else rate + _NEWEST_SHARE * (newest - rate)

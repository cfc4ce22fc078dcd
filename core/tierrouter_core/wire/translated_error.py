"""A provider's refusal of a translated request, as the client's own dialect would say it."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details
from tierrouter_core.wire.failures import Meaning, WireError, final_error
from tierrouter_core.wire.reported_error import reported_error

_MEANINGS: Mapping[int, Meaning] = {
    402: Meaning.FINAL,
    403: Meaning.FORBIDDEN,
    404: Meaning.NOT_FOUND,
    413: Meaning.TOO_LARGE,
}
OVERFLOW: Final = re.compile(
    r"context_length_exceeded|exceed_context_size|prompt is too long|maximum context length|context window|"
    r"too many (?:input )?tokens",
    re.IGNORECASE,
)
"""How a provider says that a turn is longer than the model's window."""
_NUMBERS = re.compile(r"(?<![\w.])\d{4,}(?!\w|\.\d)")
REASONING: Final = re.compile(
    r"invalid.{0,40}signature|signature.{0,40}invalid|bound to a different conversation|"
    r"thinking.{0,80}cannot be modified",
    re.IGNORECASE | re.DOTALL,
)
"""How a provider refuses what a model of its own has thought before.

Anthropic binds thinking to the very conversation that it was thought in, as it was written then; what was translated
there and back may differ in ways that mean nothing but to that check.
"""
CONTEXT_CODE = "context_length_exceeded"


def translated_error(source: Dialect, target: Dialect, status: int, body: bytes, turn_id: str) -> WireError:
    """The error for a client of ``source``; the provider's own words stay in the message.

    A prompt that is too long is said in the words by which agents know to compact.
    """
    try:
        payload = details(orjson.loads(body))
    except orjson.JSONDecodeError:
        payload = {}
    error = reported_error(target, payload)
    text = error.message if error else body[:300].decode("utf-8", "replace").strip()
    message = text or f"the provider answered with status {status} and said nothing"
    # Some servers say it with a 500, which agents would only ask again after.
    if status in (400, 413, 422, 500) and OVERFLOW.search(f"{error.kind if error else ''} {message}"):
        message = told_too_long(source, message)
        return final_error(source, Meaning.BAD_REQUEST, message, turn_id=turn_id, code=CONTEXT_CODE)
    return final_error(source, _MEANINGS.get(status, Meaning.BAD_REQUEST), message, turn_id=turn_id)


def told_too_long(source: Dialect, message: str) -> str:
    """``message``, which says that a prompt is too long, so that agents of ``source`` compact.

    Those of the OpenAI dialects go by :data:`CONTEXT_CODE`, Claude Code by these words.
    """
    if source is not Dialect.MESSAGES:
        return message
    numbers = sorted({int(number) for number in _NUMBERS.findall(message)}, reverse=True)
    if len(numbers) < 2:
        return f"prompt is too long ({message})"
    return f"prompt is too long: {numbers[0]} tokens > {numbers[1]} maximum ({message})"

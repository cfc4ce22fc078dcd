"""Errors as each dialect's clients understand them: a status, headers and a body.

The status decides how often a client tries again, and the clients differ: one 503 costs thirty requests of Codex, a
400 makes Claude Code try weaker variants of the same request, OpenCode stops on 402 but never on 429. The table is in
docs/errors.md; in-band errors, after the answer has begun, are in :mod:`tierrouter_core.wire.in_band`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.retry_after import parse_retry_after as parse_retry_after

LONGEST_RETRY_AFTER_S = 60
"""Claude Code gives up at once where it would have to wait longer."""
DEFAULT_RETRY_AFTER_S = 5
_DRAINING_RETRY_AFTER_S = 1


class Meaning(StrEnum):
    """What an error means for the client, whatever its status."""

    WAIT = "wait"
    """All tiers are throttled or overloaded; recovery is expected."""
    FINAL = "final"
    """Billing, credentials or a budget: trying again does not help."""
    NOT_SERVABLE = "not_servable"
    """No tier can or may serve this turn."""
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    """The request did not come in time."""
    UNSUPPORTED_MEDIA = "unsupported_media"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    DRAINING = "draining"
    """This process is stopping; another will be there in a second."""
    INTERNAL = "internal"
    """A defect of ours."""
    NO_CONFIGURATION = "no_configuration"
    """No document is loaded yet."""


@dataclass(frozen=True, slots=True)
class WireError:
    """An error ready to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Form:
    status: int
    type: str
    code: str | None = None
    waits: bool = False
    """Whether ``retry-after`` is sent; otherwise ``x-should-retry: false`` is, which the SDKs and Claude Code heed."""


_MESSAGES = {
    Meaning.WAIT: _Form(429, "rate_limit_error", waits=True),
    Meaning.FINAL: _Form(402, "billing_error"),
    # Not 400: Claude Code would try up to six variants.
    Meaning.NOT_SERVABLE: _Form(403, "permission_error"),
    Meaning.BAD_REQUEST: _Form(400, "invalid_request_error"),
    Meaning.NOT_FOUND: _Form(404, "not_found_error"),
    Meaning.TOO_LARGE: _Form(413, "request_too_large"),
    Meaning.TOO_SLOW: _Form(408, "timeout_error"),
    Meaning.UNSUPPORTED_MEDIA: _Form(415, "invalid_request_error"),
    Meaning.FORBIDDEN: _Form(403, "permission_error"),
    Meaning.UNAUTHENTICATED: _Form(401, "authentication_error"),
    Meaning.DRAINING: _Form(503, "overloaded_error", waits=True),
    Meaning.INTERNAL: _Form(500, "api_error"),
    Meaning.NO_CONFIGURATION: _Form(503, "overloaded_error", waits=True),
}

_CHAT = {
    Meaning.WAIT: _Form(429, "rate_limit_error", "rate_limit_exceeded", waits=True),
    # Not 429: OpenCode would never stop.
    Meaning.FINAL: _Form(402, "insufficient_quota", "insufficient_quota"),
    Meaning.NOT_SERVABLE: _Form(400, "invalid_request_error", "not_servable"),
    Meaning.BAD_REQUEST: _Form(400, "invalid_request_error"),
    Meaning.NOT_FOUND: _Form(404, "invalid_request_error", "not_found"),
    Meaning.TOO_LARGE: _Form(413, "invalid_request_error", "request_too_large"),
    Meaning.TOO_SLOW: _Form(408, "invalid_request_error", "request_timeout"),
    Meaning.UNSUPPORTED_MEDIA: _Form(415, "invalid_request_error", "unsupported_media_type"),
    Meaning.FORBIDDEN: _Form(403, "permission_error", "forbidden"),
    Meaning.UNAUTHENTICATED: _Form(401, "authentication_error", "invalid_api_key"),
    Meaning.DRAINING: _Form(503, "server_error", "draining", waits=True),
    Meaning.INTERNAL: _Form(500, "server_error", "internal_error"),
    Meaning.NO_CONFIGURATION: _Form(503, "server_error", "no_configuration", waits=True),
}

_RESPONSES = _CHAT | {
    # Codex stops on a 429 without retry-after, but asks six times after a 402.
    Meaning.FINAL: _Form(429, "insufficient_quota", "insufficient_quota"),
    # Codex asks six times after a 413, each time with the whole body.
    Meaning.TOO_LARGE: _Form(400, "invalid_request_error", "request_too_large"),
    # Any 5xx makes Codex ask thirty times without a pause; 429 with retry-after six times, paced.
    Meaning.DRAINING: _Form(429, "rate_limit_error", "draining", waits=True),
    Meaning.NO_CONFIGURATION: _Form(429, "rate_limit_error", "no_configuration", waits=True),
    # And 400 once.
    Meaning.INTERNAL: _Form(400, "server_error", "internal_error"),
}

_FORMS = {Dialect.MESSAGES: _MESSAGES, Dialect.CHAT: _CHAT, Dialect.RESPONSES: _RESPONSES}


def final_error(
    dialect: Dialect,
    meaning: Meaning,
    message: str,
    *,
    turn_id: str = "",
    retry_after_s: int | None = None,
    code: str | None = None,
) -> WireError:
    """The error that ends a turn whose answer has not begun.

    ``message`` is for the person at the agent. ``code`` is a finer code of the OpenAI dialects, such as
    ``context_length_exceeded``; Messages carries it as ``details.error_code``. ``retry_after_s`` counts only where the
    meaning is to come back later; it is cut to 1-60.
    """
    form = _FORMS[dialect][meaning]
    headers = [("content-type", "application/json")]
    if form.waits:
        default = _DRAINING_RETRY_AFTER_S if meaning is Meaning.DRAINING else DEFAULT_RETRY_AFTER_S
        wait_s = default if retry_after_s is None else retry_after_s
        headers.append(("retry-after", str(min(max(wait_s, 1), LONGEST_RETRY_AFTER_S))))
    else:
        headers.append(("x-should-retry", "false"))
    if dialect is not Dialect.MESSAGES:
        if turn_id:
            headers.append(("x-request-id", turn_id))
        error: dict[str, Any] = {"message": message, "type": form.type, "param": None, "code": code or form.code}
        return WireError(form.status, tuple(headers), orjson.dumps({"error": error}))
    request_id = f"req_{turn_id.removeprefix('req_')}" if turn_id else None
    if request_id:
        headers.append(("request-id", request_id))
    error = {"type": form.type, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return WireError(
        form.status, tuple(headers), orjson.dumps({"type": "error", "error": error, "request_id": request_id})
    )

"""From a provider's answer to what happened."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tierrouter_core.failover.failure import TREATMENTS, Failure, FailureKind, Said
from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details
from tierrouter_core.wire.reported_error import MALFORMED_KIND, ReportedError, reported_error
from tierrouter_core.wire.retry_after import parse_retry_after
from tierrouter_core.wire.translated_error import OVERFLOW, REASONING

_BY_STATUS: Final[Mapping[int, FailureKind]] = {
    401: FailureKind.CREDENTIAL,
    402: FailureKind.QUOTA,
    403: FailureKind.CREDENTIAL,
    404: FailureKind.NO_MODEL,
    408: FailureKind.BUSY,
    409: FailureKind.BUSY,
    413: FailureKind.TOO_LARGE,
    429: FailureKind.THROTTLED,
    503: FailureKind.OVERLOADED,
    529: FailureKind.OVERLOADED,
}

_BY_WORD: Final[tuple[tuple[str, FailureKind], ...]] = (
    # In this order: the first that is found in an error's code or type.
    ("rate_limit", FailureKind.THROTTLED),
    ("overloaded", FailureKind.OVERLOADED),
    ("context_length", FailureKind.CONTEXT_LENGTH),
    ("exceed_context", FailureKind.CONTEXT_LENGTH),
    ("content_filter", FailureKind.FILTERED),
    ("content_policy", FailureKind.FILTERED),
    ("moderation", FailureKind.FILTERED),
    ("invalid_prompt", FailureKind.FILTERED),
    ("model_not_found", FailureKind.NO_MODEL),
    ("authentication", FailureKind.CREDENTIAL),
    ("invalid_api_key", FailureKind.CREDENTIAL),
    ("permission", FailureKind.CREDENTIAL),
    ("request_too_large", FailureKind.TOO_LARGE),
    ("not_found", FailureKind.NO_MODEL),
    ("invalid_request", FailureKind.REJECTED),
    ("unavailable", FailureKind.OVERLOADED),
    ("timeout", FailureKind.BUSY),
)

_QUOTA_CODE = re.compile(r"insufficient_quota|current_quota|billing|spend|usage_limit", re.IGNORECASE)
_CAP = r"\b(?:spend|spending|usage|monthly|billing|billing hard) (?:limit|cap)s?\b"
_MET = r"\b(?:reach|exceed|hit)"
_QUOTA = re.compile(
    # Whole phrases: a tool may be named billing_lookup, and a throttled client is told where its billing page is.
    r"insufficient[ _](?:quota|credits|balance|funds)\b|credit balance is|exceeded your current quota|"
    rf"{_MET}[^.]{{0,60}}{_CAP}|{_CAP}[^.]{{0,30}}{_MET}",
    re.IGNORECASE,
)
_ANOTHER_THING = re.compile(
    r"\b(?:item|response|file|container|conversation)\b(?:(?!\bmodel\b).){0,80}\bnot found", re.IGNORECASE
)
_FILTERED = re.compile(
    r"content[_ ]?(?:filter|policy|management)|moderation|flagged|safety system|responsible ?ai", re.IGNORECASE
)
_PREFILL = re.compile(
    r"prefill|(?:final|last) message.{0,80}(?:assistant|user)|must end with a user|"
    r"(?:cannot|can't|not) (?:continue|end with) (?:an? |the )?(?:final )?assistant|add_generation_prompt",
    re.IGNORECASE | re.DOTALL,
)
MOST_WORDS: Final = 4096
"""Characters of a provider's own words that are kept."""
_MOST_READ_BYTES = 4096


def failure_of_answer(
    provider: str,
    dialect: Dialect,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    *,
    secret: str = "",
    shown_headers: tuple[tuple[str, str], ...] = (),
) -> Failure:
    """What an answer with a status other than 200 means.

    Args:
        provider: its name, for the message.
        dialect: that the call was made in.
        headers: as the provider sent them.
        body: without the key.
        now_s: the epoch's seconds.
        secret: where the key comes from, for who has to mend it.
        shown_headers: those that a client may see.
    """
    payload = _payload_of(body)
    error = reported_error(dialect, payload)
    facts = details(payload.get("error")) or payload
    text = error.message if error is not None else body[:_MOST_READ_BYTES].decode("utf-8", "replace").strip()
    wait_s = parse_retry_after(headers, now_s, text=text)
    said = Said(status=status, dialect=dialect, headers=shown_headers, body=body)
    codes = f"{facts.get('code')} {facts.get('type')}"
    kind = _kind(status, codes, body[:_MOST_READ_BYTES].decode("utf-8", "replace"), wait_s)
    if kind is FailureKind.NO_MODEL and payload and _lacks_another_thing(facts.get("param"), text):
        kind = FailureKind.REJECTED
    if 300 <= status < 400:
        message = f"{provider} answered with a redirect ({status}), which is never followed"
        return Failure(kind=FailureKind.REDIRECT, message=message, status=status)
    message = f"{provider} answered {status}"
    if kind is FailureKind.CREDENTIAL:
        # Such bodies quote parts of the key, and the key is not the client's.
        message = f"{provider} rejected the router's credential ({status}); check {secret or 'its configuration'}"
        return Failure(kind=kind, message=message, status=status, words=text[:MOST_WORDS])
    if text and _is_about_the_turn(kind):
        message = f"{message}: {text[:200]}"
    return Failure(kind=kind, message=message, status=status, wait_s=wait_s, said=said, words=text[:MOST_WORDS])


def failure_of_error(provider: str, error: ReportedError) -> Failure:
    """What an error means that came inside an answer of status 200, before anything of the answer itself."""
    text = f"{error.kind} {error.message}"
    wait_s = parse_retry_after({}, 0.0, text=error.message)
    if error.kind == MALFORMED_KIND:
        return Failure(kind=FailureKind.MALFORMED, message=f"{provider}: {error.message}", status=200)
    if error.kind.isdecimal() and int(error.kind) >= 300:
        kind = _kind(int(error.kind), error.kind, text, wait_s)
    elif _is_quota(error.kind, text):
        kind = _quota(text, wait_s)
    elif OVERFLOW.search(text):
        kind = FailureKind.CONTEXT_LENGTH
    else:
        kind = next((kind for word, kind in _BY_WORD if word in error.kind), FailureKind.SERVER_ERROR)
    if kind is FailureKind.NO_MODEL and _lacks_another_thing(None, text):
        kind = FailureKind.REJECTED
    what = f" ({error.kind[:40]})" if error.kind else ""
    message = f"{provider} reported an error{what}"
    if _is_about_the_turn(kind):
        message = f"{message}: {error.message[:200]}"
    return Failure(kind=kind, message=message, status=200, wait_s=wait_s, words=error.message[:MOST_WORDS])


def _is_about_the_turn(kind: FailureKind) -> bool:
    """Whether the provider's own words help. Those of a server that fails may hold anything."""
    return TREATMENTS[kind].shown is None or kind in (FailureKind.QUOTA, FailureKind.NO_MODEL)


def _is_quota(codes: str, text: str) -> bool:
    return _QUOTA_CODE.search(codes) is not None or _QUOTA.search(text) is not None


def _quota(text: str, wait_s: float | None) -> FailureKind:
    """Of a limit on what is paid for: who names a time to wait, as OpenRouter does, means one like others."""
    return FailureKind.THROTTLED if wait_s and "insufficient_quota" not in text else FailureKind.QUOTA


def _kind(status: int, codes: str, text: str, wait_s: float | None) -> FailureKind:
    if status in (400, 402, 403, 429) and _is_quota(codes, text):
        return _quota(text, wait_s if status in (402, 429) else None)
    if status == 402 and wait_s is not None:
        return FailureKind.THROTTLED
    if status in (400, 403, 422, 451) and _FILTERED.search(text):
        return FailureKind.FILTERED
    if status in (400, 413, 422, 500) and OVERFLOW.search(text):
        return FailureKind.CONTEXT_LENGTH
    if status in (400, 422):
        if REASONING.search(text):
            return FailureKind.REASONING
        if _PREFILL.search(text):
            return FailureKind.PREFILL
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return FailureKind.REJECTED if 400 <= status < 500 else FailureKind.SERVER_ERROR


def _lacks_another_thing(param: object, text: str) -> bool:
    """Of a 404: whether it is not the model that isn't there, but what the turn refers to."""
    return param not in (None, "", "model") or _ANOTHER_THING.search(text) is not None


def _payload_of(body: bytes) -> Mapping[str, Any]:
    try:
        return details(orjson.loads(body))
    except orjson.JSONDecodeError:
        return {}

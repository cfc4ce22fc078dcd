"""Which headers cross the router, as data: towards a provider, and back to the client.

Only what a table names is let through. Headers are an open set, and an unknown one may hold a key.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Literal
from urllib.parse import urlsplit

from tierrouter_core.names import HEADER_PREFIX, Dialect

Target = Literal["anthropic", "openai", "openrouter", "other"]
"""Whose host a provider's address is on."""
_Kind = Literal["forwarded", "rate_limit", "idempotency", "client", "hops", "dropped"]
"""What becomes of a header; ``client`` names the client's program, ``hops`` the headers that are for this hop only."""

DEFAULT_ANTHROPIC_VERSION = "2023-06-01"
"""What OpenRouter's Messages endpoint wants, and what is sent to Anthropic for a client that names no version."""

_TARGET_DOMAINS: Mapping[str, Target] = {
    "anthropic.com": "anthropic",
    "openai.com": "openai",
    "openrouter.ai": "openrouter",
}

_ALL: tuple[Target, ...] = ("anthropic", "openai", "openrouter", "other")
_OPENAI_DIALECTS = (Dialect.CHAT, Dialect.RESPONSES)
_ANY_DIALECT = tuple(Dialect)

REQUEST_HEADERS: tuple[tuple[str, tuple[Target, ...], tuple[Dialect, ...]], ...] = (
    # (name, or prefix ending in "*"; targets that get it; dialects in which they get it). The first match decides.
    ("accept", _ALL, _ANY_DIALECT),
    ("anthropic-version", ("anthropic",), (Dialect.MESSAGES,)),
    # Verbatim: each value is paired with fields of the body, and one half without the other is an error.
    ("anthropic-beta", ("anthropic", "openrouter"), (Dialect.MESSAGES,)),
    ("anthropic-*", ("anthropic",), (Dialect.MESSAGES,)),
    ("x-app", ("anthropic",), (Dialect.MESSAGES,)),
    ("x-claude-*", ("anthropic",), (Dialect.MESSAGES,)),
    # openai-organization and openai-project belong to the client's own account, and are dropped.
    ("openai-beta", ("openai",), _OPENAI_DIALECTS),
    ("originator", ("openai",), _OPENAI_DIALECTS),
    ("session-id", ("openai",), _OPENAI_DIALECTS),
    ("thread-id", ("openai",), _OPENAI_DIALECTS),
    ("x-codex-*", ("openai",), _OPENAI_DIALECTS),
    ("x-openai-subagent", ("openai",), _OPENAI_DIALECTS),
    ("x-client-request-id", ("openai",), _OPENAI_DIALECTS),
    ("x-stainless-*", ("anthropic", "openai"), _ANY_DIALECT),
)

IDEMPOTENCY_HEADER = "idempotency-key"
"""Goes to a first party on a turn's first attempt only: a later one is another request to another model."""

RESPONSE_HEADERS: tuple[str, ...] = (
    "content-type",
    "request-id",
    "x-request-id",
    "x-generation-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-*",
)
RATE_LIMIT_HEADERS: tuple[str, ...] = ("anthropic-ratelimit-*", "x-ratelimit-*")
UPSTREAM_PREFIX = HEADER_PREFIX + "upstream-"
"""Put before the rate-limit headers of a model that the client didn't choose: its limits are not the client's."""

_CREDENTIAL = re.compile(r"auth|api-?key|token|secret|cookie|credential|password|session-key", re.IGNORECASE)
_HOP_BY_HOP = re.compile(
    r"connection|keep-alive|te|trailers?|transfer-encoding|upgrade|proxy-.*|host|content-length|content-encoding|expect"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


# What a header's name means never changes, and an agent sends the same ones with every turn; the bound is there because
# names come from outside.
_remembered = lru_cache(maxsize=2048)


@_remembered
def target_of(base_url: str) -> Target:
    """Whose API ``base_url`` leads to, by its host; ``other`` for everything that isn't known."""
    try:
        host = (urlsplit(base_url).hostname or "").rstrip(".")
    except ValueError:
        return "other"
    matches = (target for domain, target in _TARGET_DOMAINS.items() if host == domain or host.endswith("." + domain))
    return next(matches, "other")


def request_headers(
    dialect: Dialect,
    client_headers: Iterable[tuple[str, str]],
    *,
    provider_key: str | None,
    target: Target,
    version: str,
    first_attempt: bool = True,
) -> list[tuple[str, str]]:
    """Headers of the call to a provider, lower case: what may be forwarded, and the provider's own key.

    Nothing by which the client proved itself is ever among them. ``version`` is the router's own.
    """
    first_party = target in ("anthropic", "openai")
    sent: list[tuple[str, str]] = []
    keys: list[tuple[str, str]] = []
    client = ""
    for name, value, kind in _end_to_end(client_headers, partial(_request_kind, target, dialect)):
        if kind == "forwarded":
            sent.append((name, value))
        elif kind == "idempotency":
            keys.append((name, value))
        else:
            client = client or value
    if first_party and first_attempt:
        sent += keys
    sent += [("content-type", "application/json"), ("accept-encoding", "identity")]
    own = f"tierrouter/{version}"
    sent.append(("user-agent", f"{client} {own}" if client and first_party else own))
    if dialect is Dialect.MESSAGES and not any(name == "anthropic-version" for name, _ in sent):
        # Anthropic refuses a call without it, and whoever imitates Anthropic may too.
        sent.append(("anthropic-version", DEFAULT_ANTHROPIC_VERSION))
    if provider_key is not None:
        by_api_key = dialect is Dialect.MESSAGES and target == "anthropic"
        sent.append(("x-api-key", provider_key) if by_api_key else ("authorization", f"Bearer {provider_key}"))
    return sent


def response_headers(
    headers: Iterable[tuple[str, str]], matches_requested: bool, *, hide_model: bool = False
) -> list[tuple[str, str]]:
    """A provider's headers for the client, lower case.

    ``matches_requested``: the model that served is the one that the client asked for, so that its rate limits mean
    something to the client. ``hide_model``: the body will say the requested model, so no header may say another.
    """
    sent: list[tuple[str, str]] = []
    for name, value, kind in _end_to_end(headers, _response_kind):
        if kind == "rate_limit":
            sent.append((name if matches_requested else UPSTREAM_PREFIX + name, value))
        elif not (hide_model and name.startswith("openai-model")):
            sent.append((name, value))
    return sent


def _end_to_end(headers: Iterable[tuple[str, str]], kind_of: Callable[[str], _Kind]) -> list[tuple[str, str, _Kind]]:
    """Those headers that matter, by lower-case name, with what each is.

    Without ones for this hop only, and without values that would break a header.
    """
    received: list[tuple[str, str, _Kind]] = []
    hops: set[str] = set()
    for name, value in headers:
        name = name.lower()
        kind = kind_of(name)
        if kind == "dropped":
            continue
        if kind == "hops":
            hops.update(hop.strip().lower() for hop in value.split(","))
        # What is printable has no control characters, and nearly all is.
        elif value.isprintable() or not _CONTROL.search(value):
            received.append((name, value, kind))
    return [each for each in received if each[0] not in hops] if hops else received


@_remembered
def _response_kind(name: str) -> _Kind:
    if _HOP_BY_HOP.fullmatch(name):
        return "hops" if name == "connection" else "dropped"
    if _is_any(name, RATE_LIMIT_HEADERS):
        return "rate_limit"
    return "forwarded" if _is_any(name, RESPONSE_HEADERS) else "dropped"


@_remembered
def _request_kind(target: Target, dialect: Dialect, name: str) -> _Kind:
    if _HOP_BY_HOP.fullmatch(name):
        return "hops" if name == "connection" else "dropped"
    if name == IDEMPOTENCY_HEADER:
        return "idempotency"
    if name == "user-agent":
        return "client"
    if _CREDENTIAL.search(name):
        return "dropped"
    for pattern, targets, dialects in REQUEST_HEADERS:
        if _is_any(name, (pattern,)):
            return "forwarded" if target in targets and dialect in dialects else "dropped"
    return "dropped"


def _is_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``patterns``, or begins as one that ends in ``*`` does."""
    return any(name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns)

"""The endpoints of the three dialects, and which headers cross the router on the way to and from providers."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from tierrouter_core.canonical import canonical_json
from tierrouter_core.names import Dialect
from tierrouter_core.value_class import value_class
from tierrouter_core.wire._headers import (
    RATE_LIMIT_HEADERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    UPSTREAM_PREFIX,
    Target,
    request_headers,
    response_headers,
    target_of,
)

__all__ = [
    "RATE_LIMIT_HEADERS",
    "REQUEST_HEADERS",
    "RESPONSE_HEADERS",
    "UPSTREAM_PREFIX",
    "Endpoint",
    "EndpointKind",
    "Target",
    "dialect_of_path",
    "endpoint_for",
    "models_listing",
    "request_headers",
    "response_headers",
    "target_of",
    "turns_endpoint",
    "upstream_query",
]


class EndpointKind(StrEnum):
    """What an endpoint does."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    CHAT = "chat"
    RESPONSES = "responses"
    INPUT_TOKENS = "input_tokens"
    """Counts, as ``COUNT_TOKENS`` does, in the Responses dialect."""
    COMPACT = "compact"
    RESPONSE = "response"
    """GET or DELETE of a response that the provider stored."""
    CANCEL = "cancel"
    MODELS = "models"

    @property
    def generates(self) -> bool:
        """Whether a request to it is a turn."""
        return self in (EndpointKind.MESSAGES, EndpointKind.CHAT, EndpointKind.RESPONSES)

    @property
    def counts(self) -> bool:
        """Whether it counts the tokens of what would be a turn."""
        return self in (EndpointKind.COUNT_TOKENS, EndpointKind.INPUT_TOKENS)

    @property
    def needs_openai(self) -> bool:
        """Whether only OpenAI itself has it."""
        return self in (EndpointKind.COMPACT, EndpointKind.RESPONSE, EndpointKind.CANCEL)


@value_class
class Endpoint:
    """An endpoint that is served."""

    kind: EndpointKind
    dialect: Dialect
    upstream_path: str
    """Relative to a provider's base URL, which has the version in it already: ``/messages``."""


_FIXED: Mapping[str, tuple[str, EndpointKind, Dialect]] = {
    "/messages": ("POST", EndpointKind.MESSAGES, Dialect.MESSAGES),
    "/messages/count_tokens": ("POST", EndpointKind.COUNT_TOKENS, Dialect.MESSAGES),
    "/chat/completions": ("POST", EndpointKind.CHAT, Dialect.CHAT),
    "/responses": ("POST", EndpointKind.RESPONSES, Dialect.RESPONSES),
    "/responses/input_tokens": ("POST", EndpointKind.INPUT_TOKENS, Dialect.RESPONSES),
    "/responses/compact": ("POST", EndpointKind.COMPACT, Dialect.RESPONSES),
    "/models": ("GET", EndpointKind.MODELS, Dialect.CHAT),
}
# An id has no dots, slashes or percent signs, so that it can't lead to another path of the provider.
_STORED_RESPONSE = re.compile(r"/responses/[A-Za-z0-9_-]{1,256}(?P<cancel>/cancel)?")
_VERSION_PREFIX = "/v1"

_QUERY_NAMES: Mapping[tuple[Target, Dialect], frozenset[str]] = {
    ("anthropic", Dialect.MESSAGES): frozenset({"beta"}),
    ("openai", Dialect.RESPONSES): frozenset(
        {"include", "include[]", "stream", "starting_after", "include_obfuscation"}
    ),
}


def endpoint_for(method: str, path: str) -> Endpoint | None:
    """The endpoint at ``path``, with or without ``/v1``; None for anything unknown, which is never forwarded."""
    method = method.upper()
    path = path.partition("?")[0].removeprefix(_VERSION_PREFIX)
    if path in _FIXED:
        allowed, kind, dialect = _FIXED[path]
        return Endpoint(kind, dialect, path) if method == allowed else None
    stored = _STORED_RESPONSE.fullmatch(path)
    if stored is None:
        return None
    if stored["cancel"]:
        return Endpoint(EndpointKind.CANCEL, Dialect.RESPONSES, path) if method == "POST" else None
    return Endpoint(EndpointKind.RESPONSE, Dialect.RESPONSES, path) if method in ("GET", "DELETE") else None


def turns_endpoint(dialect: Dialect) -> Endpoint:
    """The endpoint at which a provider takes turns of a dialect."""
    return next(
        Endpoint(kind, spoken, path)
        for path, (_, kind, spoken) in _FIXED.items()
        if spoken is dialect and kind.generates
    )


def dialect_of_path(path: str, anthropic_version: bool = False) -> Dialect:
    """The dialect that a client on an unknown path most likely reads errors in.

    ``anthropic_version``: the request has a header of that name.
    """
    segments = path.partition("?")[0].lower().split("/")
    if anthropic_version or "messages" in segments or "anthropic" in segments:
        return Dialect.MESSAGES
    return Dialect.RESPONSES if "responses" in segments else Dialect.CHAT


def upstream_query(query: str, dialect: Dialect, target: Target) -> str:
    """The part of a raw query string that a provider gets; empty for most, since a query may hold a key."""
    names = _QUERY_NAMES.get((target, dialect))
    if names is None:
        return ""
    return "&".join(pair for pair in query.split("&") if pair.partition("=")[0].replace("%5B%5D", "[]") in names)


def models_listing(ids: Iterable[str], anthropic: bool) -> bytes:
    """The body of ``GET /models`` in Anthropic's shape or in OpenAI's; no model says when it was made."""
    names = list(ids)
    if not anthropic:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "tierrouter"} for name in names]
        return canonical_json({"object": "list", "data": models})
    entries = [
        {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} for name in names
    ]
    return canonical_json(
        {
            "data": entries,
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }
    )

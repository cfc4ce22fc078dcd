"""A request for the rest of an answer: the conversation with what was said of the answer at its end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, estimated_tokens, items
from tierrouter_core.wire.quirks import Profile
from tierrouter_core.wire.request import Request, cap_keys
from tierrouter_core.wire.resumed import prefill_of

_LEAST_CAP = 16
"""Tokens; OpenAI takes no less."""


def is_begun(request: Request) -> bool:
    """Whether the conversation ends in an answer that the model is to go on with."""
    messages = items(request.parsed.get(_list_key(request.dialect)))
    return bool(messages) and details(messages[-1]).get("role") == "assistant"


def may_be_begun(request: Request) -> bool:
    """Whether another model could go on with the answer to ``request``.

    Not with one of a form that is held to from its first word, nor with several at once, nor with one that the client
    has begun itself.
    """
    body = request.parsed
    if not request.stream or is_begun(request):
        return False
    if request.dialect is Dialect.MESSAGES:
        return not (body.get("output_format") or details(body.get("output_config")).get("format"))
    if request.dialect is Dialect.CHAT:
        free = details(body.get("response_format")).get("type") in (None, "text")
        return free and body.get("n") in (None, 1) and not body.get("logprobs") and not body.get("audio")
    form = details(details(body.get("text")).get("format")).get("type")
    return form in (None, "text") and not body.get("background")


def begun(request: Request, said: str) -> Request:
    """``request`` with ``said`` as the beginning of its answer, and what that leaves of the output cap."""
    body = dict(request.parsed)
    key, text = _list_key(request.dialect), prefill_of(said)
    spent = estimated_tokens(len(text.encode("utf-8", "replace")))
    for cap in cap_keys(request.dialect):
        given = body.get(cap)
        if isinstance(given, int | float):
            body[cap] = max(_LEAST_CAP, int(given) - spent)
    content: Any = text
    if request.dialect is Dialect.RESPONSES:
        content = [{"type": "output_text", "text": text}]
        if isinstance(body.get(key), str):
            body[key] = [{"role": "user", "content": body[key]}]
    if request.dialect is Dialect.MESSAGES:
        # Its models do not think in the midst of an answer, and say so with a 400.
        body.pop("thinking", None)
    body[key] = [*items(body.get(key)), {"role": "assistant", "content": content}]
    cap_now = next((int(body[cap]) for cap in cap_keys(request.dialect) if isinstance(body.get(cap), int)), None)
    return replace(request, parsed=body, body=orjson.dumps(body), max_output=cap_now)


def marked(body: bytes, profile: Profile) -> bytes:
    """A Chat request whose last message is the beginning of the answer, with what the server wants to be told of it."""
    if not (profile.prefill_mark or profile.prefill_members):
        return body
    parsed: dict[str, Any] = orjson.loads(body)
    messages = items(parsed.get("messages"))
    last: Mapping[str, Any] = details(messages[-1]) if messages else {}
    if last.get("role") != "assistant":
        return body
    if profile.prefill_mark:
        parsed["messages"] = [*messages[:-1], {**last, profile.prefill_mark: True}]
    return orjson.dumps({**parsed, **(profile.prefill_members or {})})


def _list_key(dialect: Dialect) -> str:
    return "input" if dialect is Dialect.RESPONSES else "messages"

"""Reads just enough of a client's request to route it.

Fields, roles and block types are open sets: what isn't known here is the provider's business, and nothing that a
provider may accept is refused.
"""

from typing import Any

import orjson

from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire._content import Media, media_of
from tierrouter_core.wire.turn_kind import turn_kind

_CAP_KEYS: dict[Dialect, tuple[str, ...]] = {
    Dialect.MESSAGES: ("max_tokens",),
    Dialect.CHAT: ("max_completion_tokens", "max_tokens"),
    Dialect.RESPONSES: ("max_output_tokens",),
}
_INPUT_ELSEWHERE = ("prompt", "previous_response_id", "conversation")
"""With one of these a Responses request needs no ``input``."""


@keyword_value_class
class Request:
    """A client's request: its bytes, and what routing needs to know of them. ``parsed`` is never to be changed."""

    dialect: Dialect
    body: bytes
    parsed: dict[str, Any]
    model: str
    """As the client wrote it; may be an alias such as ``tier/deep``."""
    stream: bool
    max_output: int | None
    """The client's own output cap in tokens, which may be 0; None if it names none."""
    has_tools: bool
    media: Media
    wants_usage: bool | None
    """Chat's ``stream_options.include_usage``; None where it isn't set."""
    kind: TurnKind
    """By structure: ``USER``, ``TOOL_LOOP``, ``AUTOMATIC`` or ``CONTINUATION``."""

    @property
    def has_images(self) -> bool:
        """Whether any picture is in the conversation."""
        return self.media.images > 0

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)


def cap_keys(dialect: Dialect) -> tuple[str, ...]:
    """The keys that cap a dialect's output, the one that counts first."""
    return _CAP_KEYS[dialect]


def read_request(dialect: Dialect, body: bytes) -> Request:
    """The request in ``body``; MalformedRequestError, with a message for the client, if it can't be routed."""
    parsed = _parse(body)
    _check_conversation(dialect, parsed)
    return Request(
        dialect=dialect,
        body=body,
        parsed=parsed,
        model=_model(parsed),
        stream=_stream(parsed),
        max_output=_max_output(dialect, parsed),
        has_tools=_has_tools(dialect, parsed),
        media=media_of(dialect, parsed),
        wants_usage=_wants_usage(dialect, parsed),
        kind=turn_kind(dialect, parsed),
    )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(_why_not_json(body, error)) from None
    if not isinstance(parsed, dict):
        raise MalformedRequestError(f"The request body must be a JSON object, but it is {_name(parsed)}.")
    return parsed


def _why_not_json(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "The request body is empty: send a JSON object."
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        return f"The request body is not UTF-8: byte 0x{body[bad.start]:02x} at offset {bad.start} is no part of it."
    where = f"line {error.lineno}, column {error.colno} (character {error.pos})"
    return f"The request body is not valid JSON at {where}: {error.msg}."


def _model(parsed: dict[str, Any]) -> str:
    model = parsed.get("model")
    if model is None:
        raise MalformedRequestError("`model` is missing: name a model, or `auto` to have one chosen.")
    if not isinstance(model, str):
        raise MalformedRequestError(f"`model` must be a string, but it is {_name(model)}.")
    if not model.strip():
        raise MalformedRequestError("`model` is empty: name a model, or `auto` to have one chosen.")
    return model


def _check_conversation(dialect: Dialect, parsed: dict[str, Any]) -> None:
    if dialect is not Dialect.RESPONSES:
        key, allowed = "messages", "an array"
        ok = isinstance(parsed.get(key), list)
    else:
        key, allowed = "input", "a string or an array"
        value = parsed.get(key)
        elsewhere = value is None and any(parsed.get(other) is not None for other in _INPUT_ELSEWHERE)
        ok = elsewhere or isinstance(value, str | list)
    if ok:
        return
    if parsed.get(key) is None:
        raise MalformedRequestError(f"`{key}` is missing: it must be {allowed}.")
    raise MalformedRequestError(f"`{key}` must be {allowed}, but it is {_name(parsed[key])}.")


def _stream(parsed: dict[str, Any]) -> bool:
    stream = parsed.get("stream")
    if stream is None or isinstance(stream, bool):
        return bool(stream)
    raise MalformedRequestError(f"`stream` must be true or false, but it is {_name(stream)}.")


def _max_output(dialect: Dialect, parsed: dict[str, Any]) -> int | None:
    caps = [_cap(parsed[key], key) for key in _CAP_KEYS[dialect] if parsed.get(key) is not None]
    return caps[0] if caps else None


def _cap(value: Any, key: str) -> int:
    """An output cap; ``0`` is allowed (it warms Anthropic's cache), and so is ``1024.0``, as some servers do."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedRequestError(f"`{key}` must be a whole number of tokens, but it is {_name(value)}.")
    if value < 0 or value != int(value) or value >= 2**53:
        raise MalformedRequestError(f"`{key}` must be a whole number of tokens from 0 up, but it is {value}.")
    return int(value)


def _has_tools(dialect: Dialect, parsed: dict[str, Any]) -> bool:
    if parsed.get("tools") or (dialect is Dialect.CHAT and parsed.get("functions")):
        return True
    items = parsed.get("input") if dialect is Dialect.RESPONSES else None
    if not isinstance(items, list):
        return False
    # Codex may put all of its tools into the conversation and none at the top.
    return any(isinstance(item, dict) and item.get("type") == "additional_tools" for item in items)


def _wants_usage(dialect: Dialect, parsed: dict[str, Any]) -> bool | None:
    options = parsed.get("stream_options") if dialect is Dialect.CHAT else None
    wanted = options.get("include_usage") if isinstance(options, dict) else None
    return wanted if isinstance(wanted, bool) else None


def _name(value: Any) -> str:
    """What a JSON value is, for people."""
    if value is None:
        return "null"
    names = ((bool, "a boolean"), (str, "a string"), (int | float, "a number"), (list, "an array"))
    return next((name for kind, name in names if isinstance(value, kind)), "an object")

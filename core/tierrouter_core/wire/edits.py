"""The few edits that a request may get on its way to a provider of the same dialect.

Each is a splice of one top-level key, and is named so that it can be counted. A request that needs none goes out byte
for byte as it came.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.claude import DISABLED, adapted_thinking, lowered_budget, unpaired_betas
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.json_members import set_member
from tierrouter_core.wire.json_splice import set_top_level
from tierrouter_core.wire.messages.system_messages import without_system_messages
from tierrouter_core.wire.request import Request, cap_keys
from tierrouter_core.wire.sealed import PREFIX, is_sealed

MODEL = "model"
MAX_TOKENS = "max_tokens"
THINKING = "thinking"
STREAM_OPTIONS = "stream_options"
REQUEST_DEFAULTS = "request_defaults"
SYSTEM_MESSAGES = "system_messages"
SEALED_REASONING = "sealed_reasoning"
EDITS: tuple[str, ...] = (
    MODEL,
    MAX_TOKENS,
    THINKING,
    SYSTEM_MESSAGES,
    STREAM_OPTIONS,
    SEALED_REASONING,
    REQUEST_DEFAULTS,
)
"""The names of a body's edits, in the order in which they are made."""
BETAS = "betas"
"""The edit of a header that goes with one of the body."""

_SEAL = PREFIX.encode()
_SYSTEM_ROLE = re.compile(rb'"role"\s*:\s*"system"')
_NEVER_DEFAULTED = frozenset({"model", "stream"})
"""The client decides these even by leaving them out."""


@keyword_value_class
class EditPlan:
    """What the chosen tier wants of a request. Caps are output tokens."""

    model_id: str
    cap: int | None = None
    """The model's hard maximum; always lowers the client's own cap."""
    tier_max_tokens: int
    """The cap where the client names none and the dialect needs one."""
    clamp: bool = False
    """``tier_max_tokens`` lowers the client's own cap too."""
    request_defaults: Mapping[str, Any] = field(default_factory=dict)
    inject_usage: bool = False
    """The provider reports usage of Chat streams only when asked."""
    folds_system: bool = False
    """The model refuses instructions inside ``messages``."""


@value_class
class Edited:
    """A request's new body, and how it came about."""

    body: bytes
    edits: tuple[str, ...]
    """Names out of :data:`EDITS`; empty if the body is the client's own."""
    swallow_usage: bool
    """The client didn't ask for the usage event that is going to come: keep it from the client."""
    unpaired_betas: tuple[str, ...] = ()
    """Beginnings of ``anthropic-beta`` values that must not go with this body any more."""


def edit_request(request: Request, plan: EditPlan) -> Edited:
    """``request`` as the tier of ``plan`` gets it."""
    values: dict[str, bytes] = {}
    edits: list[str] = []

    def apply(name: str, changes: Mapping[str, bytes]) -> None:
        if changes:
            values.update(changes)
            edits.append(name)

    caps = _caps(request, plan)
    usage = _stream_options(request, plan)
    apply(MODEL, _model(request, plan.model_id))
    apply(MAX_TOKENS, {key: b"%d" % cap for key, cap in caps.items()})
    thinking = _thinking(request, plan.model_id, caps.get("max_tokens"))
    apply(THINKING, thinking)
    messages = _without_system(request) if plan.folds_system else None
    apply(SYSTEM_MESSAGES, {} if messages is None else {"messages": orjson.dumps(messages)})
    apply(STREAM_OPTIONS, usage)
    apply(SEALED_REASONING, _without_seals(request, messages))
    apply(REQUEST_DEFAULTS, _defaults(request, plan, values))
    body = set_top_level(request.body, values, there=request.parsed) if values else request.body
    betas = unpaired_betas(plan.model_id, thinking)
    return Edited(body, tuple(edits), swallow_usage=bool(usage), unpaired_betas=betas)


def with_model(request: Request, model_id: str) -> bytes:
    """The body with its model replaced and what that needs, for calls that generate nothing (``count_tokens``)."""
    values = {**_model(request, model_id), **_thinking(request, model_id, None)}
    return set_top_level(request.body, values, there=request.parsed) if values else request.body


def _model(request: Request, model_id: str) -> dict[str, bytes]:
    return {} if request.model == model_id else {"model": orjson.dumps(model_id)}


def _caps(request: Request, plan: EditPlan) -> dict[str, int]:
    """The output caps to write: the client's own that are too high, or the one that Messages can't do without."""
    cap = plan.tier_max_tokens if plan.cap is None else min(plan.cap, plan.tier_max_tokens)
    ceiling = cap if plan.clamp else plan.cap
    named = {key: request.parsed[key] for key in cap_keys(request.dialect) if request.parsed.get(key) is not None}
    if not named and request.dialect is Dialect.MESSAGES:
        return {"max_tokens": cap}
    return {key: ceiling for key, value in named.items() if ceiling is not None and value > ceiling}


def _thinking(request: Request, model_id: str, new_cap: int | None) -> dict[str, bytes]:
    """Thinking and effort as another model takes them, and within the cap that was written, if one was."""
    adapted: dict[str, bytes] = {}
    if request.model != model_id:
        adapted = adapted_thinking(request, model_id, request.max_output if new_cap is None else new_cap)
    return adapted if "thinking" in adapted else {**_budget(request, new_cap), **adapted}


def _budget(request: Request, cap: int | None) -> dict[str, bytes]:
    """A thinking budget that fits below the cap that was written, or no thinking at all."""
    thinking = request.parsed.get("thinking")
    if request.dialect is not Dialect.MESSAGES or cap is None or not isinstance(thinking, dict):
        return {}
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int | float) or budget < cap:
        return {}
    lowered = lowered_budget(budget, cap)
    if lowered is None:
        return {"thinking": DISABLED}
    return {"thinking": set_member(request.body, "thinking", "budget_tokens", b"%d" % lowered)}


def _stream_options(request: Request, plan: EditPlan) -> dict[str, bytes]:
    """``stream_options`` that ask for usage, where it is wanted and the client doesn't."""
    if request.dialect is not Dialect.CHAT or not (request.stream and plan.inject_usage) or request.wants_usage:
        return {}
    options = request.parsed.get("stream_options")
    if options is None:
        return {"stream_options": b'{"include_usage":true}'}
    if not isinstance(options, dict):  # the provider's to refuse, in its own words
        return {}
    return {"stream_options": set_member(request.body, "stream_options", "include_usage", b"true")}


def _without_system(request: Request) -> list[Any] | None:
    """The messages where instructions among them have been moved into the user's."""
    if request.dialect is not Dialect.MESSAGES or _SYSTEM_ROLE.search(request.body) is None:
        return None
    return without_system_messages(request.parsed["messages"])


def _without_seals(request: Request, messages: list[Any] | None) -> dict[str, bytes]:
    """The conversation less what models of other dialects thought: their seals mean nothing to this provider.

    Always all of it, so that what the provider sees of a conversation stays the same from turn to turn. ``messages``
    are the conversation's where they are no longer the client's.
    """
    if not request.media.reasoning or request.dialect is Dialect.CHAT or _SEAL not in request.body:
        return {}
    if request.dialect is Dialect.RESPONSES:
        given = request.parsed.get("input")
        kept = [item for item in items(given) if not is_sealed(str(details(item).get("encrypted_content")))]
        return {"input": orjson.dumps(kept)} if len(kept) != len(items(given)) else {}
    kept_messages, changed = [], False
    for message in request.parsed["messages"] if messages is None else messages:
        blocks = items(details(message).get("content"))
        bare = [block for block in blocks if not is_sealed(str(details(block).get("signature")))]
        if len(bare) != len(blocks):
            changed = True
            if not bare:
                continue
            message = {**message, "content": bare}
        kept_messages.append(message)
    return {"messages": orjson.dumps(kept_messages)} if changed else {}


def _defaults(request: Request, plan: EditPlan, set_already: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        key: orjson.dumps(value)
        for key, value in plan.request_defaults.items()
        if key not in request.parsed and key not in set_already and key not in _NEVER_DEFAULTED
    }

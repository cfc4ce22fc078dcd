"""What all renderers share: what a target is asked for, arguments, and the checks that no dialect does alike."""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import orjson

from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire.counts import details
from tierrouter_core.wire.model import (
    Call,
    Choice,
    Document,
    Image,
    Part,
    Prompt,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
    ToolKind,
    Untranslatable,
)
from tierrouter_core.wire.plain_schema import plain_schema
from tierrouter_core.wire.quirks import Profile
from tierrouter_core.wire.sealed import Sealed, unseal
from tierrouter_core.wire.tool_names import Named, check_pairs, flat_name, names_back

CUSTOM_SCHEMA = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
ERROR_PREFIX = "[tool error]\n"


@keyword_value_class
class Wanted:
    """What the chosen tier makes of a request."""

    model_id: str
    profile: Profile
    cap: int | None = None
    """The most output tokens that may be asked for."""
    default_cap: int = 4096
    """Where the client names no cap and the dialect needs one."""
    request_defaults: Mapping[str, Any] = field(default_factory=dict)
    include_usage: bool = True
    hosted: str = "Strip"
    """What becomes of tools that only another vendor runs, where they are merely declared: they are left out
    (``Strip``), another tier is tried (``Route``), or the turn is refused (``Reject``)."""
    cache_key: str = ""
    """What turns of one conversation have in common, for a cache that is found by it."""
    seal_key: bytes = b""
    replays_reasoning: bool = True
    """The model is shown again what it thought before; its vendor has refused that for this conversation otherwise."""


@keyword_value_class
class Rendered:
    """A request in the target's dialect, and what its answer's way back needs."""

    body: dict[str, Any]
    names: Mapping[str, Named]
    stop: tuple[str, ...] = ()
    """Stop sequences that the target can't be told: we watch for them."""


def prepare(prompt: Prompt, wanted: Wanted, *, keeps_custom: bool) -> dict[str, Named]:
    """Refuse what the model can't do, whatever the dialect; the tools whose names change, by the provider's name."""
    check_pairs(prompt)
    profile, choice = wanted.profile, prompt.choice
    _hosted(prompt, wanted)
    if (prompt.tools or _has_calls(prompt)) and not profile.tools:
        raise Untranslatable("tools", "the model takes no tools")
    if choice is not None and choice.mode in (Choice.ANY, Choice.TOOL) and not profile.forced_choice:
        raise Untranslatable("tool_choice", "the model can't be made to call a tool")
    if choice is not None and choice.among is not None:
        prompt.tools = [tool for tool in prompt.tools if tool.name in choice.among]
    if prompt.format is not None and prompt.format.schema is not None and not profile.structured:
        raise Untranslatable("format", "the model can't be held to a JSON Schema")
    if not profile.prefill and prompt.messages and prompt.messages[-1].role is Role.ASSISTANT:
        raise Untranslatable(f"messages.{len(prompt.messages) - 1}", "the model doesn't continue an assistant message")
    for message in prompt.messages:
        for part in message.parts:
            check_media(part, profile)
    return names_back(prompt.tools, keeps_custom=keeps_custom)


def check_media(part: Part, profile: Profile) -> None:
    """Raises Untranslatable for pictures and documents that the model doesn't take."""
    kind = type(part)
    if kind is Text or kind is Call:
        return
    if isinstance(part, Result):
        for inner in part.parts:
            check_media(inner, profile)
    elif isinstance(part, Image):
        if not profile.images:
            raise Untranslatable(part.at, "the model takes no images")
        if part.url and not profile.image_urls and not part.url.startswith("data:"):
            raise Untranslatable(part.at, "the model's server takes images only as data, not by URL")
    elif isinstance(part, Document) and not profile.documents:
        raise Untranslatable(part.at, "the model takes no documents")


def _hosted(prompt: Prompt, wanted: Wanted) -> None:
    for tool in prompt.hosted:
        forced = prompt.choice is not None and prompt.choice.mode is not Choice.NONE and (
            (prompt.choice.mode is Choice.TOOL and not any(t.name == prompt.choice.name for t in prompt.tools))
            or not prompt.tools
        )  # fmt: skip
        needed = forced or not prompt.tools
        if needed or wanted.hosted != "Strip":
            final = not needed and wanted.hosted == "Reject"
            raise Untranslatable(tool.at, f"the tool {tool.type} is one that only its own vendor runs", final=final)
        prompt.lost.add("hosted_tools")


def _has_calls(prompt: Prompt) -> bool:
    return any(isinstance(part, Call) for message in prompt.messages for part in message.parts)


def capped(prompt: Prompt, wanted: Wanted) -> int | None:
    """The output cap to ask for, in tokens."""
    if prompt.max_output is None or wanted.cap is None:
        return prompt.max_output
    return min(prompt.max_output, wanted.cap)


def schema_of(tool: Tool, wanted: Wanted) -> Mapping[str, Any]:
    """A function's parameters; a custom tool's are one string."""
    if tool.kind is ToolKind.CUSTOM:
        return CUSTOM_SCHEMA
    return schema_for(tool.schema, wanted) if tool.schema else NO_PARAMETERS


def schema_for(schema: Mapping[str, Any], wanted: Wanted) -> Mapping[str, Any]:
    """A JSON Schema as the model's server takes it."""
    return plain_schema(schema) if wanted.profile.plain_schemas else schema


def description_of(tool: Tool) -> str:
    """A tool's description, with its grammar where the target has no place for one."""
    if tool.grammar is None:
        return tool.description
    syntax, definition = tool.grammar
    return f"{tool.description}\n\nThe input must match this {syntax} grammar:\n{definition}".lstrip()


def call_name(call: Call) -> str:
    """A past call's tool, by the name that the provider sees."""
    return flat_name(call.name, call.namespace)


def arguments_text(call: Call) -> str:
    """A call's arguments as JSON text; a custom tool's input is wrapped."""
    arguments = call.arguments
    if call.kind is ToolKind.CUSTOM:
        arguments = {"input": arguments}
    if isinstance(arguments, str):
        return arguments or "{}"
    return orjson.dumps(arguments).decode()


def arguments_object(call: Call) -> dict[str, Any]:
    """A call's arguments as an object; what is none is wrapped, so that history can always be sent."""
    arguments = call.arguments
    if call.kind is ToolKind.CUSTOM:
        return {"input": arguments}
    if isinstance(arguments, str):
        if not arguments.strip():
            return {}
        try:
            parsed = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return {"__raw_arguments": arguments}
        return parsed if isinstance(parsed, dict) else {"__raw_arguments": arguments}
    return arguments if isinstance(arguments, dict) else {"__raw_arguments": orjson.dumps(arguments).decode()}


def own_reasoning(part: Thinking, wanted: Wanted, prompt: Prompt) -> Sealed | None:
    """What ``part`` holds for the model that is asked; None, and counted, where it is not its own vendor's."""
    reasoning = unseal(wanted.seal_key, part.proof) if part.proof and wanted.replays_reasoning else None
    if reasoning is not None and reasoning.vendor == wanted.profile.reasoning_origin:
        return reasoning
    prompt.lost.add("reasoning")
    return None


def with_defaults(body: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    """``body`` with the provider's ``requestDefaults`` where it says nothing itself."""
    for key, value in wanted.request_defaults.items():
        if key not in ("model", "stream"):
            body.setdefault(key, value)
    return body


def effort_for(prompt: Prompt, wanted: Wanted) -> str | None:
    """The effort in the model's words; None where the client says nothing, or the model can't be told."""
    if prompt.effort is None:
        return None
    if not wanted.profile.effort_style:
        prompt.lost.add("reasoning_effort")
        return None
    return (wanted.profile.efforts or {}).get(prompt.effort, prompt.effort)


def is_strict_schema(schema: Any, depth: int = 32) -> bool:
    """Whether a schema is of the subset that OpenAI's strict mode takes: closed objects that require all they name."""
    if not isinstance(schema, dict):
        return True
    if depth == 0:
        return False
    if schema.get("type") == "object" or "properties" in schema:
        properties = details(schema.get("properties"))
        if schema.get("additionalProperties") is not False or set(schema.get("required") or ()) != set(properties):
            return False
        if not all(is_strict_schema(value, depth - 1) for value in properties.values()):
            return False
    if "items" in schema and not is_strict_schema(schema["items"], depth - 1):
        return False
    return all(is_strict_schema(value, depth - 1) for value in schema.get("anyOf") or ())


def hashed_user(user: str, wanted: Wanted) -> str:
    """Who the end user is, so that the vendor can tell users apart and no more."""
    return hashlib.sha256(wanted.seal_key + user.encode("utf-8", "surrogatepass")).hexdigest()[:32]

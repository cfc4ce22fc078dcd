"""From a :class:`Prompt` to a Messages request."""

from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.claude import takes_system_messages, written_thinking
from tierrouter_core.wire.folding import folded, merged, placed, texts_of
from tierrouter_core.wire.model import (
    Audio,
    Call,
    Choice,
    Document,
    Image,
    Message,
    Part,
    Prompt,
    Refusal,
    Result,
    Role,
    Text,
    Thinking,
    Untranslatable,
)
from tierrouter_core.wire.render import (
    Rendered,
    Wanted,
    arguments_object,
    call_name,
    capped,
    description_of,
    hashed_user,
    own_reasoning,
    prepare,
    schema_of,
    with_defaults,
)
from tierrouter_core.wire.tool_names import flat_name, messages_id

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_AUTOMATIC_CACHE = {"type": "ephemeral"}


def render_messages(prompt: Prompt, wanted: Wanted) -> Rendered:
    """Raises Untranslatable for what Messages, or the model, can't carry."""
    names = prepare(prompt, wanted, keeps_custom=False)
    cap = capped(prompt, wanted) or wanted.default_cap
    takes_system = wanted.profile.mid_system or takes_system_messages(wanted.model_id)
    turns = placed(prompt.messages) if takes_system else folded(prompt.messages)
    messages = [_message(message, prompt, wanted) for message in merged(turns)]
    body: dict[str, Any] = {"model": wanted.model_id, "max_tokens": cap}
    if prompt.instructions:
        body["system"] = [{"type": "text", "text": text} for text in prompt.instructions]
    body["messages"] = [message for message in messages if message["content"]]
    if wanted.profile.vendor == "anthropic" and prompt.source is not Dialect.MESSAGES:
        # Agents of the other dialects expect a cache that works by itself.
        body["cache_control"] = _AUTOMATIC_CACHE
    _tools(prompt, wanted, body)
    stops = [stop for stop in prompt.stop if stop.strip()]
    if stops:
        body["stop_sequences"] = stops
    _sampling(prompt, wanted, body)
    if prompt.effort is not None:
        thinking = written_thinking(
            wanted.model_id,
            prompt.effort,
            cap,
            forced=prompt.choice is not None and prompt.choice.mode in (Choice.ANY, Choice.TOOL),
            in_bare_loop=_in_bare_loop(body["messages"]),
        )
        if thinking is None:
            prompt.lost.add("reasoning_effort")
        else:
            body |= thinking
    _format(prompt, body)
    if prompt.user is not None:
        if wanted.profile.user:
            body["metadata"] = {"user_id": hashed_user(prompt.user, wanted)}
        else:
            prompt.lost.add("user")
    for name, value in (
        ("verbosity", prompt.verbosity),
        ("metadata", prompt.metadata),
        ("service_tier", prompt.service_tier),
        ("store", prompt.store or None),
        ("cache", prompt.cache_key),
    ):
        if value is not None:
            prompt.lost.add(name)
    if prompt.stream:
        body["stream"] = True
    return Rendered(body=with_defaults(body, wanted), names=names)


def _message(message: Message, prompt: Prompt, wanted: Wanted) -> dict[str, Any]:
    if message.role is Role.SYSTEM:
        return {"role": "system", "content": "\n\n".join(texts_of(message.parts))}
    speaker = "assistant" if message.role is Role.ASSISTANT else "user"
    blocks: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Thinking):
            own = own_reasoning(part, wanted, prompt)
            if own is not None:
                blocks.append(
                    {"type": "redacted_thinking", "data": own.proof}
                    if own.redacted
                    else {"type": "thinking", "thinking": part.text, "signature": own.proof}
                )
        else:
            blocks.append(_block(part, prompt))
    return {"role": speaker, "content": blocks}


def _block(part: Part, prompt: Prompt) -> dict[str, Any]:
    if isinstance(part, Text | Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, Call):
        name = call_name(part)
        return {"type": "tool_use", "id": messages_id(part.id), "name": name, "input": arguments_object(part)}
    if isinstance(part, Result):
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": messages_id(part.call_id)}
        if part.parts:
            result["content"] = [_block(inner, prompt) for inner in part.parts]
        if part.is_error:
            result["is_error"] = True
        return result
    if isinstance(part, Image):
        return {"type": "image", "source": _image_source(part, prompt)}
    if isinstance(part, Document):
        source = (
            {"type": "url", "url": part.url}
            if part.url
            else {"type": "base64", "media_type": part.media_type, "data": part.data}
        )
        if not part.url and part.media_type != "application/pdf":
            raise Untranslatable(part.at, f"Messages takes documents of type application/pdf, not {part.media_type}")
        return {"type": "document", "source": source, **({"title": part.name} if part.name else {})}
    assert isinstance(part, Audio)
    raise Untranslatable(part.at, "Messages takes no sound")


def _image_source(image: Image, prompt: Prompt) -> dict[str, Any]:
    if image.detail:
        prompt.lost.add("detail")
    if image.url:
        return {"type": "url", "url": image.url}
    if image.media_type not in _IMAGES:
        raise Untranslatable(image.at, f"Messages takes images of {', '.join(sorted(_IMAGES))}, not {image.media_type}")
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _in_bare_loop(messages: list[dict[str, Any]]) -> bool:
    """Whether a tool loop is open whose answers don't begin with thinking, as they must where there is a budget."""
    first: list[dict[str, Any]] | None = None
    for message in reversed(messages):
        if message["role"] == "assistant":
            first = message["content"]
        elif message["role"] == "user" and message["content"][0]["type"] != "tool_result":
            break
    return first is not None and first[0]["type"] not in ("thinking", "redacted_thinking")


def _tools(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    if not prompt.tools:
        return
    tools: list[dict[str, Any]] = []
    for tool in prompt.tools:
        schema = schema_of(tool, wanted)
        if schema.get("type") != "object":
            schema = {"type": "object", **schema}
        declared: dict[str, Any] = {"name": flat_name(tool.name, tool.namespace), "input_schema": schema}
        description = description_of(tool)
        if description:
            declared["description"] = description
        if tool.strict:
            prompt.lost.add("strict")
        tools.append(declared)
    body["tools"] = tools
    choice: dict[str, Any] | None = None
    if prompt.choice is not None:
        choice = {"type": str(prompt.choice.mode)}
        if prompt.choice.mode is Choice.TOOL:
            choice["name"] = flat_name(prompt.choice.name, prompt.choice.namespace)
    if prompt.parallel is False:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    if choice is not None:
        body["tool_choice"] = choice


def _sampling(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    given = prompt.sampling
    kept = {"temperature": given.temperature, "top_p": given.top_p, "top_k": given.top_k}
    named = {name: value for name, value in kept.items() if value is not None}
    others = (given.seed, given.presence_penalty, given.frequency_penalty, given.logit_bias)
    if any(value is not None for value in others) or (named and not wanted.profile.sampling):
        prompt.lost.add("sampling")
    if not wanted.profile.sampling:
        return
    if isinstance(named.get("temperature"), int | float):
        named["temperature"] = min(1.0, named["temperature"])
    body |= named


def _format(prompt: Prompt, body: dict[str, Any]) -> None:
    form = prompt.format
    if form is None:
        return
    if form.schema is None:
        # Messages has no mode for "any JSON object": say it instead, where it doesn't change the prompt's head.
        prompt.lost.add("format")
        body["system"] = [
            *body.get("system", ()),
            {"type": "text", "text": "Answer with a JSON object and nothing else."},
        ]
        return
    config = body.setdefault("output_config", {})
    config["format"] = {"type": "json_schema", "schema": form.schema}

"""From a :class:`Prompt` to a Responses request."""

from collections.abc import Sequence
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.folding import texts_of
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
    ToolKind,
    Untranslatable,
)
from tierrouter_core.wire.render import (
    ERROR_PREFIX,
    Rendered,
    Wanted,
    arguments_text,
    call_name,
    capped,
    description_of,
    effort_for,
    hashed_user,
    is_strict_schema,
    own_reasoning,
    prepare,
    schema_of,
    with_defaults,
)
from tierrouter_core.wire.tool_names import flat_name, openai_id


def render_responses(prompt: Prompt, wanted: Wanted) -> Rendered:
    """Raises Untranslatable for what Responses, or the model, can't carry."""
    native = wanted.profile.custom_tools
    names = prepare(prompt, wanted, keeps_custom=native)
    body: dict[str, Any] = {"model": wanted.model_id}
    given: list[dict[str, Any]] = []
    if len(prompt.instructions) == 1:
        body["instructions"] = prompt.instructions[0]
    else:
        given += [_developer(text) for text in prompt.instructions]
    custom = _custom_calls(prompt) if native else frozenset()
    for message in prompt.messages:
        _message(message, prompt, wanted, custom, given)
    body["input"] = given
    _tools(prompt, wanted, body)
    cap = capped(prompt, wanted)
    if cap is not None:
        body["max_output_tokens"] = cap
    _sampling(prompt, wanted, body)
    body["store"] = bool(prompt.store)
    effort = effort_for(prompt, wanted)
    if effort is not None:
        body["reasoning"] = {"effort": effort}
        if prompt.shows_thinking and effort != "none":
            body["reasoning"]["summary"] = "auto"
        body["include"] = ["reasoning.encrypted_content"]
    _text(prompt, wanted, body)
    _hints(prompt, wanted, body)
    if prompt.stream:
        body["stream"] = True
    # Responses knows no stop sequences: we watch for them.
    return Rendered(body=with_defaults(body, wanted), names=names, stop=tuple(prompt.stop))


def _developer(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}


def _message(
    message: Message, prompt: Prompt, wanted: Wanted, custom: frozenset[str], out: list[dict[str, Any]]
) -> None:
    if message.role is Role.SYSTEM:
        out.append(_developer("\n\n".join(texts_of(message.parts))))
        return
    content: list[dict[str, Any]] = []

    def flush() -> None:
        if content:
            out.append({"type": "message", "role": str(message.role), "content": content.copy()})
            content.clear()

    for part in message.parts:
        if isinstance(part, Call | Result | Thinking):
            flush()
            item = _item(part, prompt, wanted, custom)
            if item is not None:
                out.append(item)
        elif message.role is Role.ASSISTANT:
            content.append(_said(part))
        else:
            content.append(_input(part))
    flush()


def _item(
    part: Call | Result | Thinking, prompt: Prompt, wanted: Wanted, custom: frozenset[str]
) -> dict[str, Any] | None:
    if isinstance(part, Thinking):
        own = own_reasoning(part, wanted, prompt)
        if own is None or not own.proof:
            return None
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        item: dict[str, Any] = {"type": "reasoning", "summary": summary, "encrypted_content": own.proof}
        return {"id": own.id, **item} if own.id else item
    if isinstance(part, Call):
        call_id = openai_id(part.id)
        if part.kind is ToolKind.CUSTOM and wanted.profile.custom_tools:
            return {
                "type": "custom_tool_call",
                "call_id": call_id,
                "name": call_name(part),
                "input": str(part.arguments),
            }
        arguments = arguments_text(part)
        return {"type": "function_call", "call_id": call_id, "name": call_name(part), "arguments": arguments}
    kind = "custom_tool_call_output" if part.call_id in custom else "function_call_output"
    return {"type": kind, "call_id": openai_id(part.call_id), "output": _output(part)}


def _custom_calls(prompt: Prompt) -> frozenset[str]:
    return frozenset(
        part.id
        for message in prompt.messages
        for part in message.parts
        if isinstance(part, Call) and part.kind is ToolKind.CUSTOM
    )


def _output(result: Result) -> str | list[dict[str, Any]]:
    texts = texts_of(result.parts)
    prefix = ERROR_PREFIX if result.is_error else ""
    if len(texts) == len(result.parts):
        return prefix + "\n".join(texts)
    parts: Sequence[Part] = [Text(prefix), *result.parts] if prefix else result.parts
    return [_input(part) for part in parts]


def _said(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "output_text", "text": part.text, "annotations": []}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    raise Untranslatable(getattr(part, "at", "input"), "Responses takes this only from the user")


def _input(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": part.as_url, "detail": part.detail or "auto"}
    if isinstance(part, Document):
        if part.url:
            return {"type": "input_file", "file_url": part.url}
        data = f"data:{part.media_type};base64,{part.data}"
        return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": data}
    if isinstance(part, Audio):
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    raise Untranslatable(getattr(part, "at", "input"), "Responses takes this only from the model")


def _tools(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    if not prompt.tools:
        return
    tools: list[dict[str, Any]] = []
    for tool in prompt.tools:
        name = flat_name(tool.name, tool.namespace)
        if tool.kind is ToolKind.CUSTOM and wanted.profile.custom_tools:
            custom: dict[str, Any] = {"type": "custom", "name": name, "description": tool.description}
            if tool.grammar is not None:
                custom["format"] = {"type": "grammar", "syntax": tool.grammar[0], "definition": tool.grammar[1]}
            tools.append(custom)
            continue
        # Left out, ``strict`` would mean: try to be.
        strict = tool.strict is True
        declared = {"type": "function", "name": name, "parameters": schema_of(tool, wanted), "strict": strict}
        description = description_of(tool)
        tools.append({**declared, "description": description} if description else declared)
    body["tools"] = tools
    choice = prompt.choice
    if choice is not None:
        custom_kind = choice.kind is ToolKind.CUSTOM and wanted.profile.custom_tools
        match choice.mode:
            case Choice.TOOL:
                name = flat_name(choice.name, choice.namespace)
                body["tool_choice"] = {"type": "custom" if custom_kind else "function", "name": name}
            case Choice.ANY:
                body["tool_choice"] = "required"
            case _:
                body["tool_choice"] = str(choice.mode)
    if prompt.parallel is not None:
        if wanted.profile.parallel_flag:
            body["parallel_tool_calls"] = prompt.parallel
        else:
            prompt.lost.add("parallel")


def _sampling(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    given = prompt.sampling
    kept = {"temperature": given.temperature, "top_p": given.top_p}
    named = {name: value for name, value in kept.items() if value is not None}
    others = (given.top_k, given.seed, given.presence_penalty, given.frequency_penalty, given.logit_bias)
    if any(value is not None for value in others) or (named and not wanted.profile.sampling):
        prompt.lost.add("sampling")
    if wanted.profile.sampling:
        body |= named


def _text(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    text: dict[str, Any] = {}
    form = prompt.format
    if form is not None and form.schema is None:
        text["format"] = {"type": "json_object"}
    elif form is not None:
        strict = is_strict_schema(form.schema) if form.strict is None else form.strict
        text["format"] = {"type": "json_schema", "name": form.name, "schema": form.schema, "strict": strict}
        if form.description:
            text["format"]["description"] = form.description
    if prompt.verbosity is not None:
        if wanted.profile.vendor == "openai":
            text["verbosity"] = prompt.verbosity
        else:
            prompt.lost.add("verbosity")
    if text:
        body["text"] = text


def _hints(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    """What only OpenAI's own API understands; elsewhere it is left behind and counted."""
    openai = wanted.profile.user
    if prompt.user is not None:
        if openai and prompt.source is not Dialect.MESSAGES:
            body["safety_identifier"] = hashed_user(prompt.user, wanted)
        else:
            prompt.lost.add("user")
    # Chat's and Messages' agents rarely name one, and OpenAI finds what it has cached by it.
    cache_key = prompt.cache_key or ((wanted.cache_key or None) if openai else None)
    for key, name, value in (
        ("metadata", "metadata", prompt.metadata),
        ("prompt_cache_key", "cache", cache_key),
        ("service_tier", "service_tier", prompt.service_tier),
    ):
        if value is None:
            continue
        if openai:
            body[key] = value
        else:
            prompt.lost.add(name)

"""From a :class:`Prompt` to a Chat request."""

from collections.abc import Sequence
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.chat.reasoning_details import details_of
from tierrouter_core.wire.folding import folded, texts_of
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
    schema_for,
    schema_of,
    with_defaults,
)
from tierrouter_core.wire.tool_names import flat_name, in_call_order, openai_id

_EMPTY_RESULT = "(no output)"
"""Some templates drop a tool's turn that is empty."""


def render_chat(prompt: Prompt, wanted: Wanted) -> Rendered:
    """Raises Untranslatable for what Chat, or the model, can't carry."""
    names = prepare(prompt, wanted, keeps_custom=False)
    profile = wanted.profile
    body: dict[str, Any] = {"model": wanted.model_id, "messages": _messages(prompt, wanted)}
    _tools(prompt, wanted, body)
    cap = capped(prompt, wanted)
    if cap is not None:
        body[profile.cap_key] = cap
    stop: tuple[str, ...] = ()
    if len(prompt.stop) > profile.most_stops:
        stop = tuple(prompt.stop)
    elif prompt.stop:
        body["stop"] = prompt.stop
    _sampling(prompt, wanted, body)
    _effort(prompt, wanted, body)
    _format(prompt, wanted, body)
    _hints(prompt, wanted, body)
    if prompt.stream:
        body["stream"] = True
        if wanted.include_usage:
            body["stream_options"] = {"include_usage": True}
    return Rendered(body=with_defaults(body, wanted), names=names, stop=stop)


def _messages(prompt: Prompt, wanted: Wanted) -> list[dict[str, Any]]:
    profile = wanted.profile
    role = profile.instructions_role
    texts = prompt.instructions if profile.mid_system else ["\n\n".join(prompt.instructions)]
    out: list[dict[str, Any]] = [{"role": role, "content": text} for text in texts if text]
    messages = prompt.messages if profile.mid_system else folded(prompt.messages)
    before: Message | None = None
    for message in messages:
        if message.role is Role.ASSISTANT:
            rendered = _assistant(message, prompt, wanted)
            if rendered is not None:
                out.append(rendered)
            before = message
        elif message.role is Role.SYSTEM:
            out.append({"role": role, "content": "\n\n".join(texts_of(message.parts))})
        else:
            _user(message, before, out)
    return out


def _assistant(message: Message, prompt: Prompt, wanted: Wanted) -> dict[str, Any] | None:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    reasoning: list[str] = []
    proofs: list[Any] = []
    refusal = ""
    for part in message.parts:
        kind = type(part)
        if kind is Text:
            texts.append(part.text)  # type: ignore[union-attr]
        elif kind is Call:
            assert isinstance(part, Call)
            function = {"name": call_name(part), "arguments": arguments_text(part)}
            calls.append({"id": openai_id(part.id), "type": "function", "function": function})
        elif isinstance(part, Thinking):
            own = own_reasoning(part, wanted, prompt)
            if own is not None and own.proof and wanted.profile.reasoning_details:
                proofs += details_of(own.proof)
            elif own is not None and part.text:
                reasoning.append(part.text)
        elif isinstance(part, Refusal):
            refusal += part.text
        else:
            raise Untranslatable(getattr(part, "at", "messages"), "Chat takes this only from the user")
    if not (texts or calls or refusal):
        return None
    rendered: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if refusal:
        rendered["refusal"] = refusal
    if proofs:
        rendered["reasoning_details"] = proofs
    field = wanted.profile.reasoning_field
    if field and reasoning:
        rendered[field] = "\n\n".join(reasoning)
    elif field and wanted.profile.demands_reasoning and calls:
        rendered[field] = ""
    if calls:
        rendered["tool_calls"] = calls
    return rendered


def _user(message: Message, before: Message | None, out: list[dict[str, Any]]) -> None:
    results = [part for part in message.parts if isinstance(part, Result)]
    said = [part for part in message.parts if not isinstance(part, Result)]
    media: list[Part] = []
    for result in in_call_order(results, before):
        out.append({"role": "tool", "tool_call_id": openai_id(result.call_id), "content": _result(result, media)})
    if media:
        out.append({"role": "user", "content": _content(media)})
    if said:
        out.append({"role": "user", "content": _content(said)})


def _result(result: Result, media: list[Part]) -> str:
    """A result as text; its pictures go to ``media``, which the message after all results shows."""
    texts: list[str] = []
    shown = 0
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
            continue
        shown += 1
        what = "image" if isinstance(part, Image) else "document"
        label = f"[{what} {shown} of call {result.call_id}"
        texts.append(f"{label}: see next message]")
        media += [Text(f"{label}]"), part]
    text = "\n".join(texts) or _EMPTY_RESULT
    return ERROR_PREFIX + text if result.is_error else text


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    texts = texts_of(parts)
    if len(texts) == len(parts):
        return [{"type": "text", "text": text} for text in texts]
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        url: dict[str, Any] = {"url": part.as_url}
        if part.detail:
            url["detail"] = part.detail
        return {"type": "image_url", "image_url": url}
    if isinstance(part, Document):
        if part.url:
            raise Untranslatable(part.at, "Chat takes documents only as data, not by URL")
        data = f"data:{part.media_type};base64,{part.data}"
        return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": data}}
    if isinstance(part, Audio):
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    raise Untranslatable(getattr(part, "at", "messages"), "Chat takes this only from the model")


def _tools(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    if not prompt.tools:
        return
    tools = []
    for tool in prompt.tools:
        function: dict[str, Any] = {"name": flat_name(tool.name, tool.namespace)}
        description = description_of(tool)
        if description:
            function["description"] = description
        function["parameters"] = schema_of(tool, wanted)
        if tool.strict:
            if wanted.profile.vendor == "openai":
                function["strict"] = True
            else:
                prompt.lost.add("strict")
        tools.append({"type": "function", "function": function})
    body["tools"] = tools
    choice = prompt.choice
    if choice is not None:
        match choice.mode:
            case Choice.TOOL:
                name = flat_name(choice.name, choice.namespace)
                body["tool_choice"] = {"type": "function", "function": {"name": name}}
            case Choice.ANY:
                body["tool_choice"] = "required"
            case Choice.NONE:
                body["tool_choice"] = "none"
            case Choice.AUTO:
                body["tool_choice"] = "auto"
    if prompt.parallel is not None:
        if wanted.profile.parallel_flag:
            body["parallel_tool_calls"] = prompt.parallel
        else:
            prompt.lost.add("parallel")


def _sampling(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    given = prompt.sampling
    values = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        "seed": given.seed,
        "presence_penalty": given.presence_penalty,
        "frequency_penalty": given.frequency_penalty,
        "logit_bias": given.logit_bias,
    }
    named = {name: value for name, value in values.items() if value is not None}
    if given.top_k is not None and wanted.profile.top_k:
        body["top_k"] = given.top_k
    elif given.top_k is not None:
        prompt.lost.add("sampling")
    if named and not wanted.profile.sampling:
        prompt.lost.add("sampling")
    if wanted.profile.sampling:
        body |= named


def _effort(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    effort = effort_for(prompt, wanted)
    if effort is None:
        return
    match wanted.profile.effort_style:
        case "openrouter":
            body["reasoning"] = {"effort": effort}
        case "deepseek" if effort == "none":
            body["thinking"] = {"type": "disabled"}
        case "deepseek":
            body |= {"thinking": {"type": "enabled"}, "reasoning_effort": effort}
        case _:
            body["reasoning_effort"] = effort


def _format(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    form = prompt.format
    if form is None:
        return
    if form.schema is None:
        body["response_format"] = {"type": "json_object"}
        return
    strict = is_strict_schema(form.schema) if form.strict is None else form.strict
    schema: dict[str, Any] = {"name": form.name, "schema": schema_for(form.schema, wanted), "strict": strict}
    if form.description:
        schema["description"] = form.description
    body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _hints(prompt: Prompt, wanted: Wanted, body: dict[str, Any]) -> None:
    """What only OpenAI's own API understands; elsewhere it is left behind and counted."""
    openai = wanted.profile.user
    if prompt.user is not None:
        if openai and prompt.source is not Dialect.MESSAGES:
            body["safety_identifier"] = hashed_user(prompt.user, wanted)
        else:
            prompt.lost.add("user")
    for key, name, value in (
        ("verbosity", "verbosity", prompt.verbosity),
        ("metadata", "metadata", prompt.metadata),
        ("prompt_cache_key", "cache", prompt.cache_key),
        ("service_tier", "service_tier", prompt.service_tier),
        # Not to store is what every server does that knows no storing.
        ("store", "store", prompt.store if openai else prompt.store or None),
    ):
        if value is None:
            continue
        if openai:
            body[key] = value
        else:
            prompt.lost.add(name)

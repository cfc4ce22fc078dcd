"""From a Responses request to a :class:`Prompt`."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.lossy import note_unknown
from tierrouter_core.wire.model import (
    Audio,
    Call,
    Choice,
    Document,
    HostedTool,
    Message,
    Part,
    Prompt,
    Refusal,
    Result,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolKind,
    Untranslatable,
)
from tierrouter_core.wire.openai_parts import custom_tool, document_of, format_of, image_of

_LOSSY: Mapping[str, str] = {
    "client_metadata": "metadata",
    "context_management": "context_management",
    "include": "include",
    "max_tool_calls": "hosted_tools",
    "prompt_cache_retention": "cache",
    "stream_options": "stream_options",
    "truncation": "truncation",
}
_REFUSED: Mapping[str, str] = {
    "background": "an answer in the background is kept by its own vendor",
    "conversation": "a stored conversation is kept by its own vendor; send the whole input",
    "previous_response_id": "an earlier response is kept by its own vendor; send the whole input",
    "prompt": "a stored prompt is kept by its own vendor",
    "top_logprobs": "probabilities of tokens can't be carried",
}
_KNOWN = {
    *_LOSSY,
    *_REFUSED,
    *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "stream"),
    *("temperature", "top_p", "reasoning", "text", "user", "safety_identifier", "metadata", "prompt_cache_key"),
    *("service_tier", "store"),
}
_HARMLESS_INCLUDES = frozenset({"reasoning.encrypted_content"})
_CHOICES = {"auto": Choice.AUTO, "required": Choice.ANY, "none": Choice.NONE}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input", "tool_search_call": "arguments"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output", "tool_search_output")
_KINDS = {"custom_tool_call": ToolKind.CUSTOM, "tool_search_call": ToolKind.TOOL_SEARCH}


def parse_responses(body: Mapping[str, Any]) -> Prompt:
    """Raises Untranslatable for what only Responses can say."""
    prompt = Prompt(Dialect.RESPONSES)
    for key, name in _LOSSY.items():
        if body.get(key) and not (key == "include" and _HARMLESS_INCLUDES.issuperset(map(str, items(body[key])))):
            prompt.lost.add(name)
    for key, why in _REFUSED.items():
        if body.get(key):
            raise Untranslatable(key, why)
    note_unknown(body, _KNOWN, prompt.lost)
    prompt.model = body.get("model", "")
    prompt.stream = body.get("stream") is True
    cap = body.get("max_output_tokens")
    prompt.max_output = None if cap is None else int(cap)
    prompt.sampling = Sampling(body.get("temperature"), body.get("top_p"))
    reasoning, text = details(body.get("reasoning")), details(body.get("text"))
    effort = reasoning.get("effort")
    prompt.effort = effort if isinstance(effort, str) else None
    prompt.format = format_of(details(text.get("format")), "text.format")
    prompt.verbosity = text.get("verbosity")
    user = body.get("safety_identifier") or body.get("user")
    prompt.user = user if isinstance(user, str) else None
    prompt.metadata, prompt.cache_key = body.get("metadata") or None, body.get("prompt_cache_key")
    prompt.service_tier, prompt.store = body.get("service_tier"), body.get("store")
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        prompt.instructions.append(instructions)
    _declare(items(body.get("tools")), "tools", prompt)
    _conversation(body.get("input"), prompt)
    prompt.choice = _choice(body.get("tool_choice"))
    parallel = body.get("parallel_tool_calls")
    prompt.parallel = parallel if isinstance(parallel, bool) else None
    return prompt


def _conversation(given: Any, prompt: Prompt) -> None:
    if isinstance(given, str):
        prompt.messages.append(Message(Role.USER, [Text(given)] if given else []))
        return
    for index, item in enumerate(items(given)):
        item = details(item)
        at = f"input.{index}"
        kind = item.get("type") or "message"
        if kind == "message":
            _message(item, at, prompt)
        elif kind in _CALLS:
            call = Call(
                at,
                str(item.get("call_id") or ""),
                str(item.get("name") or ("tool_search" if kind == "tool_search_call" else "")),
                item.get(_CALLS[kind]) or ("" if kind == "custom_tool_call" else "{}"),
                _KINDS.get(kind, ToolKind.FUNCTION),
                str(item.get("namespace") or ""),
            )
            _say(prompt, Role.ASSISTANT, call)
        elif kind in _OUTPUTS:
            _say(prompt, Role.USER, _output(item, kind, at, prompt))
        elif kind == "reasoning":
            texts = [
                str(details(part).get("text") or "") for key in ("summary", "content") for part in items(item.get(key))
            ]
            proof = item.get("encrypted_content")
            _say(prompt, Role.ASSISTANT, Thinking("\n\n".join(filter(None, texts)), str(proof or "")))
        elif kind == "configuration_update":
            effort = details(item.get("reasoning")).get("effort")
            prompt.effort = effort if isinstance(effort, str) else prompt.effort
            if "text" in item:
                prompt.format = format_of(details(details(item["text"]).get("format")), f"{at}.text.format")
        elif kind == "additional_tools":
            _declare(items(item.get("tools")), f"{at}.tools", prompt)
        elif kind == "item_reference":
            raise Untranslatable(at, "an item that is named by its id is kept by its own vendor")
        else:
            raise Untranslatable(at, f"an item of type {kind} is Responses' alone")


def _say(prompt: Prompt, role: Role, part: Part) -> None:
    """Items are flat: those of one side that follow each other are one message."""
    last = prompt.messages[-1] if prompt.messages else None
    if last is not None and last.role is role and (role is Role.ASSISTANT or isinstance(last.parts[-1], Result)):
        last.parts.append(part)
    else:
        prompt.messages.append(Message(role, [part]))


def _message(item: Mapping[str, Any], at: str, prompt: Prompt) -> None:
    role, content = item.get("role"), item.get("content")
    if item.get("phase"):
        prompt.lost.add("phase")
    if isinstance(content, str):
        parts: list[Part] = [Text(content)] if content else []
    else:
        read = [_part(details(part), f"{at}.content.{i}", prompt) for i, part in enumerate(items(content))]
        parts = [part for part in read if part is not None]
    if role in ("system", "developer"):
        if any(not isinstance(part, Text) for part in parts):
            raise Untranslatable(at, "instructions that are not text")
        text = "\n\n".join(part.text for part in parts if isinstance(part, Text))
        if not prompt.messages:
            prompt.instructions += [text] if text else []
        elif text:
            prompt.messages.append(Message(Role.SYSTEM, [Text(text)]))
    elif role == "assistant":
        for part in parts:
            _say(prompt, Role.ASSISTANT, part)
    elif parts:
        prompt.messages.append(Message(Role.USER, parts))


def _part(block: Mapping[str, Any], at: str, prompt: Prompt) -> Part | None:
    match block.get("type"):
        case "input_text" | "output_text" | "text" | None:
            if block.get("annotations"):
                prompt.lost.add("annotations")
            text = block.get("text")
            return Text(text) if isinstance(text, str) and text else None
        case "refusal":
            return Refusal(str(block.get("refusal") or ""))
        case "input_image" if isinstance(block.get("image_url"), str):
            return image_of(block["image_url"], at, str(block.get("detail") or ""))
        case "input_file" if block.get("file_data"):
            return document_of(str(block["file_data"]), at, str(block.get("filename") or ""))
        case "input_file" if block.get("file_url"):
            return Document(at, url=str(block["file_url"]), name=str(block.get("filename") or ""))
        case "input_image" | "input_file":
            raise Untranslatable(at, "a file that is named by its id can only be read by the vendor that keeps it")
        case "input_audio":
            sound = details(block.get("input_audio"))
            return Audio(at, str(sound.get("data") or ""), str(sound.get("format") or ""))
    raise Untranslatable(at, f"a part of type {block.get('type')} is Responses' alone")


def _output(item: Mapping[str, Any], kind: str, at: str, prompt: Prompt) -> Result:
    call_id = str(item.get("call_id") or "")
    if kind == "tool_search_output":
        found = items(item.get("tools"))
        _declare(found, f"{at}.tools", prompt)
        names = ", ".join(str(details(tool).get("name") or "") for tool in found)
        return Result(at, call_id, [Text(f"Tools available: {names}" if names else "No tools found")])
    output = item.get("output")
    if isinstance(output, str):
        return Result(at, call_id, [Text(output)] if output else [])
    read = [_part(details(part), f"{at}.output.{i}", prompt) for i, part in enumerate(items(output))]
    return Result(at, call_id, [part for part in read if part is not None])


def _declare(tools: list[Any], at: str, prompt: Prompt, namespace: str = "") -> None:
    for index, declared in enumerate(tools):
        declared = details(declared)
        kind = declared.get("type")
        tool: Tool
        if kind == "namespace":
            _declare(items(declared.get("tools")), f"{at}.{index}.tools", prompt, str(declared.get("name") or ""))
            continue
        if kind == "function":
            strict = declared.get("strict")
            tool = Tool(
                str(declared.get("name") or ""),
                str(declared.get("description") or ""),
                declared.get("parameters"),
                namespace=namespace,
                strict=strict if isinstance(strict, bool) else None,
            )
        elif kind == "custom":
            tool = custom_tool(declared, namespace)
        elif kind == "tool_search" and declared.get("execution") == "client":
            description, schema = str(declared.get("description") or ""), declared.get("parameters")
            tool = Tool("tool_search", description, schema, kind=ToolKind.TOOL_SEARCH)
        else:
            prompt.hosted.append(HostedTool(f"{at}.{index}", str(kind or "")))
            continue
        for position, other in enumerate(prompt.tools):
            if (other.name, other.namespace) == (tool.name, tool.namespace):
                prompt.tools[position] = tool  # the later definition wins
                break
        else:
            prompt.tools.append(tool)


def _choice(given: Any) -> ToolChoice | None:
    if isinstance(given, str):
        mode = _CHOICES.get(given)
        if mode is None:
            raise Untranslatable("tool_choice", f"{given} is not known")
        return ToolChoice(mode)
    choice = details(given)
    match choice.get("type"):
        case None:
            return None
        case "function" | "custom":
            kind = ToolKind(choice["type"])
            return ToolChoice(Choice.TOOL, str(choice.get("name") or ""), kind, str(choice.get("namespace") or ""))
        case "allowed_tools":
            names = tuple(str(details(tool).get("name") or "") for tool in items(choice.get("tools")))
            return ToolChoice(Choice.ANY if choice.get("mode") == "required" else Choice.AUTO, among=names)
    return ToolChoice(Choice.TOOL, str(choice.get("type")))

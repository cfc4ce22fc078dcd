"""From a Chat request to a :class:`Prompt`."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.lossy import note_unknown
from tierrouter_core.wire.model import (
    Audio,
    Call,
    Choice,
    HostedTool,
    Message,
    Part,
    Prompt,
    Refusal,
    Result,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    ToolKind,
    Untranslatable,
    effort_of_budget,
)
from tierrouter_core.wire.openai_parts import custom_tool, document_of, format_of, image_of

_LOSSY: Mapping[str, str] = {
    "prediction": "prediction",
    "prompt_cache_retention": "cache",
    "include_reasoning": "include",
}
_REFUSED: Mapping[str, str] = {
    "audio": "an answer in sound is Chat's alone",
    "functions": "the old form of tools is Chat's alone; declare them in `tools`",
    "function_call": "the old form of `tool_choice` is Chat's alone",
    "logprobs": "probabilities of tokens are Chat's alone",
    "top_logprobs": "probabilities of tokens are Chat's alone",
}
_KNOWN = {
    *_LOSSY,
    *_REFUSED,
    *(
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_completion_tokens",
        "max_tokens",
        "stop",
    ),
    *("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "stream"),
    *("stream_options", "n", "modalities", "web_search_options", "reasoning_effort", "reasoning", "thinking"),
    *(
        "response_format",
        "verbosity",
        "user",
        "safety_identifier",
        "metadata",
        "prompt_cache_key",
        "service_tier",
        "store",
    ),
}
_INSTRUCTIONS = ("system", "developer")
_CHOICES = {"auto": Choice.AUTO, "required": Choice.ANY, "none": Choice.NONE}


def parse_chat(body: Mapping[str, Any]) -> Prompt:
    """Raises Untranslatable for what only Chat can say."""
    prompt = Prompt(Dialect.CHAT)
    for key, name in _LOSSY.items():
        if body.get(key) is not None:
            prompt.lost.add(name)
    for key, why in _REFUSED.items():
        if body.get(key):
            raise Untranslatable(key, why)
    _refuse_shapes(body)
    note_unknown(body, _KNOWN, prompt.lost)
    prompt.model = body.get("model", "")
    prompt.stream = body.get("stream") is True
    cap = next((body[key] for key in ("max_completion_tokens", "max_tokens") if body.get(key) is not None), None)
    prompt.max_output = None if cap is None else int(cap)
    stop = body.get("stop")
    prompt.stop = [
        text for text in ([stop] if isinstance(stop, str) else items(stop)) if isinstance(text, str) and text
    ]
    prompt.sampling = Sampling(
        *(body.get(name) for name in ("temperature", "top_p", "top_k", "seed")),
        *(body.get(name) for name in ("presence_penalty", "frequency_penalty", "logit_bias")),
    )
    _reasoning(body, prompt)
    prompt.format = format_of(details(body.get("response_format")), "response_format")
    prompt.verbosity = body.get("verbosity")
    user = body.get("safety_identifier") or body.get("user")
    prompt.user = user if isinstance(user, str) else None
    prompt.metadata, prompt.cache_key = body.get("metadata"), body.get("prompt_cache_key")
    prompt.service_tier, prompt.store = body.get("service_tier"), body.get("store")
    if set(details(body.get("stream_options"))) - {"include_usage"}:
        prompt.lost.add("stream_options")
    _conversation(items(body.get("messages")), prompt)
    _tools(body, prompt)
    parallel = body.get("parallel_tool_calls")
    prompt.parallel = parallel if isinstance(parallel, bool) else None
    return prompt


def _refuse_shapes(body: Mapping[str, Any]) -> None:
    if body.get("n") not in (None, 1):
        raise Untranslatable("n", "several answers at once are Chat's alone")
    if any(modality != "text" for modality in items(body.get("modalities"))):
        raise Untranslatable("modalities", "an answer in anything but text is Chat's alone")
    if body.get("web_search_options") is not None:
        raise Untranslatable("web_search_options", "this search is one that only its own vendor runs")


def _reasoning(body: Mapping[str, Any], prompt: Prompt) -> None:
    reasoning, thinking = details(body.get("reasoning")), details(body.get("thinking"))
    effort = body.get("reasoning_effort") or reasoning.get("effort")
    if isinstance(effort, str):
        prompt.effort = effort
    elif isinstance(reasoning.get("max_tokens"), int):
        prompt.effort = effort_of_budget(reasoning["max_tokens"])
    if thinking.get("type") == "disabled" or reasoning.get("enabled") is False:
        prompt.effort = "none"


def _conversation(messages: list[Any], prompt: Prompt) -> None:
    kinds: dict[str, ToolKind] = {}
    several = _roles_of_several(messages)
    for index, message in enumerate(messages):
        message = details(message)
        at = f"messages.{index}"
        role = message.get("role")
        if message.get("name") and role not in ("tool", *several):
            prompt.lost.add("name")
        content = message.get("content")
        if role in _INSTRUCTIONS:
            text = "\n\n".join(_text(part, f"{at}.content.{i}") for i, part in enumerate(_blocks(content)))
            if not prompt.messages:
                prompt.instructions += [text] if text else []
            elif text:
                prompt.messages.append(Message(Role.SYSTEM, [Text(text)]))
        elif role == "tool":
            parts = [_part(block, f"{at}.content.{i}") for i, block in enumerate(_blocks(content))]
            result = Result(at, str(message.get("tool_call_id") or ""), [part for part in parts if part is not None])
            last = prompt.messages[-1] if prompt.messages else None
            if last is not None and last.role is Role.USER and all(isinstance(part, Result) for part in last.parts):
                last.parts.append(result)
            else:
                prompt.messages.append(Message(Role.USER, [result]))
        elif role == "assistant":
            answer = _assistant(message, at, kinds, prompt.lost)
            prompt.messages.append(Message(Role.ASSISTANT, _named(answer.parts, message, several)))
        elif role == "function":
            raise Untranslatable(at, "the role function, the old form of tool results, is Chat's alone")
        else:
            read = [_part(block, f"{at}.content.{i}") for i, block in enumerate(_blocks(content))]
            said = [part for part in read if part is not None]
            prompt.messages.append(Message(Role.USER, _named(said, message, several)))


def _roles_of_several(messages: list[Any]) -> frozenset[str]:
    """The roles in which several speak: who says what is then part of what is said."""
    names: dict[str, set[str]] = {}
    for message in map(details, messages):
        if message.get("name") and isinstance(message.get("role"), str):
            names.setdefault(message["role"], set()).add(str(message["name"]))
    return frozenset(role for role in ("user", "assistant") if len(names.get(role, ())) > 1)


def _named(parts: list[Part], message: Mapping[str, Any], several: frozenset[str]) -> list[Part]:
    name = message.get("name")
    if not name or message.get("role") not in several:
        return parts
    first = next((index for index, part in enumerate(parts) if isinstance(part, Text)), None)
    if first is None:
        return parts
    text = parts[first]
    assert isinstance(text, Text)
    return [*parts[:first], Text(f"{name}: {text.text}"), *parts[first + 1 :]]


def _assistant(message: Mapping[str, Any], at: str, kinds: dict[str, ToolKind], lost: set[str]) -> Message:
    parts: list[Part] = []
    if message.get("audio"):
        raise Untranslatable(f"{at}.audio", "an answer in sound is Chat's alone")
    if message.get("annotations"):
        lost.add("annotations")
    if any(message.get(key) for key in ("reasoning_content", "reasoning", "reasoning_details")):
        # Nothing proves whose it is, and no other dialect takes it without proof.
        lost.add("reasoning")
    for index, block in enumerate(_blocks(message.get("content"))):
        part = _part(block, f"{at}.content.{index}")
        if part is not None:
            parts.append(part)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(Refusal(refusal))
    for index, call in enumerate(items(message.get("tool_calls"))):
        call = details(call)
        where, id_ = f"{at}.tool_calls.{index}", str(call.get("id") or "")
        if call.get("type") == "custom":
            custom = details(call.get("custom"))
            parts.append(Call(where, id_, str(custom.get("name") or ""), custom.get("input") or "", ToolKind.CUSTOM))
        else:
            function = details(call.get("function"))
            parts.append(Call(where, id_, str(function.get("name") or ""), function.get("arguments") or "{}"))
    if message.get("function_call"):
        raise Untranslatable(f"{at}.function_call", "the old form of tool calls is Chat's alone")
    return Message(Role.ASSISTANT, parts)


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return items(content)


def _text(block: Any, at: str) -> str:
    block = details(block)
    if block.get("type") not in ("text", None):
        raise Untranslatable(at, f"instructions of type {block.get('type')} are not text")
    return str(block.get("text") or "")


def _part(block: Any, at: str) -> Part | None:
    block = details(block)
    match block.get("type"):
        case "text" | None:
            text = block.get("text")
            return Text(text) if isinstance(text, str) and text else None
        case "refusal":
            return Refusal(str(block.get("refusal") or ""))
        case "image_url":
            image = block.get("image_url")
            url = str(image.get("url") if isinstance(image, dict) else image)
            return image_of(url, at, str(details(image).get("detail") or ""))
        case "file":
            file = details(block.get("file"))
            if not file.get("file_data"):
                raise Untranslatable(at, "a file that is named by its id can only be read by the vendor that keeps it")
            return document_of(str(file["file_data"]), at, str(file.get("filename") or ""))
        case "input_audio":
            sound = details(block.get("input_audio"))
            return Audio(at, str(sound.get("data") or ""), str(sound.get("format") or ""))
    raise Untranslatable(at, f"a part of type {block.get('type')} is Chat's alone")


def _tools(body: Mapping[str, Any], prompt: Prompt) -> None:
    for index, tool in enumerate(items(body.get("tools"))):
        tool = details(tool)
        if tool.get("type") == "function":
            function = details(tool.get("function"))
            strict = function.get("strict")
            prompt.tools.append(
                Tool(
                    str(function.get("name") or ""),
                    str(function.get("description") or ""),
                    function.get("parameters"),
                    strict=strict if isinstance(strict, bool) else None,
                )
            )
        elif tool.get("type") == "custom":
            prompt.tools.append(custom_tool(details(tool.get("custom"))))
        else:
            prompt.hosted.append(HostedTool(f"tools.{index}", str(tool.get("type") or "")))
    prompt.choice = _choice(body.get("tool_choice"))


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
        case "function":
            return ToolChoice(Choice.TOOL, str(details(choice.get("function")).get("name") or ""))
        case "custom":
            return ToolChoice(Choice.TOOL, str(details(choice.get("custom")).get("name") or ""), ToolKind.CUSTOM)
        case "allowed_tools":
            allowed = details(choice.get("allowed_tools"))
            tools = [details(tool) for tool in items(allowed.get("tools"))]
            names = tuple(str(details(tool.get(tool.get("type", ""))).get("name") or "") for tool in tools)
            return ToolChoice(Choice.ANY if allowed.get("mode") == "required" else Choice.AUTO, among=names)
    raise Untranslatable("tool_choice", f"the type {choice.get('type')} is not known")

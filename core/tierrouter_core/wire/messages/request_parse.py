"""From a Messages request to a :class:`Prompt`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire.counts import details, items
from tierrouter_core.wire.lossy import note_unknown
from tierrouter_core.wire.model import (
    Call,
    Choice,
    Document,
    HostedTool,
    Image,
    Message,
    OutputFormat,
    Part,
    Prompt,
    Result,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Untranslatable,
    effort_of_budget,
)

BILLING = "x-anthropic-billing-header:"
"""How Claude Code's first system block begins, which is meant for Anthropic alone."""

_LOSSY: Mapping[str, str] = {
    "cache_control": "cache",
    "context_management": "context_management",
    "diagnostics": "betas",
    "inference_geo": "betas",
    "fallbacks": "betas",
    "service_tier": "service_tier",
    "speed": "service_tier",
}
_REFUSED: Mapping[str, str] = {
    "container": "a container lives at Anthropic",
    "mcp_servers": "MCP servers are called by Anthropic itself",
    "thread": "a thread is kept by Anthropic",
}
_KNOWN = {
    *_LOSSY,
    *_REFUSED,
    *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "temperature", "top_p"),
    *("top_k", "stream", "metadata", "thinking", "output_config", "output_format"),
}
_TOOL_HINTS = ("defer_loading", "input_examples", "eager_input_streaming", "allowed_callers")
_CHOICES: Mapping[Any, Choice] = {"auto": Choice.AUTO, "any": Choice.ANY, "none": Choice.NONE, "tool": Choice.TOOL}
_CHANGES = ("tool_addition", "tool_removal")
_HISTORY_OF_HOSTED = ("server_tool_use", "mcp_tool_use", "mcp_tool_result", "container_upload", "compaction")


@dataclass(slots=True)
class _ToolChanges:
    """What the conversation says of tools beside the list of them."""

    referred: set[str] = field(default_factory=set)
    """Deferred tools that the model has been shown since."""
    defined: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Tools that are defined in mid-conversation, by name: where, and how."""
    removed: set[str] = field(default_factory=set)

    def take(self, block: Mapping[str, Any], where: str) -> None:
        """A ``tool_addition`` or ``tool_removal``; the last word on a tool is what counts."""
        tool = details(block.get("tool"))
        definition = details(tool.get("definition"))
        name = str((definition or tool).get("name") or "")
        if tool.get("type") not in ("tool_reference", "tool_definition") or not name:
            raise Untranslatable(where, f"a {block.get('type')} of type {tool.get('type')} is Anthropic's alone")
        if block.get("type") == "tool_removal":
            self.removed.add(name)
            return
        self.removed.discard(name)
        self.referred.add(name)
        if definition:
            self.defined[name] = (where, definition)


def parse_messages(body: Mapping[str, Any]) -> Prompt:
    """Raises Untranslatable for what only Messages can say."""
    prompt = Prompt(Dialect.MESSAGES)
    lost = prompt.lost
    for key, name in _LOSSY.items():
        if body.get(key) is not None:
            lost.add(name)
    for key, why in _REFUSED.items():
        if body.get(key):
            raise Untranslatable(key, why)
    note_unknown(body, _KNOWN, lost)
    prompt.model = body.get("model", "")
    prompt.stream = body.get("stream") is True
    prompt.max_output = _cap(body)
    prompt.stop = [stop for stop in items(body.get("stop_sequences")) if isinstance(stop, str) and stop]
    prompt.sampling = Sampling(body.get("temperature"), body.get("top_p"), body.get("top_k"))
    user = details(body.get("metadata")).get("user_id")
    prompt.user = user if isinstance(user, str) else None
    _reasoning(body, prompt)
    changes = _ToolChanges()
    prompt.instructions = _system(body.get("system"), lost, "system", changes)
    for index, message in enumerate(items(body.get("messages"))):
        if isinstance(message, dict):
            prompt.messages.append(_message(message, f"messages.{index}", lost, changes))
    _tools(body, prompt, changes)
    prompt.choice, prompt.parallel = _choice(body.get("tool_choice"))
    return prompt


def _cap(body: Mapping[str, Any]) -> int | None:
    cap = body.get("max_tokens")
    if cap == 0:
        raise Untranslatable("max_tokens", "0 warms Anthropic's cache, which no other vendor does")
    return None if cap is None else int(cap)


def _reasoning(body: Mapping[str, Any], prompt: Prompt) -> None:
    thinking, config = details(body.get("thinking")), details(body.get("output_config"))
    effort = config.get("effort")
    kind = thinking.get("type")
    if kind == "disabled":
        prompt.effort = "none"
    elif isinstance(effort, str):
        prompt.effort = effort
    elif kind == "enabled" and isinstance(thinking.get("budget_tokens"), int | float):
        prompt.effort = effort_of_budget(thinking["budget_tokens"])
    elif kind is not None:
        prompt.effort = "high"  # what no effort means at Anthropic
    prompt.shows_thinking = thinking.get("display") != "omitted"
    wanted = details(config.get("format") or body.get("output_format"))
    if wanted.get("type") == "json_schema":
        prompt.format = OutputFormat(details(wanted.get("schema")))  # type: ignore[arg-type]
    elif wanted:
        raise Untranslatable("output_config.format", f"the format {wanted.get('type')} is Anthropic's alone")


def _system(system: Any, lost: set[str], at: str, changes: _ToolChanges) -> list[str]:
    if isinstance(system, str):
        return [system] if system else []
    texts = []
    for index, block in enumerate(items(system)):
        block = details(block)
        text = block.get("text")
        if block.get("type") in _CHANGES:
            changes.take(block, f"{at}.{index}")
            continue
        if not isinstance(text, str):
            raise Untranslatable(f"{at}.{index}", f"a system block of type {block.get('type')} is Anthropic's alone")
        if text.startswith(BILLING):
            lost.add("billing")
        elif text:
            texts.append(text)
        if "cache_control" in block:
            lost.add("cache")
    return ["\n\n".join(texts)] if texts else []


def _message(message: Mapping[str, Any], at: str, lost: set[str], changes: _ToolChanges) -> Message:
    role = message.get("role")
    content = message.get("content")
    if role in ("system", "developer"):
        return Message(Role.SYSTEM, [Text(text) for text in _system(content, lost, f"{at}.content", changes)])
    speaker = Role.ASSISTANT if role == "assistant" else Role.USER
    if isinstance(content, str):
        return Message(speaker, [Text(content)] if content else [])
    parts: list[Part] = []
    for index, block in enumerate(items(content)):
        if isinstance(block, dict):
            _block(block, at, index, parts, lost, changes)
    if speaker is Role.USER and len(parts) > 1:
        # Results go first: that is the order that every dialect wants, and most clients write.
        parts.sort(key=_is_no_result)
    return Message(speaker, parts)


def _is_no_result(part: Part) -> bool:
    return not isinstance(part, Result)


def _block(
    block: Mapping[str, Any], at: str, index: int, parts: list[Part], lost: set[str], changes: _ToolChanges
) -> None:
    kind = block.get("type")
    if "cache_control" in block:
        lost.add("cache")
    if kind == "text" or kind is None:
        if block.get("citations"):
            lost.add("annotations")
        text = block.get("text")
        if isinstance(text, str) and text:
            parts.append(Text(text))
        return
    where = f"{at}.content.{index}"
    read = _BLOCKS.get(kind)
    if read is not None:
        parts.extend(read(block, where, lost))
    elif kind == "tool_result":
        content = block.get("content")
        inner: list[Part] = []
        if isinstance(content, str):
            if content:
                inner.append(Text(content))
        else:
            for position, part in enumerate(items(content)):
                if isinstance(part, dict) and part.get("type") == "tool_reference":
                    name = str(part.get("tool_name") or part.get("name") or "")
                    changes.referred.add(name)
                    inner.append(Text(f"Tool available: {name}"))
                elif isinstance(part, dict):
                    _block(part, where, position, inner, lost, changes)
        parts.append(Result(where, str(block.get("tool_use_id") or ""), inner, block.get("is_error") is True))
    elif kind in _CHANGES:
        changes.take(block, where)
    elif kind in _HISTORY_OF_HOSTED or str(kind).endswith("_tool_result"):
        raise Untranslatable(where, f"a block of type {kind} comes from a tool that Anthropic runs")
    else:
        raise Untranslatable(where, f"a block of type {kind} is Anthropic's alone")


def _image(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    source = details(block.get("source"))
    match source.get("type"):
        case "base64":
            return [Image(where, str(source.get("media_type") or ""), str(source.get("data") or ""))]
        case "url":
            return [Image(where, url=str(source.get("url") or ""))]
    raise Untranslatable(
        where, "an image that is named by a file id can only be read by the vendor that keeps the file"
    )


def _document(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    source = details(block.get("source"))
    title = block.get("title") if isinstance(block.get("title"), str) else ""
    context = block.get("context")
    if details(block.get("citations")).get("enabled"):
        lost.add("citations")
    after: list[Part] = [Text(context)] if isinstance(context, str) and context else []
    match source.get("type"):
        case "base64":
            data = str(source.get("data") or "")
            return [Document(where, str(source.get("media_type") or "application/pdf"), data, name=title or ""), *after]
        case "url":
            return [Document(where, url=str(source.get("url") or ""), name=title or ""), *after]
        case "text":
            return [Text(f"[document: {title or 'untitled'}]\n{source.get('data') or ''}"), *after]
        case "content":
            inner: list[Part] = [Text(f"[document: {title or 'untitled'}]")]
            content = source.get("content")
            if isinstance(content, str):
                inner.append(Text(content))
            for position, part in enumerate(items(content)):
                _block(details(part), f"{where}.source", position, inner, lost, _ToolChanges())
            return [*inner, *after]
    raise Untranslatable(where, "a document that is named by a file id can only be read by the vendor that keeps it")


def _thinking(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    return [Thinking(str(block.get("thinking") or ""), str(block.get("signature") or ""))]


def _redacted(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    return [Thinking(proof=str(block.get("data") or ""))]


def _call(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    arguments = block.get("input")
    id_, name = str(block.get("id") or ""), str(block.get("name") or "")
    return [Call(where, id_, name, {} if arguments is None else arguments)]


def _search_result(block: Mapping[str, Any], where: str, lost: set[str]) -> list[Part]:
    texts = [str(details(part).get("text") or "") for part in items(block.get("content"))]
    return [Text("\n".join([f"[{block.get('title') or 'result'}]({block.get('source') or ''})", *texts]))]


_BLOCKS: Mapping[Any, Callable[[Mapping[str, Any], str, set[str]], list[Part]]] = {
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _call,
    "search_result": _search_result,
}


def _tools(body: Mapping[str, Any], prompt: Prompt, changes: _ToolChanges) -> None:
    declared = {f"tools.{index}": details(tool) for index, tool in enumerate(items(body.get("tools")))}
    again = set(changes.defined)
    tools = [(at, tool) for at, tool in declared.items() if tool.get("name") not in again]
    for at, tool in [*tools, *changes.defined.values()]:
        if tool.get("type") not in (None, "custom") or "input_schema" not in tool:
            prompt.hosted.append(HostedTool(at, str(tool.get("type") or tool.get("name") or "")))
            continue
        name = str(tool.get("name") or "")
        if name in changes.removed:
            continue
        if any(hint in tool for hint in _TOOL_HINTS):
            prompt.lost.add("tool_hints")
            if tool.get("defer_loading") is True and name not in changes.referred:
                continue  # the model would not have seen it either
        if "cache_control" in tool:
            prompt.lost.add("cache")
        strict = tool.get("strict")
        prompt.tools.append(
            Tool(
                name,
                str(tool.get("description") or ""),
                tool.get("input_schema"),
                strict=strict if isinstance(strict, bool) else None,
            )
        )


def _choice(given: Any) -> tuple[ToolChoice | None, bool | None]:
    choice = details(given)
    if not choice:
        return None, None
    mode = _CHOICES.get(choice.get("type"))
    if mode is None:
        raise Untranslatable("tool_choice", f"the type {choice.get('type')} is not known")
    parallel = False if choice.get("disable_parallel_tool_use") is True else None
    return ToolChoice(mode, str(choice.get("name") or "")), parallel

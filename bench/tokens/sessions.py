"""Sessions of coding agents, turn by turn, and the prompt that a model server makes of each turn."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from bench.tokens.texts import KINDS, text

FLAVOURS = (*KINDS, "mixed")
"""What a session's tool results are; ``mixed`` has another kind in every turn."""
HEADS = ("agent", "bare")
"""An agent's instructions and twenty tools, 55 KB together; or one sentence and one tool."""


def turns(flavour: str, head: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """The Messages requests of one session, each with what the ones before it said."""
    rng = random.Random(f"{flavour} {head} {seed}")
    system = "You are a careful coding agent. Answer in few words."
    if head == "agent":
        system += "\n\n" + text("prose", 28_000, rng)
    request: dict[str, Any] = {
        "model": "auto",
        "max_tokens": 4096,
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        "tools": [_tool(number, rng) for number in range(20 if head == "agent" else 1)],
        "messages": [],
    }
    first = flavour if flavour in ("chinese", "japanese", "russian") else "prose"
    messages: list[dict[str, Any]] = [{"role": "user", "content": text(first, rng.randrange(50, 800), rng)}]
    for turn in range(count):
        yield {**request, "messages": list(messages)}
        kind = KINDS[turn % len(KINDS)] if flavour == "mixed" else flavour
        call = {"path": f"src/{kind}_{turn}.py", "old": text("code", rng.randrange(20, 1500), rng)}
        result = text(kind, rng.choice((200, 1000, 3000, 12_000)), rng)
        messages += [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": text(first, rng.randrange(20, 400), rng)},
                    {"type": "tool_use", "id": f"toolu_{turn:04d}", "name": "edit_0", "input": call},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": f"toolu_{turn:04d}", "content": result}],
            },
        ]


def _tool(number: int, rng: random.Random) -> dict[str, Any]:
    properties = {
        name: {"type": "string", "description": text("prose", 120, rng)} for name in ("path", "old", "new", "why")
    }
    return {
        "name": f"edit_{number}",
        "description": text("prose", 700, rng),
        "input_schema": {"type": "object", "properties": properties, "required": ["path"]},
    }


def chat_prompt(chat: Mapping[str, Any]) -> str:
    """What a model server gives to its model for a Chat request: ChatML, with tools as Hermes and Qwen write them."""
    messages = list(chat["messages"])
    system = messages.pop(0)["content"] if messages and messages[0]["role"] in ("system", "developer") else ""
    tools = "".join("\n" + orjson.dumps(tool).decode() for tool in chat.get("tools", ()))
    out = [f"<|im_start|>system\n{system}\n\n# Tools\n<tools>{tools}\n</tools><|im_end|>\n"]
    for message in messages:
        content = message.get("content") or ""
        if not isinstance(content, str):
            content = "".join(part.get("text", "") for part in content)
        calls = "".join(
            f'\n<tool_call>\n{{"name": "{call["function"]["name"]}", "arguments": {call["function"]["arguments"]}}}'
            "\n</tool_call>"
            for call in message.get("tool_calls") or ()
        )
        out.append(f"<|im_start|>{message['role']}\n{content}{calls}<|im_end|>\n")
    return "".join([*out, "<|im_start|>assistant\n"])

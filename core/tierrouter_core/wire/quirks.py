"""What a model at a provider takes, as data: the differences that no dialect's documentation tells.

The first rows that match by host, port and model are laid over each other; a ModelProvider's ``capabilities`` come
last. What is not known is taken for able: a provider's own error says more than a guess of ours.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from tierrouter_core.value_class import keyword_value_class


@keyword_value_class
class Profile:
    """How to speak to one model."""

    vendor: str = "other"
    """Whose model it is: reasoning is read by its own vendor alone."""
    cap_key: str = "max_tokens"
    """Chat's key of the output cap."""
    instructions_role: str = "system"
    """Chat's role of instructions."""
    mid_system: bool = False
    """Takes instructions in mid-conversation; else they are put into the user's message beside them."""
    effort_style: str = ""
    """``openai``: ``reasoning_effort``; ``openrouter``: ``reasoning.effort``; ``deepseek``: ``thinking`` and
    ``reasoning_effort``; empty: it can't be told."""
    efforts: Mapping[str, str] | None = None
    """What the model calls the efforts; None takes them as they are."""
    reasoning_field: str = ""
    """Chat's field for what the model thought before; empty where it takes none."""
    reasoning_details: bool = False
    """Chat: what proves reasoning stands in ``reasoning_details``, to be sent back as it came."""
    demands_reasoning: bool = False
    """An assistant message with calls must have that field, if only an empty one."""
    sampling: bool = True
    image_urls: bool = True
    images: bool = True
    documents: bool = True
    forced_choice: bool = True
    tools: bool = True
    prefill: bool = True
    prefill_mark: str = ""
    """Chat: what marks the last message as an answer that is to be gone on with, where its role is not enough."""
    prefill_members: Mapping[str, Any] | None = None
    """Chat: what a request says beside that."""
    parallel_flag: bool = True
    """Takes ``parallel_tool_calls``; else it is left out."""
    structured: bool = True
    plain_schemas: bool = False
    """Makes grammars of JSON Schemas, and takes only the plain ones."""
    top_k: bool = False
    """Chat: takes ``top_k``, which is none of OpenAI's own fields."""
    custom_tools: bool = False
    """Responses: knows custom tools."""
    most_stops: int = 4
    user: bool = False
    """May be told who the end user is, as a hash."""

    @property
    def reasoning_origin(self) -> str:
        """Who can read what the model thinks: its vendor, in the form that the server gives it."""
        return f"openrouter:{self.vendor}" if self.reasoning_details else self.vendor


_OPENAI_EFFORTS = {"minimal": "low", "max": "xhigh"}
_DEEPSEEK_EFFORTS = {"minimal": "low", "medium": "high", "xhigh": "high"}
_OLLAMA_EFFORTS = {"minimal": "low", "xhigh": "high"}
_OPENROUTER_EFFORTS = {"max": "xhigh"}

_Row = tuple[str, str, Mapping[str, Any]]

ROWS: tuple[_Row, ...] = (
    # By model: they think differently wherever they are served.
    ("", r"gpt-|^o[0-9]|/o[0-9]|codex", {"vendor": "openai"}),
    ("", r"gpt-[5-9]|^o[0-9]|/o[0-9]|codex", {"sampling": False}),
    ("", r"claude", {"vendor": "anthropic"}),
    ("", r"claude-(?:[a-z]+-(?:4[-.][6-9]|[5-9]))", {"prefill": False}),
    ("", r"claude-(?:[a-z]+-(?:4[-.][7-9]|[5-9]))", {"sampling": False}),
    ("", r"deepseek", {"vendor": "deepseek"}),
    ("", r"kimi|moonshot", {"vendor": "moonshot"}),
    ("", r"qwen", {"vendor": "qwen"}),
    ("", r"gemini", {"vendor": "google"}),
    # By server.
    (
        r"(?:^|\.)openai\.com$",
        r"gpt-[5-9]|^o[0-9]|codex",
        {"cap_key": "max_completion_tokens", "instructions_role": "developer", "effort_style": "openai"}
        | {"efforts": _OPENAI_EFFORTS},
    ),
    (r"(?:^|\.)openai\.com$", "", {"mid_system": True, "custom_tools": True, "user": True}),
    (
        r"(?:^|\.)openrouter\.ai$",
        "",
        {"effort_style": "openrouter", "efforts": _OPENROUTER_EFFORTS, "reasoning_field": "reasoning", "top_k": True}
        | {"reasoning_details": True},
    ),
    (
        r"(?:^|\.)deepseek\.com$",
        "",
        {"effort_style": "deepseek", "efforts": _DEEPSEEK_EFFORTS, "reasoning_field": "reasoning_content"}
        | {"demands_reasoning": True, "prefill_mark": "prefix"},
    ),
    (r"(?:^|\.)mistral\.ai$", "", {"prefill_mark": "prefix"}),
    (
        r"(?:^|\.)moonshot\.(?:cn|ai)$",
        "",
        {"reasoning_field": "reasoning_content", "demands_reasoning": True, "prefill_mark": "partial"},
    ),
    (
        r":11434$",
        "",
        {"effort_style": "openai", "efforts": _OLLAMA_EFFORTS, "reasoning_field": "reasoning", "image_urls": False}
        | {"forced_choice": False, "parallel_flag": False, "documents": False},
    ),
    (
        r":8000$",
        "",
        {"effort_style": "openai", "reasoning_field": "reasoning", "top_k": True}
        | {"prefill_members": {"add_generation_prompt": False, "continue_final_message": True}},
    ),
    (
        r":8080$",
        "",
        {"reasoning_field": "reasoning_content", "top_k": True, "plain_schemas": True, "documents": False},
    ),
)
"""``(host, model, what they say)``; an expression that is empty matches all. A port belongs to hosts without a known
name, and is the one that a server has by itself: 11434 is Ollama's, 8000 vLLM's, 8080 llama.cpp's."""

_CAPABILITIES: Mapping[str, str] = {
    "vision": "images",
    "pdf": "documents",
    "tools": "tools",
    "prefill": "prefill",
    "parallelTools": "parallel_flag",
    "toolChoice": "forced_choice",
    "midSystem": "mid_system",
    "structuredOutput": "structured",
    "sampling": "sampling",
    "plainSchemas": "plain_schemas",
}
"""A ModelProvider's words for what a profile says."""


@lru_cache(maxsize=256)
def _known(base_url: str, model_id: str) -> Profile:
    try:
        parts = urlsplit(base_url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host, port = "", None
    places = (host, f"{host}:{port}")
    said: dict[str, Any] = {}
    for where, which, row in ROWS:
        if (not where or any(re.search(where, place) for place in places)) and re.search(which, model_id.lower()):
            said.update(row)
    return Profile(**said)


def profile_of(base_url: str, model_id: str, capabilities: Mapping[str, Any]) -> Profile:
    """How to speak to ``model_id`` at ``base_url``; ``capabilities`` are those of its ModelProvider."""
    known = _known(base_url, model_id)
    said: dict[str, Any] = {
        _CAPABILITIES[name]: value
        for name, value in capabilities.items()
        if name in _CAPABILITIES and isinstance(value, bool)
    }
    return replace(known, **said) if said else known

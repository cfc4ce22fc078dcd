"""One question in each dialect, not streamed; and what is read of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_core.names import Dialect

PATHS: Final = {
    Dialect.CHAT: "/v1/chat/completions",
    Dialect.RESPONSES: "/v1/responses",
    Dialect.MESSAGES: "/v1/messages",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A model's answer."""

    text: str
    output_tokens: int | None


def body_of(dialect: Dialect, model: str, prompt: str, max_tokens: int) -> dict[str, Any]:
    """The request's JSON."""
    match dialect:
        case Dialect.CHAT:
            messages = [{"role": "user", "content": prompt}]
            return {"model": model, "messages": messages, "max_tokens": max_tokens}
        case Dialect.MESSAGES:
            messages = [{"role": "user", "content": prompt}]
            return {"model": model, "messages": messages, "max_tokens": max_tokens}
        case Dialect.RESPONSES:
            return {"model": model, "input": prompt, "max_output_tokens": max_tokens, "store": False}


def said_in(dialect: Dialect, answer: Any) -> Said:
    """The answer's text, of all its parts; raises ValueError where it has not the dialect's form."""
    try:
        match dialect:
            case Dialect.CHAT:
                text = answer["choices"][0]["message"].get("content") or ""
                return Said(_text(text), _tokens(answer, "completion_tokens"))
            case Dialect.MESSAGES:
                parts = [part["text"] for part in answer["content"] if part["type"] == "text"]
                return Said("".join(parts), _tokens(answer, "output_tokens"))
            case Dialect.RESPONSES:
                items = [item for item in answer["output"] if item["type"] == "message"]
                parts = [part["text"] for item in items for part in item["content"] if part["type"] == "output_text"]
                return Said("".join(parts), _tokens(answer, "output_tokens"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no answer in {dialect}: {type(error).__name__} {error}") from None


def _text(content: Any) -> str:
    """Chat's content may be a list of parts."""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def _tokens(answer: Mapping[str, Any], key: str) -> int | None:
    count = (answer.get("usage") or {}).get(key)
    return count if isinstance(count, int) and count >= 0 else None

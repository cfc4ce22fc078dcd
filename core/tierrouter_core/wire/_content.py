"""The conversation of a parsed request as entries and content blocks, alike for the three dialects.

All of it tolerates what it doesn't know: unknown roles, block types and shapes are passed over, never an error.
"""

from typing import Any, NamedTuple

from tierrouter_core.names import Dialect

SYSTEM_ROLES = ("system", "developer")
"""A tuple, as a role may turn out to be something that has no hash."""
_MEDIA_DEPTH = 3
"""Message, tool result, block: as deep as media stand."""
_PICTURES, _DOCUMENTS, _REASONING = range(3)
_LOOKED_FOR = {
    "image": _PICTURES,
    "image_url": _PICTURES,
    "input_image": _PICTURES,
    "document": _DOCUMENTS,
    "file": _DOCUMENTS,
    "input_file": _DOCUMENTS,
    "thinking": _REASONING,
    "redacted_thinking": _REASONING,
    "reasoning": _REASONING,
}
"""Blocks that matter to routing, which are few: one pass over a long conversation finds all kinds."""
_Found = tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]
"""By kind."""


class Media(NamedTuple):
    """What there is in a conversation beside text and calls: pictures, documents, reasoning."""

    images: int = 0
    documents: int = 0
    inline_bytes: int = 0
    """Base64 text of both that stands in the body; what is named by URL or file id takes none."""
    document_bytes: int = 0
    """The documents' part of ``inline_bytes``."""
    reasoning: int = 0
    """Blocks of what models thought before."""


def entries_of(dialect: Dialect, parsed: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation's messages or items, oldest first; an ``input`` string is one user message."""
    entries = parsed.get("input" if dialect is Dialect.RESPONSES else "messages")
    if isinstance(entries, str):
        return [{"role": "user", "content": entries}]
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Content as blocks; a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def text_of(block: dict[str, Any]) -> str | None:
    """A text block's text; None for a block of another sort."""
    if block.get("type") not in ("text", "input_text", "output_text", None):
        return None
    text = block.get("text")
    return text if isinstance(text, str) else None


def media_of(dialect: Dialect, parsed: dict[str, Any]) -> Media:
    """Counts the pictures, documents and thoughts of the whole conversation."""
    found: _Found = ([], [], [])
    _find_media(parsed.get("input" if dialect is Dialect.RESPONSES else "messages"), _MEDIA_DEPTH, found)
    images, documents, reasoning = found
    document_bytes = sum(map(_inline_bytes, documents))
    inline_bytes = sum(map(_inline_bytes, images)) + document_bytes
    return Media(len(images), len(documents), inline_bytes, document_bytes, len(reasoning))


def _find_media(content: Any, depth: int, found: _Found) -> None:
    """Add everything that is looked for in ``content`` to the list of its kind."""
    # A long conversation has thousands of blocks, nearly all of them text: these have to pass quickly.
    if not isinstance(content, list):
        if isinstance(content, dict) and content.get("type") == "computer_screenshot":
            found[_PICTURES].append(content)
        return
    for block in content:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if isinstance(kind, str) and kind in _LOOKED_FOR:
            found[_LOOKED_FOR[kind]].append(block)
        elif depth > 0:
            nested = block.get("content")
            if nested is None:
                nested = block.get("output")
            if nested is not None and not isinstance(nested, str):
                _find_media(nested, depth - 1, found)


def _inline_bytes(block: dict[str, Any]) -> int:
    """Length of a block's base64 data: ``source.data``, ``image_url(.url)`` or ``(file.)file_data``."""
    source = block.get("source")
    if isinstance(source, dict):
        return _length(source.get("data")) if source.get("type") == "base64" else 0
    image = block.get("image_url")
    file = block.get("file")
    data = file.get("file_data") if isinstance(file, dict) else block.get("file_data")
    url = image.get("url") if isinstance(image, dict) else image
    return _length(data) + (_length(url) if isinstance(url, str) and url.startswith("data:") else 0)


def _length(text: Any) -> int:
    return len(text) if isinstance(text, str) else 0

"""The conversation of a parsed request as entries and content blocks, alike for the three dialects.

All of it tolerates what it doesn't know: unknown roles, block types and shapes are passed over, never an error.
"""

from typing import Any, NamedTuple

from tierrouter_core.names import Dialect

SYSTEM_ROLES = ("system", "developer")
"""A tuple, as a role may turn out to be something that has no hash."""
_MEDIA_DEPTH = 3
"""Message, tool result, block: as deep as media stand."""
_MEDIA_TYPES = {
    "image": True,
    "image_url": True,
    "input_image": True,
    "document": False,
    "file": False,
    "input_file": False,
}
"""Blocks of media, and whether they are pictures."""


class Media(NamedTuple):
    """Pictures and documents in a request."""

    images: int = 0
    documents: int = 0
    inline_bytes: int = 0
    """Base64 text of both that stands in the body; what is named by URL or file id takes none."""
    document_bytes: int = 0
    """The documents' part of ``inline_bytes``."""


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
    """Counts the pictures and documents of the whole conversation."""
    images: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    _find_media(parsed.get("input" if dialect is Dialect.RESPONSES else "messages"), _MEDIA_DEPTH, images, documents)
    document_bytes = sum(map(_inline_bytes, documents))
    return Media(len(images), len(documents), sum(map(_inline_bytes, images)) + document_bytes, document_bytes)


def _find_media(content: Any, depth: int, images: list[dict[str, Any]], documents: list[dict[str, Any]]) -> None:
    """Add every picture and document in ``content`` to its list."""
    # A long conversation has thousands of blocks, nearly all of them text: these have to pass quickly.
    if not isinstance(content, list):
        if isinstance(content, dict) and content.get("type") == "computer_screenshot":
            images.append(content)
        return
    for block in content:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if isinstance(kind, str) and kind in _MEDIA_TYPES:
            (images if _MEDIA_TYPES[kind] else documents).append(block)
        elif depth > 0:
            nested = block.get("content")
            if nested is None:
                nested = block.get("output")
            if nested is not None and not isinstance(nested, str):
                _find_media(nested, depth - 1, images, documents)


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

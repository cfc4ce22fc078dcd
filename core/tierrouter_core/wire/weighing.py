"""How much there is to read in a request, by kinds of text: what an estimate of its tokens is made of.

Vocabularies differ most in digits, in scripts other than Latin and in how a server writes tools down, so these are kept
apart. Everything that the model will see is weighed and nothing else: keys of the dialect, ids, signatures and cache
marks are not text, and pictures and documents go by number and pages, not by their base64.
"""

from dataclasses import dataclass, field
from operator import add, sub
from typing import Any, NamedTuple

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.value_class import value_class
from tierrouter_core.wire._content import entries_of
from tierrouter_core.wire.request import Request

TOKENS_PER_IMAGE = 1600
"""For pictures whose size isn't known, which is all of them: their data is never decoded."""
TOKENS_PER_PAGE = 3000
_BASE64_BYTES_PER_PAGE = 100_000
"""A guess, so that a document's tokens grow with it; a document has one page at least."""
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_TOOL = 8

# Tokens per byte, fitted to prose, tables, code, YAML, JSON, logs, hashes and base64 in four vocabularies of 49,000 to
# 200,000 entries. Capitals weigh much because they stand where words are cut: in names, constants and base64.
_LOWER = 0.25
_SPACE = 0.02
_UPPER = 0.9
_DIGIT = 0.9
_PUNCTUATION = 0.47
_OF_TWO_BYTES = 0.4
_OF_MORE_BYTES = 0.9
"""These two for a character."""

_LOWERS = bytes(range(ord("a"), ord("z") + 1))
_UPPERS = bytes(range(ord("A"), ord("Z") + 1))
_DIGITS = b"0123456789"
_SPACES = b" \t\r\n"
_ASCII = bytes(range(128))
_LEADS_OF_TWO = bytes(range(0xC0, 0xE0))
_LEADS_OF_MORE = bytes(range(0xE0, 0x100))

_DEPTH = 3
"""Message, tool result, block: as deep as content stands."""
_TEXTS = ("text", "input_text", "output_text", "summary_text", "reasoning_text")
_BINARY = frozenset({"image", "image_url", "input_image", "file", "input_file", "input_audio", "computer_screenshot"})
_OPAQUE = frozenset({"type", "id", "status", "cache_control", "encrypted_content", "signature", "content"})
_CALLS = ("function_call", "custom_tool_call", "tool_search_call")
_TOOL_KEYS = ("tools", "functions")
_FORMAT_KEYS = ("response_format", "text", "output_config", "output_format")


class Weight(NamedTuple):
    """Tokens of each kind of text, in an average vocabulary."""

    letters: float = 0.0
    """ASCII letters and white space, and what frames a message."""
    punctuation: float = 0.0
    digits: float = 0.0
    alphabets: float = 0.0
    """Characters of two bytes: accents, Cyrillic, Greek, Arabic, Hebrew."""
    scripts: float = 0.0
    """Characters of three bytes and more: Chinese, Japanese, Korean, the scripts of India."""
    tools: float = 0.0
    """Declarations of tools and of the answer's form."""
    thinking: float = 0.0
    """What models thought before; not every model gets it back."""
    media: float = 0.0

    def plus(self, other: "Weight") -> "Weight":
        """Both."""
        return Weight(*map(add, self, other))

    def less(self, other: "Weight") -> "Weight":
        """What this has more than ``other``; below zero where it has less."""
        return Weight(*map(sub, self, other))


NOTHING = Weight()


@value_class
class Weighed:
    """A request's weight, and what is needed to weigh the next one of its conversation by what is new in it."""

    head: Weight
    """Instructions and tools."""
    head_size: int
    said: Weight
    """The conversation."""
    said_sizes: tuple[int, int]
    """Its entries, and the characters in them."""
    media: Weight
    continues: bool = False
    """The provider keeps what was said before, and the request doesn't repeat it."""

    @property
    def total(self) -> Weight:
        """All of it."""
        return self.head.plus(self.said).plus(self.media)


@dataclass(slots=True)
class _Pile:
    """Texts that a model will read."""

    texts: list[str] = field(default_factory=list)
    objects: list[Any] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)

    def add(self, text: Any) -> None:
        """A text, or an object that stands for its JSON."""
        if isinstance(text, str):
            self.texts.append(text)
        elif text:
            self.objects.append(text)

    @property
    def size(self) -> int:
        """Characters, where they need not be written to be counted."""
        return sum(map(len, self.texts)) + len(self.objects) + sum(map(len, self.thinking))

    def weight(self) -> Weight:
        written = orjson.dumps(self.objects) if self.objects else b""
        said = _weight_of("".join(self.texts).encode("utf-8", "surrogatepass") + written)
        if not self.thinking:
            return said
        return said.plus(Weight(thinking=_sum_of("".join(self.thinking).encode("utf-8", "surrogatepass"))))


def weigh(request: Request, known: Weighed | None = None) -> Weighed:
    """What there is to read in ``request``.

    ``known`` is an earlier request of the same conversation: where it begins the way that one did, by number and length
    of what was said, only the rest is looked at.
    """
    try:
        return _weigh(request, known)
    except orjson.JSONEncodeError:
        # Something is nested deeper than can be written; its provider will hardly read it either.
        whole = _weight_of(request.body)
        return Weighed(whole, len(request.body), NOTHING, (0, 0), NOTHING)


def _weigh(request: Request, known: Weighed | None) -> Weighed:
    dialect, parsed = request.dialect, request.parsed
    instructions, declared = _head(dialect, parsed)
    head_size = instructions.size + sum(map(_tool_size, declared))
    if known is not None and known.head_size == head_size:
        head = known.head
    else:
        tools = sum(len(each) for each in declared if isinstance(each, list))
        written = b"".join(map(orjson.dumps, declared))
        head = instructions.weight().plus(Weight(tools=_sum_of(written) + _TOKENS_PER_TOOL * tools))
    entries = entries_of(dialect, parsed)
    begun, before = 0, NOTHING
    size = 0
    if known is not None and 0 < known.said_sizes[0] <= len(entries):
        size = _piled(entries[: known.said_sizes[0]]).size
        if size == known.said_sizes[1]:
            begun, before = known.said_sizes[0], known.said
        else:
            size = 0
    added = _piled(entries[begun:])
    frames = Weight(letters=_TOKENS_PER_MESSAGE * (len(entries) - begun))
    said = before.plus(added.weight()).plus(frames)
    return Weighed(
        head,
        head_size,
        said,
        (len(entries), size + added.size),
        _media(request),
        any(isinstance(parsed.get(key), str | dict) for key in ("previous_response_id", "conversation")),
    )


def _head(dialect: Dialect, parsed: dict[str, Any]) -> tuple[_Pile, list[Any]]:
    """The instructions, and the tools and formats that are declared."""
    pile = _Pile()
    if dialect is Dialect.MESSAGES:
        _content(parsed.get("system"), pile, _DEPTH)
    elif dialect is Dialect.RESPONSES:
        pile.add(parsed.get("instructions"))
    declared: list[Any] = [parsed[key] for key in _TOOL_KEYS if isinstance(parsed.get(key), list)]
    declared += [parsed[key] for key in _FORMAT_KEYS if isinstance(parsed.get(key), dict)]
    return pile, [each for each in declared if each]


def _tool_size(declared: Any) -> int:
    """About how much is declared: enough to tell that it is what it was, without writing it down on every turn."""
    if not isinstance(declared, list):
        return len(declared)
    size = 0
    for tool in declared:
        if isinstance(tool, dict):
            function = tool.get("function")
            described = function if isinstance(function, dict) else tool
            size += 1 + sum(len(text) for text in described.values() if isinstance(text, str))
    return size


def _media(request: Request) -> Weight:
    media = request.media
    if not media.images and not media.documents:
        return NOTHING
    pages = max(media.documents, media.document_bytes // _BASE64_BYTES_PER_PAGE)
    return Weight(media=TOKENS_PER_IMAGE * media.images + TOKENS_PER_PAGE * pages)


def _piled(entries: list[dict[str, Any]]) -> _Pile:
    pile = _Pile()
    for entry in entries:
        _entry(entry, pile)
    return pile


def _entry(entry: dict[str, Any], pile: _Pile) -> None:
    kind = entry.get("type")
    if kind == "reasoning":
        for key in ("summary", "content"):
            _thoughts(entry.get(key), pile)
        return
    content = entry.get("content")
    if content is not None:
        _content(content, pile, _DEPTH)
    if kind is None or kind == "message":
        if (content is None or len(entry) > 2) and entry.get("role") == "assistant":
            _chat_answer(entry, pile)
    elif kind in _CALLS:
        _call(entry, pile)
    elif "output" in entry:
        _content(entry["output"], pile, _DEPTH)
    else:
        pile.add({key: value for key, value in entry.items() if key not in _OPAQUE})


def _chat_answer(entry: dict[str, Any], pile: _Pile) -> None:
    """What an assistant message of Chat has beside its content."""
    calls = entry.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            for key in ("function", "custom"):
                if isinstance(call, dict) and isinstance(call.get(key), dict):
                    _call(call[key], pile)
    if isinstance(entry.get("function_call"), dict):
        _call(entry["function_call"], pile)
    if isinstance(entry.get("refusal"), str):
        pile.texts.append(entry["refusal"])
    thoughts = entry.get("reasoning_content") or entry.get("reasoning")
    if isinstance(thoughts, str):
        pile.thinking.append(thoughts)


def _call(call: dict[str, Any], pile: _Pile) -> None:
    pile.add(call.get("name"))
    pile.add(call.get("arguments") or call.get("input"))


def _content(content: Any, pile: _Pile, depth: int) -> None:
    if isinstance(content, str):
        pile.texts.append(content)
        return
    if not isinstance(content, list):
        return
    for block in content:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        text = block.get("text")
        if isinstance(text, str) and (kind is None or kind in _TEXTS):
            pile.texts.append(text)
        elif kind == "tool_use":
            _call(block, pile)
        elif kind == "tool_result":
            if depth > 0:
                _content(block.get("content"), pile, depth - 1)
        elif kind == "thinking":
            if isinstance(block.get("thinking"), str):
                pile.thinking.append(block["thinking"])
        elif kind == "document":
            _document(block, pile, depth)
        elif not (isinstance(kind, str) and kind in _BINARY) and kind != "redacted_thinking":
            if depth > 0 and "content" in block:
                _content(block["content"], pile, depth - 1)
            pile.add({key: value for key, value in block.items() if key not in _OPAQUE})


def _document(block: dict[str, Any], pile: _Pile, depth: int) -> None:
    """What of a document is text: pages are counted apart."""
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "text":
        pile.add(source.get("data"))
    elif isinstance(source, dict) and source.get("type") == "content" and depth > 0:
        _content(source.get("content"), pile, depth - 1)
    for key in ("title", "context"):
        pile.add(block.get(key))


def _thoughts(parts: Any, pile: _Pile) -> None:
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            pile.thinking.append(part["text"])


def _weight_of(text: bytes) -> Weight:
    # Deleting bytes by a table is the fastest way to count them that there is without leaving Python.
    rest = text.translate(None, _LOWERS)
    lower = len(text) - len(rest)
    without = rest.translate(None, _SPACES)
    space, rest = len(rest) - len(without), without
    without = rest.translate(None, _UPPERS)
    upper, rest = len(rest) - len(without), without
    without = rest.translate(None, _DIGITS)
    digits, rest = len(rest) - len(without), without
    if rest.isascii():
        return Weight(_LOWER * lower + _SPACE * space + _UPPER * upper, _PUNCTUATION * len(rest), _DIGIT * digits)
    foreign = rest.translate(None, _ASCII)
    return Weight(
        _LOWER * lower + _SPACE * space + _UPPER * upper,
        _PUNCTUATION * (len(rest) - len(foreign)),
        _DIGIT * digits,
        _OF_TWO_BYTES * (len(foreign) - len(foreign.translate(None, _LEADS_OF_TWO))),
        _OF_MORE_BYTES * (len(foreign) - len(foreign.translate(None, _LEADS_OF_MORE))),
    )


def _sum_of(text: bytes) -> float:
    return sum(_weight_of(text))

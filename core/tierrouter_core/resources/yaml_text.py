"""YAML text to plain values, keeping the line and the spelling of every node so that a message can point at it.

Built on the parser's events, not on PyYAML's own constructor: that one drops duplicate keys silently, follows an
anchor bomb until memory ends, recurses with the nesting, and turns ``1:30`` into 90 and a date into a date object.
Here a duplicate is a problem, expansion and nesting have limits, and only null, booleans, decimal integers and
decimal fractions become anything but text. ``on`` and ``yes`` are still booleans, because they are for kubectl.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tierrouter_core.errors import Problem

Path = tuple[str | int, ...]

MAX_TEXT_BYTES = 1024 * 1024
MAX_NODES = 50_000
"""Nodes of one document with its aliases expanded; a large router has some hundreds."""
MAX_DEPTH = 64

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands and how it was spelled."""

    line: int
    """Counted from 1."""
    text: str = ""
    """A scalar's own text; empty for lists and maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """One YAML document that is a map, not yet understood."""

    source: str
    index: int
    """Counted from 1 within its source."""
    value: Mapping[str, Any]
    marks: Mapping[Path, Mark]

    def where(self, path: Path) -> str:
        """``coding.yaml:12``: the line of ``path``, or of the nearest thing around it that is there."""
        for length in range(len(path), -1, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return f"{self.source}:{mark.line}"
        return self.source

    def inner(self, path: Path) -> "RawDocument":
        """The map at ``path`` as a document of its own."""
        value: Any = self.value
        for part in path:
            value = value[part]
        depth = len(path)
        marks = {key[depth:]: mark for key, mark in self.marks.items() if key[:depth] == path}
        return RawDocument(source=self.source, index=self.index, value=value, marks=marks)


class _YAMLProblemError(Exception):
    """One thing wrong with the text as YAML."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(slots=True)
class _Node:
    """A scalar, a list or a map; aliases share their anchor's node."""

    kind: str
    line: int
    text: str = ""
    is_plain: bool = False
    children: "list[_Node]" = field(default_factory=list)
    """A list's items; a map's keys and values in turn."""


def parse_yaml(text: str, source: str) -> tuple[list[RawDocument], list[Problem]]:
    """Every document of ``text``, and everything that is wrong with it as YAML.

    Args:
        text: the file's content.
        source: the file's name as the user gave it, for messages.
    """
    if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        message = f"the file has more than {MAX_TEXT_BYTES} bytes; split it, or check that it is the right one"
        return [], [Problem(source, "", "", message)]
    documents: list[RawDocument] = []
    problems: list[Problem] = []
    index = 0
    try:
        for index, node in enumerate(_documents(text), start=1):
            document = f"document {index}"
            if node.kind == "scalar" and node.is_plain and node.text in _NULLS:
                continue  # A stray `---`, or comments alone.
            if node.kind != "map":
                what = "a list" if node.kind == "list" else f'the text "{node.text[:40]}"'
                message = f"found {what}, expected a map that begins with apiVersion and kind"
                problems.append(Problem(f"{source}:{node.line}", document, "", message))
                continue
            reader = _Converter()
            value = reader.convert(node, (), 0)
            where = [(f"{source}:{line}", path, message) for line, path, message in reader.problems]
            problems += [Problem(spot, document, format_path(path), message) for spot, path, message in where]
            documents.append(RawDocument(source=source, index=index, value=value, marks=reader.marks))
    except _YAMLProblemError as error:
        problems.append(Problem(f"{source}:{error.line}", f"document {max(index, 1)}", "", str(error)))
    if not documents and not problems:
        problems.append(Problem(source, "", "", "the file holds no document; expected a TierRouter or a ModelProvider"))
    return documents, problems


def format_path(path: Path) -> str:
    """``("spec", "tiers", 2, "rank")`` as ``spec.tiers[2].rank``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def _documents(text: str) -> Iterator[_Node]:
    """The documents as trees of nodes. Iterative, because nesting is the writer's choice."""
    anchors: dict[str, _Node] = {}
    stack: list[_Node] = []
    root: _Node | None = None
    for event in _events(text):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            anchors, stack, root = {}, [], None
            continue
        if isinstance(event, yaml.DocumentEndEvent):
            if root is not None:
                yield root
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            continue
        if isinstance(event, yaml.AliasEvent):
            node = anchors.get(event.anchor or "")
            if node is None or any(open_node is node for open_node in stack):
                raise _YAMLProblemError(line, f"the alias *{event.anchor} names no anchor that is complete above it")
        elif isinstance(event, yaml.NodeEvent):
            node = _node_of(event, line)
            if event.anchor is not None:
                anchors[event.anchor] = node
        else:
            continue
        if stack:
            stack[-1].children.append(node)
        else:
            root = node
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(node)
            if len(stack) > MAX_DEPTH:
                raise _YAMLProblemError(line, f"more than {MAX_DEPTH} levels of nesting")


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        hint = "; indent with spaces, not tabs" if "cannot start any token" in what and "\t" in text else ""
        raise _YAMLProblemError(line, f"not valid YAML at column {column}: {what}{hint}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise _YAMLProblemError(1, f"not valid YAML: {first}; save the file as UTF-8 text") from None


def _node_of(event: Any, line: int) -> _Node:
    tag = event.tag
    if tag not in (None, "!", *(_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))):
        raise _YAMLProblemError(line, f"the YAML tag {tag} is not supported; write the value without it")
    if isinstance(event, yaml.ScalarEvent):
        is_text = tag == _CORE + "str" or (tag == "!" and not event.implicit[0])
        is_plain = not is_text and (event.implicit[0] or tag is not None)
        return _Node("scalar", line, event.value, is_plain)
    return _Node("map" if isinstance(event, yaml.MappingStartEvent) else "list", line)


class _Converter:
    """One document's nodes to values, with marks."""

    def __init__(self) -> None:
        self.marks: dict[Path, Mark] = {}
        self.problems: list[tuple[int, Path, str]] = []
        self._nodes = 0

    def convert(self, node: _Node, path: Path, depth: int) -> Any:
        self._spend(node, depth)
        self.marks[path] = Mark(node.line, node.text if node.kind == "scalar" else "")
        if node.kind == "scalar":
            return _scalar(node)
        if node.kind == "list":
            return [self.convert(child, (*path, index), depth + 1) for index, child in enumerate(node.children)]
        return self._convert_map(node, path, depth)

    def _spend(self, node: _Node, depth: int) -> None:
        """Count a node before it is expanded; merges count too, or they would double without end."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES} values once its aliases are expanded; write less, or without anchors"
            raise _YAMLProblemError(node.line, message)
        if depth > MAX_DEPTH:
            raise _YAMLProblemError(node.line, f"more than {MAX_DEPTH} levels of nesting once its aliases are expanded")

    def _convert_map(self, node: _Node, path: Path, depth: int) -> dict[str, Any]:
        self._spend(node, depth)
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[_Node] = []
        for key_node, value_node in zip(node.children[::2], node.children[1::2], strict=True):
            if key_node.kind == "scalar" and key_node.is_plain and key_node.text == "<<":
                merged += value_node.children if value_node.kind == "list" else [value_node]
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in lines:
                message = f"the key stands twice in one map, first in line {lines[key]}; remove one"
                self.problems.append((key_node.line, (*path, key), message))
                continue
            lines[key] = key_node.line
            result[key] = self.convert(value_node, (*path, key), depth + 1)
            # The key's line is where a reader looks, also for a list or map that begins on the next one.
            self.marks[(*path, key)] = Mark(key_node.line, self.marks[(*path, key)].text)
        for other in merged:
            if other.kind != "map":
                self.problems.append((other.line, path, "<< merges maps only"))
                continue
            for key, value in self._convert_map(_without(other, result), path, depth + 1).items():
                result[key] = value
        return result

    def _key(self, node: _Node, path: Path) -> str | None:
        if node.kind != "scalar":
            self.problems.append((node.line, path, "a list or a map can't be a key"))
            return None
        value = _scalar(node)
        if isinstance(value, str):
            return value
        self.problems.append((node.line, path, f'the key {node.text} is not text; write "{node.text}" in quotes'))
        return None


def _without(node: _Node, taken: Mapping[str, Any]) -> _Node:
    """The map's entries whose keys are not taken yet: what stands in a map wins over what is merged into it."""
    pairs = zip(node.children[::2], node.children[1::2], strict=True)
    kept = [part for key, value in pairs if key.text not in taken or key.text == "<<" for part in (key, value)]
    return _Node("map", node.line, children=kept)


def _scalar(node: _Node) -> Any:
    text = node.text
    if not node.is_plain:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) <= 40 and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= 40 and _FRACTION.fullmatch(text):
        return float(text)
    return text

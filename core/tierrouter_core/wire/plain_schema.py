"""JSON Schemas for servers that make grammars of them, and take only the plain ones."""

from collections.abc import Mapping
from typing import Any

_LEFT_OUT = frozenset({"$schema", "$id", "$defs", "definitions", "format", "examples", "default"})
"""Notes, and what no grammar is made of."""
_MOST_DEPTH = 32


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` without notes, its local references (``#/...``) replaced by what they refer to.

    A reference that leads in a circle, or nowhere, becomes a schema that allows anything.
    """
    plain = _plain(schema, schema, 0)
    return plain if isinstance(plain, dict) else {}


def _plain(value: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(value, list):
        return [_plain(item, root, depth) for item in value]
    if not isinstance(value, Mapping):
        return value
    if depth > _MOST_DEPTH:
        return {}
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        there = _find(root, reference)
        return _plain(there, root, depth + 1) if isinstance(there, Mapping) else {}
    return {
        key: _properties(part, root, depth) if key == "properties" else _plain(part, root, depth + 1)
        for key, part in value.items()
        if key not in _LEFT_OUT
    }


def _properties(named: Any, root: Mapping[str, Any], depth: int) -> Any:
    """Properties may be called like the notes; all of them stay."""
    if not isinstance(named, Mapping):
        return named
    return {name: _plain(part, root, depth + 1) for name, part in named.items()}


def _find(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found

"""What is different between two documents, by path: ``thresholds.file_count`` or ``tiers[deep].model``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tierrouter_core.document.codec import document_to_bytes
from tierrouter_core.document.model import Document

_ABOUT_THE_BYTES = ("schema", "sha256")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same."""

    path: str
    """Items of a list are named, not counted: ``rules[stalled].when``."""
    before: Any
    """As the document's JSON has it; None where there was nothing."""
    after: Any
    """The same of the other document."""


def differences(before: Document, after: Document) -> tuple[Difference, ...]:
    """Every difference, in the order of the paths; empty for documents with the same digest."""
    return tuple(_between("", _body(before), _body(after)))


def _body(document: Document) -> Mapping[str, Any]:
    body: dict[str, Any] = orjson.loads(document_to_bytes(document))
    return {key: value for key, value in body.items() if key not in _ABOUT_THE_BYTES}


def _between(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _between(f"{path}.{key}" if path else key, before.get(key), after.get(key))
        return
    named = _named(before), _named(after)
    if named[0] is not None and named[1] is not None:
        yield from _between_named(path, named[0], named[1])
        return
    yield Difference(path, before, after)


def _between_named(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    shared_before = [name for name in before if name in after]
    shared_after = [name for name in after if name in before]
    if shared_before != shared_after:
        yield Difference(f"{path} (order)", ", ".join(before), ", ".join(after))
    for name in dict.fromkeys((*before, *after)):
        yield from _between(f"{path}[{name}]", before.get(name), after.get(name))


def _named(value: Any) -> Mapping[str, Any] | None:
    """A list of things with names, by name; None for any other value."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "name" in item for item in value):
        return None
    by_name = {item["name"]: item for item in value}
    return by_name if len(by_name) == len(value) else None

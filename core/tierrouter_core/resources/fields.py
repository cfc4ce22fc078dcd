"""Declaring a resource's fields once, and reading files by the declaration.

A resource is a frozen dataclass made by :func:`resource`, each of its fields by :func:`setting`, which keeps the kind
of value and a line of documentation as the field's metadata. :func:`read` follows it and reports everything that is
wrong with a document; :func:`describe` lists it for documentation and, later, for schemas.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Generic, TypeVar, dataclass_transform

from tierrouter_core.errors import Problem
from tierrouter_core.resources.kinds import (
    BAD,
    Duration,
    FreeObject,
    Kind,
    ListOf,
    MapOf,
    ObjectOf,
    OneOf,
    Text,
    did_you_mean,
)
from tierrouter_core.resources.yaml_text import Path, RawDocument, format_path

T = TypeVar("T")

_ACRONYMS = {"url": "URL", "usd": "USD", "mtok": "MTok"}
_NO_DEFAULT: Any = MISSING


def setting(
    kind: Kind,
    doc: str,
    *,
    default: Any = _NO_DEFAULT,
    default_factory: Any = _NO_DEFAULT,
    key: str = "",
    means: str = "",
) -> Any:
    """A field of a resource.

    Args:
        kind: what values it takes.
        doc: its meaning in one line.
        default: value where the file has none; without it the field is required.
        default_factory: makes that value.
        key: its name in files, where that is not the attribute's name in camelCase.
        means: what leaving it out means, for the documentation, where the default doesn't say it.
    """
    metadata = {"kind": kind, "doc": doc, "key": key, "means": means}
    if default_factory is not _NO_DEFAULT:
        return field(default_factory=default_factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
def resource(cls: type[T]) -> type[T]:
    """A frozen dataclass whose fields are all settings."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One declared field."""

    name: str
    """The attribute's name."""
    key: str
    """The name in files."""
    kind: Kind
    doc: str
    default: Any
    """The value where the file has none; MISSING where it is required."""
    means: str

    @property
    def is_required(self) -> bool:
        """Whether a file must have it."""
        return self.default is MISSING


def declared(cls: type[Any]) -> Mapping[str, Declared]:
    """The fields of a resource class by their names in files, in the order of declaration."""
    return _declared_of(cls)  # type: ignore[arg-type]  # a class can be hashed


@cache
def _declared_of(cls: Any) -> Mapping[str, Declared]:
    result = [_declared(entry) for entry in fields(cls)]
    return {entry.key: entry for entry in result}


def _declared(entry: "Field[Any]") -> Declared:
    kind: Kind = entry.metadata["kind"]
    name = entry.name.removesuffix("_ms") if isinstance(kind, Duration) else entry.name
    default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
    return Declared(
        name=entry.name,
        key=entry.metadata["key"] or _camel_case(name),
        kind=kind,
        doc=entry.metadata["doc"],
        default=default,
        means=entry.metadata["means"],
    )


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What came of reading a document."""

    value: T | None
    """None where a required field is missing or bad."""
    problems: tuple[Problem, ...]
    tainted: frozenset[Path]
    """Paths whose values were refused: what is said about them, or by them, is not worth saying."""


def read(cls: type[T], raw: RawDocument, document: str) -> Reading[T]:
    """Read ``raw`` as a ``cls``, reporting every problem and not only the first.

    Args:
        cls: a class made by :func:`resource`. Its ``TOLERATED``, where it has one, names keys to pass over in silence.
        raw: the document.
        document: how messages name it: ``TierRouter/coding``.
    """
    reader = _Reader(raw, document)
    value = reader.read_object(cls, (), raw.value)
    return Reading(None if value is BAD else value, tuple(reader.problems), frozenset(reader.tainted))


class _Reader:
    """Collects problems while the kinds read."""

    def __init__(self, raw: RawDocument, document: str) -> None:
        self._raw = raw
        self._document = document
        self.problems: list[Problem] = []
        self.tainted: set[Path] = set()

    def refuse(self, path: Path, message: str) -> Any:
        self.tainted.add(path)
        self._report(path, message)
        return BAD

    def _report(self, path: Path, message: str) -> None:
        self.problems.append(Problem(self._raw.where(path), self._document, format_path(path), message))

    def spelling(self, path: Path) -> str:
        mark = self._raw.marks.get(path)
        return mark.text if mark is not None else ""

    def read_object(self, cls: type[Any], path: Path, value: Any) -> Any:
        known = declared(cls)
        tolerated: frozenset[str] = getattr(cls, "TOLERATED", frozenset())
        for key in value:
            if key not in known and key not in tolerated:
                names = ", ".join(known)
                self._report((*path, key), f"no such field{did_you_mean(key, known) or f'; there are: {names}'}")
        values: dict[str, Any] = {}
        is_complete = True
        for key, entry in known.items():
            given = value.get(key)
            if given is not None:
                result = entry.kind.read(self, (*path, key), given)
                if result is not BAD:
                    values[entry.name] = result
                elif entry.is_required:
                    is_complete = False
            elif entry.is_required:
                self.refuse((*path, key), f"is missing; expected {entry.kind.allowed()}")
                is_complete = False
        return cls(**values) if is_complete else BAD


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field as the documentation shows it."""

    path: str
    """``spec.tiers[].rank``."""
    type_text: str
    default: str
    doc: str

    @property
    def markdown_row(self) -> str:
        """The row of ``docs/configuration.md``, which a test holds to it."""
        return f"| `{self.path}` | {self.type_text} | {self.default} | {self.doc} |"


def describe(cls: type[Any], prefix: str = "") -> Iterator[FieldDoc]:
    """Every field of a resource class and of what it holds, outermost first."""
    for entry in declared(cls).values():
        path = f"{prefix}{entry.key}"
        yield FieldDoc(path, _type_text(entry.kind), _default_text(entry), entry.doc)
        yield from _inside(entry.kind, path)


def _inside(kind: Kind, path: str) -> Iterator[FieldDoc]:
    if isinstance(kind, ObjectOf):
        yield from describe(kind.cls, f"{path}.")
    elif isinstance(kind, ListOf):
        yield from _inside(kind.item, f"{path}[]")
    elif isinstance(kind, OneOf):
        for one in kind.kinds:
            yield from _inside(one, path)


def _type_text(kind: Kind) -> str:
    if isinstance(kind, ListOf):
        return f"list of: {_type_text(kind.item)}"
    if isinstance(kind, MapOf):
        return f"map of text to: {_type_text(kind.item)}"
    if isinstance(kind, OneOf):
        return " or ".join(_type_text(one) for one in kind.kinds)
    if isinstance(kind, FreeObject):
        return "any JSON object"
    if isinstance(kind, Text) and kind.short:
        return kind.short
    text = re.sub(r"^an? ", "", kind.allowed())
    return re.sub(r", such as .*", "", text)


def _default_text(entry: Declared) -> str:
    if entry.means:
        return entry.means
    if entry.is_required:
        return "required"
    if isinstance(entry.kind, ObjectOf):
        return "none" if entry.default is None else "its fields' defaults"
    if entry.default is None or entry.default == "":
        return "none"
    return f"`{entry.kind.show(entry.default)}`"

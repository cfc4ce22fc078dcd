"""Declared kinds of values to OpenAPI v3 schemas as an API server takes them ("structural").

Everything has bounds: without them the API server refuses CEL rules as too costly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch
from typing import Any

from tierrouter_core.resources.fields import Declared, declared
from tierrouter_core.resources.kinds import (
    Boolean,
    Choice,
    Duration,
    FreeObject,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Money,
    ObjectOf,
    OneOf,
    Text,
)

Schema = dict[str, Any]

_INT32_MAX = 2**31 - 1
# One line of printable characters, as Python's str.isprintable has it; RE2 has the same classes.
ONE_LINE = r"^(?:[^\p{C}\p{Z}]| )*$"
_DURATION = "^(?:[0-9]+(?:ms|s|m|h))+$"
_MONEY = r"^[0-9]{1,9}(?:\.[0-9]{1,12})?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One CEL rule of an object (``x-kubernetes-validations``)."""

    rule: str
    message: str
    """What is wrong; stands alone where ``message_expression`` can't be evaluated."""
    message_expression: str = ""
    """CEL that gives the message, where it can name what is wrong."""
    field_path: str = ""
    """``.spec.rules``: the field that the message is about."""
    reason: str = ""

    @property
    def entry(self) -> Schema:
        """As the schema has it."""
        entry = {"rule": self.rule, "message": self.message}
        if self.message_expression:
            entry["messageExpression"] = self.message_expression
        if self.field_path:
            entry["fieldPath"] = self.field_path
        if self.reason:
            entry["reason"] = self.reason
        return entry


Validations = Mapping[type[Any], tuple[Validation, ...]]
"""The rules of each resource class."""


@dataclass(frozen=True, slots=True)
class SchemaWriter:
    """Writes schemas of resource classes."""

    validations: Validations = field(default_factory=dict)
    with_defaults: bool = True
    """False for a status: what its writer leaves out stays out, so that it can compare what it wrote."""
    free_fields: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    """Fields of free objects that rules look at, by the free object's own name."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What is said of a field beside its documentation, by its name."""

    def object_of(self, cls: type[Any], description: str = "") -> Schema:
        """The schema of a resource class."""
        fields = declared(cls)
        schema: Schema = {"description": description, "type": "object"} if description else {"type": "object"}
        required = [key for key, entry in fields.items() if entry.is_required]
        if required:
            schema["required"] = required
        schema["properties"] = {key: self.field_of(entry) for key, entry in fields.items()}
        if cls in self.validations:
            schema["x-kubernetes-validations"] = [validation.entry for validation in self.validations[cls]]
        return schema

    def field_of(self, entry: Declared) -> Schema:
        """The schema of one declared field."""
        schema: Schema = {"description": self._description_of(entry), **self.value_of(entry.kind)}
        if isinstance(entry.kind, FreeObject) and entry.key in self.free_fields:
            schema["properties"] = dict(self.free_fields[entry.key])
            # No empty list: the API server drops it, and whoever applies the definition again is told of a conflict.
            if validations := self.validations.get(FreeObject):
                schema["x-kubernetes-validations"] = [validation.entry for validation in validations]
        default = _default_of(entry) if self.with_defaults else None
        if default is not None:
            schema["default"] = default
        return schema

    def _description_of(self, entry: Declared) -> str:
        sentences = [entry.doc]
        if entry.means:
            sentences.append(f"Left out: {entry.means}.")
        if entry.key in self.notes:
            sentences.append(self.notes[entry.key])
        return " ".join(sentences)

    def value_of(self, kind: Kind) -> Schema:
        """The schema of a kind of values."""
        if isinstance(kind, ObjectOf):
            return self.object_of(kind.cls)
        if isinstance(kind, ListOf):
            return self._list_of(kind)
        if isinstance(kind, MapOf):
            return self._map_of(kind)
        if isinstance(kind, OneOf):
            return self._one_of(kind)
        return scalar(kind)

    def _list_of(self, kind: ListOf) -> Schema:
        schema: Schema = {"type": "array", "maxItems": kind.max_items}
        if kind.min_items:
            schema["minItems"] = kind.min_items
        if kind.keyed_by:
            schema["x-kubernetes-list-type"] = "map"
            schema["x-kubernetes-list-map-keys"] = [kind.keyed_by]
        elif kind.unique and not kind.ordered:
            schema["x-kubernetes-list-type"] = "set"
        else:
            # Merged lists would keep another manager's items in front of one's own, where order decides.
            schema["x-kubernetes-list-type"] = "atomic"
            if kind.unique:
                schema["x-kubernetes-validations"] = [_EACH_ONCE.entry]
        schema["items"] = self.value_of(kind.item)
        return schema

    def _map_of(self, kind: MapOf) -> Schema:
        schema: Schema = {
            "type": "object",
            "maxProperties": kind.max_items,
            "additionalProperties": self.value_of(kind.item),
        }
        if kind.key is not None:
            is_key = f"size(key) <= {kind.key.max_length} && key.matches({_cel_text(anchored(kind.key.pattern))})"
            message = f"each key must be {kind.key.words}, at most {kind.key.max_length} characters"
            schema["x-kubernetes-validations"] = [Validation(rule=f"self.all(key, {is_key})", message=message).entry]
        return schema

    def _one_of(self, kind: OneOf) -> Schema:
        """Text or a list of objects.

        A structural schema has one type or none. Without one CEL sees nothing, but the keywords of each type hold for
        values of that type alone, so that all others can be shut out by what none of their values fulfils.
        """
        text, items = kind.kinds
        if not isinstance(text, Text) or not isinstance(items, ListOf) or not isinstance(items.item, ObjectOf):
            raise TypeError(f"no schema is known for {kind.allowed()}")
        of_text = {key: value for key, value in scalar(text).items() if key != "type"}
        item = self.object_of(items.item.cls)
        # Unknown fields are kept here, not dropped, so that there must be no room for one.
        item["maxProperties"] = len(item["properties"])
        no_object = {"maxProperties": 0, "required": item["required"]}
        no_number = {"minimum": 1, "maximum": 0}
        no_boolean = {"not": {"enum": [True, False]}}
        return {
            "x-kubernetes-preserve-unknown-fields": True,
            **of_text,
            "minItems": items.min_items,
            "maxItems": items.max_items,
            "items": item,
            **no_object,
            **no_number,
            **no_boolean,
        }


_EACH_ONCE = Validation(rule="self.all(item, self.exists_one(other, other == item))", message="each may stand once")


@singledispatch
def scalar(kind: Kind) -> Schema:
    """The schema of a kind that holds no other."""
    raise TypeError(f"no schema is known for {kind!r}")


@scalar.register
def _text(kind: Text) -> Schema:
    schema: Schema = {"type": "string", "maxLength": kind.max_length}
    if kind.min_length:
        schema["minLength"] = kind.min_length
    if kind.is_time:
        schema["format"] = "date-time"
    if kind.pattern:
        schema["pattern"] = anchored(kind.pattern)
    elif not kind.multiline:
        schema["pattern"] = ONE_LINE
    return schema


@scalar.register
def _integer(kind: Integer) -> Schema:
    size = "int32" if kind.maximum <= _INT32_MAX else "int64"
    return {"type": "integer", "format": size, "minimum": kind.minimum, "maximum": kind.maximum}


@scalar.register
def _boolean(kind: Boolean) -> Schema:
    return {"type": "boolean"}


@scalar.register
def _choice(kind: Choice) -> Schema:
    return {"type": "string", "enum": list(kind.words)}


@scalar.register
def _duration(kind: Duration) -> Schema:
    least, most = kind.show(kind.minimum_ms), kind.show(kind.maximum_ms)
    rule = f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
    return {
        "type": "string",
        "maxLength": 40,
        "pattern": _DURATION,
        "x-kubernetes-validations": [Validation(rule=rule, message=f"expected {kind.allowed()}").entry],
    }


@scalar.register
def _money(kind: Money) -> Schema:
    return {"type": "string", "maxLength": 22, "pattern": _MONEY}


@scalar.register
def _free_object(kind: FreeObject) -> Schema:
    return {"type": "object", "maxProperties": kind.max_items, "x-kubernetes-preserve-unknown-fields": True}


def anchored(pattern: str) -> str:
    """The pattern for the whole text; an API server's own looks for it anywhere."""
    return f"^(?:{pattern})$"


def _cel_text(text: str) -> str:
    """The text as a raw CEL literal."""
    if "'" in text:
        raise ValueError(f"a pattern with a quote has no literal here: {text}")
    return f"r'{text}'"


def _default_of(entry: Declared) -> Any:
    """The default as a file would have it; None where leaving it out is what it means."""
    if entry.is_required or entry.means or isinstance(entry.kind, ObjectOf | ListOf | MapOf | OneOf | FreeObject):
        return None
    if entry.default is None or entry.default == "":
        return None
    if isinstance(entry.kind, Money):
        return f"{entry.default:f}"
    if isinstance(entry.kind, Duration):
        return entry.kind.show(entry.default)
    return entry.default.value if isinstance(entry.default, StrEnum) else entry.default

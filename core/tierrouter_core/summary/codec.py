"""A summary as JSON, and back: another version's may lack fields, or have more."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tierrouter_core.summary.model import Summary

_PLACES = 6
"""Of a dollar and of a second: a millionth."""


def summary_to_json(summary: Summary) -> dict[str, Any]:
    """As ``/summary`` says it: the fields in camel case, and the sums that follow from them."""
    told: dict[str, Any] = _told(summary)
    told["total"] = {
        "turns": summary.turns,
        "failed": summary.failed,
        "costUsd": round(summary.cost_usd, _PLACES),
        "unpricedTurns": summary.unpriced_turns,
        "savedUsd": None if summary.saved_usd is None else round(summary.saved_usd, _PLACES),
        "expensiveTurnShare": round(summary.expensive_turn_share, _PLACES),
    }
    return told


def summary_from_json(data: Any) -> Summary:
    """The inverse; raises ValueError for what no sidecar says."""
    found: Summary = _read(Summary, data)
    return found


def as_json(value: Any) -> Any:
    """Any value of this package: dataclasses as objects with names in camel case."""
    return _told(value)


def _told(value: Any) -> Any:
    kind: Any = type(value)
    # Most values are these; a sidecar that is looked at has turns to serve.
    if kind is str or kind is int or value is None:
        return value
    if kind is float:
        return round(value, _PLACES)
    if kind is tuple:
        return [_told(each) for each in value]
    if is_dataclass(value):
        return {told: _told(getattr(value, name)) for name, told in _names(kind)}
    if isinstance(value, Mapping):
        return {str(key): _told(each) for key, each in value.items()}
    return value


@cache
def _names(kind: Any) -> tuple[tuple[str, str], ...]:
    """A dataclass' fields, and what they are called in JSON."""
    return tuple((field.name, _camel(field.name)) for field in fields(kind))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _read(kind: Any, data: Any) -> Any:
    """``data`` as a value of a type that this package uses."""
    origin, parts = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_object(kind, data)
    if origin is UnionType:
        if data is None:
            return None
        return _read(next(part for part in parts if part is not NoneType), data)
    if origin is tuple and isinstance(data, list):
        return tuple(_read(parts[0], each) for each in data)
    if origin is Mapping and isinstance(data, dict):
        return {key: _read(parts[1], each) for key, each in data.items()}
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if isinstance(kind, type) and type(data) is kind:
        return data
    raise ValueError(f"{data!r:.60} is not what a sidecar says here")


def _read_object(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{data!r:.60} is no object")
    hints, values = get_type_hints(kind), {}
    for field in fields(kind):
        name = _camel(field.name)
        if name in data:
            values[field.name] = _read(hints[field.name], data[name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name} is missing")
    return kind(**values)

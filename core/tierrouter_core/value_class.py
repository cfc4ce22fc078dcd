"""Classes of values that are made for every turn: immutable to the type checker, cheap at run time.

``@dataclass(frozen=True)`` sets each field through ``object.__setattr__``, which takes three times as long as setting
it. A turn makes some twenty values with a hundred fields, so mypy is left to keep them from being changed.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_class(cls: type[_Class]) -> type[_Class]:
    """A dataclass with slots, equality and a hash."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def keyword_value_class(cls: type[_Class]) -> type[_Class]:
    """As :func:`value_class`, made by keywords only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)

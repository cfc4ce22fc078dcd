"""The kinds of values that a resource's field may hold: how each is read, what it allows, how it is shown.

A kind is plain data (ranges, patterns, choices), so that documentation is checked and schemas can be made from the
same declaration that reads a file. ``read`` gets a value from YAML and gives the value as the program uses it, or BAD
after saying why.
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ClassVar, Final, Protocol

from tierrouter_core.resources.yaml_text import Path


class _Bad(Enum):
    BAD = 0


BAD: Final = _Bad.BAD
"""What ``read`` gives for a value that it has refused."""

MAX_INTEGER = 2**63 - 1
_LARGE = 2**31 - 1


class Reader(Protocol):
    """What a kind needs of whoever reads a file: somewhere to report, and how things were spelled."""

    def refuse(self, path: Path, message: str) -> Any:
        """Report ``message`` for ``path``; gives BAD."""
        ...

    def spelling(self, path: Path) -> str:
        """The scalar's text as it stands in the file."""
        ...

    def read_object(self, cls: type[Any], path: Path, value: Any) -> Any:
        """Read a map as an object of ``cls``; BAD where a required field is bad."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Any kind of value."""

    python: ClassVar[tuple[type, ...]] = ()
    """The types of YAML values that may be of this kind."""

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        """The value as the program uses it, or BAD."""
        raise NotImplementedError

    def allowed(self) -> str:
        """What is allowed, as the end of ``expected ...``."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """The program's value as a user would write it."""
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Kind):
    """Text, perhaps of one form."""

    python: ClassVar[tuple[type, ...]] = (str,)
    pattern: str = ""
    """A regular expression for the whole text; empty: any."""
    words: str = "text"
    """What the pattern allows, in words."""
    short: str = ""
    """The same for a table, where the words are too many."""
    min_length: int = 0
    max_length: int = 10_000
    multiline: bool = False
    is_time: bool = False
    """Whether the pattern's texts are RFC 3339 times, for the API server's schema."""

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, str):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if len(value) > self.max_length:
            return reader.refuse(path, f"has {len(value)} characters; at most {self.max_length} are allowed")
        is_bad_form = self.pattern and not re.fullmatch(self.pattern, value)
        if is_bad_form or len(value) < self.min_length:
            return reader.refuse(path, f"{found(value)}, expected {self.allowed()}")
        if not self.multiline and not value.isprintable():
            return reader.refuse(path, f"{found(value)}, expected one line without control characters")
        return value

    def allowed(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(Kind):
    """A whole number in a range."""

    python: ClassVar[tuple[type, ...]] = (int,)
    minimum: int = 0
    maximum: int = _LARGE

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if not self.minimum <= value <= self.maximum:
            return reader.refuse(path, f"found {value}, expected {self.allowed()}")
        return value

    def allowed(self) -> str:
        if self.maximum < _LARGE:
            return f"an integer from {self.minimum} to {self.maximum}"
        return f"an integer, {self.minimum} or more" if self.minimum > -_LARGE else "an integer of 32 bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(Kind):
    """true or false."""

    python: ClassVar[tuple[type, ...]] = (bool,)

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, bool):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        return value

    def allowed(self) -> str:
        return "true or false"

    def show(self, value: Any) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Kind):
    """One of a few words; an enumeration's member where ``of`` is one."""

    python: ClassVar[tuple[type, ...]] = (str,)
    of: type[StrEnum] | tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in order."""
        return self.of if isinstance(self.of, tuple) else tuple(member.value for member in self.of)

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, str):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if value not in self.words:
            return reader.refuse(path, f"{found(value)}, expected {self.allowed()}{did_you_mean(value, self.words)}")
        return value if isinstance(self.of, tuple) else self.of(value)

    def allowed(self) -> str:
        return " or ".join(part for part in (", ".join(self.words[:-1]), self.words[-1]) if part)


_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration(Kind):
    """A time such as ``30m``, read as milliseconds."""

    python: ClassVar[tuple[type, ...]] = (str,)
    minimum_ms: int = 1
    maximum_ms: int = 30 * 24 * 3_600_000

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return reader.refuse(path, f"found {value} without a unit; write {value}s or {value}m")
        if not isinstance(value, str):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if len(value) > 40 or not re.fullmatch(r"(?:[0-9]+(?:ms|s|m|h))+", value):
            return reader.refuse(path, f"{found(value)}, expected {self.allowed()}")
        parts = re.findall(r"([0-9]+)(ms|s|m|h)", value)
        total = sum(int(number) * _DURATION_UNITS[unit] for number, unit in parts)
        if not self.minimum_ms <= total <= self.maximum_ms:
            return reader.refuse(path, f"{found(value)}, expected {self.allowed()}")
        return total

    def allowed(self) -> str:
        return f"a time from {self.show(self.minimum_ms)} to {self.show(self.maximum_ms)}, such as 30m, 90s or 1h30m"

    def show(self, value: Any) -> str:
        for unit in ("h", "m", "s"):
            if value and value % _DURATION_UNITS[unit] == 0:
                return f"{value // _DURATION_UNITS[unit]}{unit}"
        return f"{value}ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money(Kind):
    """US dollars as a decimal in quotes, so that no float rounds them."""

    python: ClassVar[tuple[type, ...]] = (str,)

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            spelled = reader.spelling(path)
            return reader.refuse(path, f'found the number {spelled}; money is written in quotes: "{spelled}"')
        if not isinstance(value, str):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,12})?", value):
            return reader.refuse(path, f"{found(value)}, expected {self.allowed()}")
        return Decimal(value)

    def allowed(self) -> str:
        return 'dollars as a decimal in quotes, 0 or more, such as "0.95"'

    def show(self, value: Any) -> str:
        return f'"{value:f}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Kind):
    """A list, read as a tuple."""

    python: ClassVar[tuple[type, ...]] = (list,)
    item: Kind
    min_items: int = 0
    max_items: int = 256
    unique: bool = False
    ordered: bool = True
    """Whether the order means anything; what has none may be merged when several people apply parts of it."""
    keyed_by: str = ""
    """The field by which items are told apart, where their order means nothing."""

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, list):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if not self.min_items <= len(value) <= self.max_items:
            return reader.refuse(path, f"has {len(value)} items, expected {self.min_items} to {self.max_items}")
        items = []
        for index, entry in enumerate(value):
            item = self.item.read(reader, (*path, index), entry)
            if item is BAD:
                continue
            if self.unique and item in items:
                reader.refuse((*path, index), f"{found(entry)} a second time; each may stand once")
                continue
            items.append(item)
        return tuple(items)

    def allowed(self) -> str:
        return f"a list, each item {self.item.allowed()}"

    def show(self, value: Any) -> str:
        return "[" + ", ".join(self.item.show(item) for item in value) + "]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Kind):
    """A map from text to values of one kind."""

    python: ClassVar[tuple[type, ...]] = (dict,)
    item: Kind
    key: Text | None = None
    """What keys must be; None: any text."""
    max_items: int = 256

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, dict):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if len(value) > self.max_items:
            return reader.refuse(path, f"has {len(value)} entries, expected at most {self.max_items}")
        items = {}
        for key, entry in value.items():
            at = (*path, key)
            is_bad_key = self.key is not None and self.key.read(reader, at, key) is BAD
            item = self.item.read(reader, at, entry)
            if not is_bad_key and item is not BAD:
                items[key] = item
        return items

    def allowed(self) -> str:
        return f"a map, each value {self.item.allowed()}"

    def show(self, value: Any) -> str:
        return "{" + ", ".join(f"{key}: {self.item.show(item)}" for key, item in value.items()) + "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectOf(Kind):
    """A map with declared fields."""

    python: ClassVar[tuple[type, ...]] = (dict,)
    cls: type[Any]

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, dict):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        return reader.read_object(self.cls, path, value)

    def allowed(self) -> str:
        return "a map"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeObject(Kind):
    """A JSON object that is passed on as it is."""

    python: ClassVar[tuple[type, ...]] = (dict,)
    max_items: int = 256

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        if not isinstance(value, dict):
            return reader.refuse(path, wrong_type(reader, path, value, self))
        if len(value) > self.max_items:
            return reader.refuse(path, f"has {len(value)} entries, expected at most {self.max_items}")
        for at, number in _numbers(value, path):
            if not math.isfinite(number) or (isinstance(number, int) and abs(number) > MAX_INTEGER):
                reader.refuse(at, f"found {reader.spelling(at)}, which JSON can't hold exactly; write it as text")
        return value

    def allowed(self) -> str:
        return "a map of any JSON values"

    def show(self, value: Any) -> str:
        return "{}" if not value else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Kind):
    """One kind or another, told apart by the type that is written."""

    kinds: tuple[Kind, ...]

    def read(self, reader: Reader, path: Path, value: Any) -> Any:
        for kind in self.kinds:
            if isinstance(value, kind.python) and not (isinstance(value, bool) and bool not in kind.python):
                return kind.read(reader, path, value)
        return reader.refuse(path, wrong_type(reader, path, value, self))

    def allowed(self) -> str:
        return ", or ".join(kind.allowed() for kind in self.kinds)


def _numbers(value: Any, path: Path) -> Iterable[tuple[Path, int | float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers(item, (*path, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def found(value: str) -> str:
    """``found "deap"``, shortened, controls made visible."""
    short = value if len(value) <= 60 else value[:57] + "..."
    return f'found "{short}"' if short.isprintable() else f"found {short!r}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "deep"?`` for a near miss, else nothing."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f'; did you mean "{by_lower[close[0]]}"?' if close else ""


def wrong_type(reader: Reader, path: Path, value: Any, kind: Kind) -> str:
    """What to say when the YAML value has the wrong type, with the way out of YAML's own conversions."""
    spelled = reader.spelling(path)
    if isinstance(value, bool):
        what = f"found the boolean {str(value).lower()}"
        if spelled not in ("true", "false"):
            what += f" (YAML reads {spelled} so)"
    elif isinstance(value, int | float):
        what = f"found the number {spelled}"
    elif isinstance(value, dict):
        what = "found a map"
    elif isinstance(value, list):
        what = "found a list"
    elif isinstance(value, str):
        what = found(value)
    else:
        what = "found nothing"
    message = f"{what}, expected {kind.allowed()}"
    if isinstance(value, bool | int | float) and _takes_text(kind):
        message += f'; if you mean the text, write "{spelled}" in quotes'
    return message


def _takes_text(kind: Kind) -> bool:
    if isinstance(kind, OneOf):
        return any(_takes_text(one) for one in kind.kinds)
    return isinstance(kind, Text | Choice)

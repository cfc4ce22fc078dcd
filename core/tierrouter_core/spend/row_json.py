"""The ledger's rows as JSON lines: how they stand in logs, where a report may read them back.

A line begins with a marker, so that it is found among other lines even where a log collector put a time stamp or a
pod's name before it. Money is a decimal string: JSON numbers lose cents.
"""

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

import orjson

from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.tier_facts import RevisionFacts, revision_from_json, revision_to_json

TURN_MARKER = "tierrouter_turn"
ATTEMPT_MARKER = "tierrouter_attempt"
TIERS_MARKER = "tierrouter_tiers"
LINE_VERSION = 1

# Reports make file names of the date, and sort by the text.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def row_to_json_line(row: TurnRow) -> str:
    """``row`` as one line of JSON without a line end; its first key is ``"tierrouter_turn":1``."""
    return _line(TURN_MARKER, {column: _json_value(value) for column, value in row._asdict().items()})


def attempt_to_json_line(row: AttemptRow) -> str:
    """``row`` as one line of JSON without a line end; its first key is ``"tierrouter_attempt":1``."""
    return _line(ATTEMPT_MARKER, {column: _json_value(value) for column, value in row._asdict().items()})


def revision_to_json_line(facts: RevisionFacts) -> str:
    """``facts`` as one line of JSON without a line end; its first key is ``"tierrouter_tiers":1``."""
    return _line(TIERS_MARKER, revision_to_json(facts))


def row_from_json(data: Mapping[str, Any]) -> TurnRow:
    """The row of a parsed line. Unknown keys are ignored, missing ones have their default.

    Raises ValueError that names the column for a value of the wrong sort.
    """
    values: dict[str, Any] = {}
    for column in _TURN_COLUMNS:
        if column.name in data:
            values[column.name] = column.read(data[column.name])
        elif column.required:
            raise ValueError(f"column {column.name} is missing")
    if not _is_time(values["time"]):
        raise ValueError(f"column time: {values['time']!r} is not a time in UTC like 2026-01-31T12:00:00.123Z")
    return TurnRow(**values)


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def parse_line(line: bytes) -> TurnRow | RevisionFacts | None:
    """What a line of a log says: a turn, a revision's tiers, or nothing of ours (None).

    Raises ValueError for a line that is marked as ours and can't be read, such as one that was cut.
    """
    for marker in (TURN_MARKER, TIERS_MARKER):
        name = marker.encode()
        if name not in line:
            continue
        data = _parsed(line, name)
        if data is None:
            continue
        if data[marker] != LINE_VERSION:
            raise ValueError(f"the line has version {data[marker]!r}; this TierRouter reads version {LINE_VERSION}")
        try:
            return row_from_json(data) if marker == TURN_MARKER else revision_from_json(data)
        except (KeyError, TypeError, InvalidOperation) as error:
            raise ValueError(f"the line can't be read: {error!r}") from None
    return None


def _parsed(line: bytes, marker: bytes) -> Mapping[str, Any] | None:
    """The object that bears ``marker``; None where the marker is only mentioned."""
    begin = line.find(b'{"' + marker + b'":')
    if begin >= 0:
        try:
            data = orjson.loads(line[begin:])
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the line is not whole: {error}") from None
        return data if isinstance(data, dict) else None
    # A collector may have parsed the line and written it in another order, or put it into a field as text.
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(data, dict):
        return None
    if marker.decode() in data:
        return data
    for field in ("log", "message", "msg"):
        text = data.get(field)
        if isinstance(text, str) and marker.decode() in text:
            return _parsed(text.encode(), marker)
    return None


def _line(marker: str, values: dict[str, Any]) -> str:
    try:
        return orjson.dumps({marker: LINE_VERSION, **values}).decode()
    except TypeError:
        # A header with stray bytes becomes text that is not valid Unicode; or a number exceeds 64 bits.
        return orjson.dumps({marker: LINE_VERSION, **{key: _tame(value) for key, value in values.items()}}).decode()


def valid_text(text: str) -> str:
    """``text`` with whatever can't be written as UTF-8 replaced by ``?``."""
    return text.encode("utf-8", "replace").decode()


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, int) and value.bit_length() > 63:
        return 2**63 - 1 if value > 0 else -(2**63)
    return value


def _json_value(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


@dataclass(frozen=True, slots=True)
class _Column:
    """How a column's JSON value becomes the row's."""

    name: str
    kind: type
    optional: bool
    required: bool

    def read(self, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if self.kind is Decimal and isinstance(value, str):
            try:
                amount = Decimal(value)
            except InvalidOperation:
                amount = Decimal("NaN")
            if amount.is_finite():
                return amount
        elif isinstance(value, self.kind) and not isinstance(value, bool):
            return value
        raise ValueError(f"column {self.name}: {value!r} is not {_KIND_WORDS[self.kind]}")


_KIND_WORDS = {str: "text", int: "a whole number", Decimal: "a decimal number in quotes"}


def _columns() -> Sequence[_Column]:
    made = []
    for name, annotation in TurnRow.__annotations__.items():
        optional = isinstance(annotation, types.UnionType)
        kind: Any = get_args(annotation)[0] if optional else annotation
        made.append(_Column(name, kind, optional, required=name not in TurnRow._field_defaults))
    return tuple(made)


_TURN_COLUMNS = _columns()

"""What waits to be written: a turn with its attempts, or a revision's facts; as SQL values and as log lines."""

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from tierrouter_core.spend.price import Price, price_to_json
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.row_json import attempt_to_json_line, revision_to_json_line, row_to_json_line, valid_text
from tierrouter_core.spend.tier_facts import RevisionFacts
from tierrouter_core.value_class import value_class
from tierrouter_sidecar.ledger import schema

_MOST_ROWS_AT_ONCE = 64
"""Python's lock is held while their values, 33 a turn, are handed to SQLite: a fifth of a millisecond for so many."""
_LARGEST_INTEGER = 2**63 - 1


@value_class
class Turn:
    """A turn and its attempts: written together or not at all."""

    row: TurnRow
    attempts: tuple[AttemptRow, ...]


Entry = Turn | RevisionFacts


def write_batch(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Write all of ``entries`` in one transaction, or raise what SQLite raises and write none."""
    turns, attempts, facts = [], [], []
    for entry in entries:
        if isinstance(entry, Turn):
            turns.append(_values(entry.row, schema.MONEY_IN_TURNS))
            attempts += [_values(row, schema.MONEY_IN_ATTEMPTS) for row in entry.attempts]
        else:
            facts.append(entry)
    connection.execute("BEGIN IMMEDIATE")
    try:
        _insert(connection, schema.INSERT_TURN, turns)
        _insert(connection, schema.INSERT_ATTEMPT, attempts)
        for revision in facts:
            _write_facts(connection, revision)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has already rolled back after some errors (a full disk), and not after others.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _insert(connection: sqlite3.Connection, statement: str, rows: list[list[Any]]) -> None:
    """Insert many rows by few statements.

    Each statement lets go of Python's lock, and while the event loop is busy it takes 5 ms to get that back: by
    ``executemany``, which runs one for each row, some hundred rows would take seconds, and a kill would cost them.
    """
    done = 0
    while done < len(rows):
        # By powers of two, so that a handful of statements, which the connection keeps compiled, does for any number.
        count = min(_MOST_ROWS_AT_ONCE, 1 << ((len(rows) - done).bit_length() - 1))
        values = list(chain.from_iterable(rows[done : done + count]))
        try:
            connection.execute(_for_rows(statement, count), values)
        except (UnicodeEncodeError, OverflowError):
            connection.execute(_for_rows(statement, count), [_storable(value) for value in values])
        done += count


@lru_cache(maxsize=64)
def _for_rows(statement: str, count: int) -> str:
    """``INSERT ... VALUES (?, ?) ...`` for one row, made to insert ``count``."""
    head, values, tail = re.split(r"(\(\?[?, ]*\))", statement, maxsplit=1)
    return f"{head}{', '.join([values] * count)}{tail}"


def log_lines(entry: Entry) -> Iterator[str]:
    """The entry as lines of JSON, each with its line end, for a log that can be read back."""
    if isinstance(entry, Turn):
        yield row_to_json_line(entry.row) + "\n"
        for attempt in entry.attempts:
            yield attempt_to_json_line(attempt) + "\n"
    else:
        yield revision_to_json_line(entry) + "\n"


def _write_facts(connection: sqlite3.Connection, facts: RevisionFacts) -> None:
    base = facts.baseline
    baseline = (
        ("", None, 0, 0)
        if base is None
        else (base.model, _price_text(base.price), base.cache_ttl_ms, base.cache_min_tokens)
    )
    loaded_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    connection.execute(schema.INSERT_REVISION, (facts.revision, loaded_at, *baseline))
    connection.executemany(
        schema.INSERT_TIER,
        [
            (
                facts.revision,
                tier.tier,
                tier.rank,
                tier.expensive,
                tier.provider,
                tier.model,
                tier.model_id,
                _price_text(tier.price),
                tier.cache_ttl_ms,
                tier.cache_min_tokens,
            )
            for tier in facts.tiers
        ],
    )


def _price_text(price: Price | None) -> str | None:
    return None if price is None else orjson.dumps(price_to_json(price)).decode()


def _values(row: tuple[Any, ...], money: tuple[int, ...]) -> list[Any]:
    values = list(row)
    for index in money:
        if values[index] is not None:
            values[index] = format(values[index], "f")
    return values


def _storable(value: Any) -> Any:
    """What SQLite refuses as something that it takes: text with lone surrogates, integers of more than 64 bits."""
    # Text from a header may hold stray bytes as lone surrogates.
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, int):
        return max(-_LARGEST_INTEGER - 1, min(value, _LARGEST_INTEGER))
    return value

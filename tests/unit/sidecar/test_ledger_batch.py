"""Writing rows in batches of any size."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_sidecar.ledger import schema
from tierrouter_sidecar.ledger.batch import Turn, write_batch


def turn(number: int, **fields: object) -> Turn:
    turn_id = f"{number:06}"
    row = TurnRow(turn_id=turn_id, time="2026-01-31T12:00:00.123Z", cost_usd=Decimal("1E-7"), **fields)  # type: ignore[arg-type]
    attempt = AttemptRow(turn_id=turn_id, attempt=1, tier="a", provider="b", model="c", status=200, error="")
    return Turn(row, (attempt,))


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return schema.open_for_writing(tmp_path / schema.LEDGER_FILE)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 65, 127, 500])
def test_all_rows_of_a_batch_are_written(connection: sqlite3.Connection, count: int) -> None:
    write_batch(connection, [turn(number) for number in range(count)])
    for table in ("turns", "attempts"):
        ids = [turn_id for (turn_id,) in connection.execute(f"SELECT turn_id FROM {table} ORDER BY turn_id")]
        assert ids == [f"{number:06}" for number in range(count)]


def test_batches_of_all_sizes_need_few_statements(connection: sqlite3.Connection) -> None:
    statements = set()
    connection.set_trace_callback(lambda text: statements.add(len(text)) if text.startswith("INSERT") else None)
    for count in range(1, 200):
        write_batch(connection, [turn(number) for number in range(count)])
    # Compiled statements are kept: one for each number of rows would take megabytes.
    assert len(statements) <= 14


def test_what_sqlite_refuses_is_stored_as_near_as_it_can_be(connection: sqlite3.Connection) -> None:
    odd = turn(1, session="a\udcffb", input_tokens=2**70, output_tokens=-(2**70))
    write_batch(connection, [turn(0), odd, turn(2)])
    rows = connection.execute("SELECT session, input_tokens, output_tokens, cost_usd FROM turns").fetchall()
    assert rows == [("", 0, 0, "0.0000001"), ("a?b", 2**63 - 1, -(2**63), "0.0000001"), ("", 0, 0, "0.0000001")]

"""Rows as lines of JSON and CSV, and back."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spend_examples import REVISION, turn

from tierrouter_core.spend.row import COLUMNS, TurnRow
from tierrouter_core.spend.row_csv import CSV_HEADER, csv_line, csv_lines
from tierrouter_core.spend.row_json import parse_line, revision_to_json_line, row_from_json, row_to_json_line

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**53)
money = st.none() | st.decimals(0, 1000, places=9)
rows = st.builds(
    turn,
    st.integers(0, 3599),
    session=texts,
    model=texts,
    reason=texts,
    labels=texts,
    input_tokens=numbers,
    duration_ms=numbers,
    ttft_ms=st.none() | numbers,
    cost_usd=money,
    baseline_cost_usd=money,
)


@given(rows)
def test_a_row_comes_back_from_its_line_as_it_was(row: TurnRow) -> None:
    line = row_to_json_line(row)
    assert "\n" not in line
    assert line.startswith('{"tierrouter_turn":1,')
    assert parse_line(line.encode()) == row


@given(rows)
def test_a_row_is_found_behind_whatever_a_log_collector_puts_around_it(row: TurnRow) -> None:
    line = row_to_json_line(row)
    assert parse_line(f"2026-01-31T12:00:00.1Z stdout F {line}\n".encode()) == row
    assert parse_line(json.dumps({"log": line + "\n", "stream": "stdout"}).encode()) == row
    assert parse_line(json.dumps({"stream": "stdout", **json.loads(line)}).encode()) == row


@pytest.mark.parametrize("line", [b"", b"listening on 8383", b'{"level":"info"}', b"saw tierrouter_turn here", b"\xff"])
def test_other_lines_are_nothing_of_ours(line: bytes) -> None:
    assert parse_line(line) is None


def test_a_session_that_quotes_a_row_does_not_make_another_row() -> None:
    row = turn(0, session=row_to_json_line(turn(1)))
    assert parse_line(row_to_json_line(row).encode()) == row


def test_a_line_that_was_cut_says_so() -> None:
    with pytest.raises(ValueError, match="not whole"):
        parse_line(row_to_json_line(turn(0)).encode()[:-9])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tierrouter_turn": 2}, "version 2"),
        ({"attempts": "3"}, "column attempts: '3' is not a whole number"),
        ({"attempts": True}, "column attempts"),
        ({"cost_usd": 0.1}, "column cost_usd: 0.1 is not a decimal number in quotes"),
        ({"cost_usd": "NaN"}, "column cost_usd"),
        ({"time": "../../etc"}, "column time"),
        ({"time": "2026-02-31T00:00:00Z"}, "column time"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], message: str) -> None:
    data = {**json.loads(row_to_json_line(turn(0))), **change}
    with pytest.raises(ValueError, match=message):
        parse_line(json.dumps(data).encode())


def test_unknown_keys_are_ignored_and_missing_ones_have_their_default() -> None:
    row = row_from_json({"turn_id": "1", "time": "2026-01-31T12:00:00Z", "of_a_later_version": 1})
    assert row == TurnRow(turn_id="1", time="2026-01-31T12:00:00Z")
    with pytest.raises(ValueError, match="turn_id is missing"):
        row_from_json({"time": "2026-01-31T12:00:00Z"})


def test_stray_bytes_in_a_header_do_not_stop_a_row() -> None:
    back = parse_line(row_to_json_line(turn(0, session="a\udcffb", duration_ms=2**70)).encode())
    assert isinstance(back, TurnRow)
    assert (back.session, back.duration_ms) == ("a?b", 2**63 - 1)


def test_a_revision_comes_back_from_its_line_as_it_was() -> None:
    assert parse_line(revision_to_json_line(REVISION).encode()) == REVISION


def test_the_csv_header_is_the_published_one() -> None:
    assert CSV_HEADER == (
        "turn_id,time,namespace,router,pod,session,agent,dialect,hint,tier,provider,model,revision,reason,outcome,"
        "attempts,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,usage_source,"
        "cost_usd,baseline_model,baseline_cost_usd,ttft_ms,duration_ms,requested_model,turn_kind,parent_agent,"
        "cache_write_1h_tokens,cost_source,labels"
    )


@given(st.lists(st.text(max_size=20), min_size=2, max_size=5))
def test_any_csv_reader_gets_the_cells_back(cells: list[str]) -> None:
    assert next(csv.reader(io.StringIO(csv_line(cells), newline=""), strict=True)) == cells


def test_unknown_is_an_empty_cell_and_small_money_has_no_exponent() -> None:
    text = "".join(csv_lines([turn(0, cost_usd=Decimal("1E-8"))]))
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(row) == COLUMNS
    assert (row["cost_usd"], row["baseline_cost_usd"], row["ttft_ms"]) == ("0.00000001", "", "")

"""Caps that come into force know what was spent before, each turn once, whenever it ended."""

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "routing"))

import documents

from tierrouter_core.document.model import Budget, Document
from tierrouter_core.names import Outcome
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_sidecar.ledger import Ledger
from tierrouter_sidecar.ledger.read import row_time
from tierrouter_sidecar.look_back import LookBack
from tierrouter_sidecar.spending import Reservation, Spending


def document(limit_usd: str) -> Document:
    budget = Budget(
        name="all", scope="Router", window_ms=86_400_000, limit_usd=Decimal(limit_usd), on_exhausted="Reject"
    )
    return documents.document(budgets=(budget,))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path)
    yield opened
    opened.close(5.0)


class World:
    """A sidecar's accounts beside its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.spending = Spending()
        self.look_back = LookBack(self.spending, ledger)
        self.document = document("100")
        self._ids = count()

    def turn(self) -> None:
        """A turn that costs a dollar is over, as a sidecar has it: first the ledger, then the accounts."""
        turn_id, now = f"{next(self._ids):06}", datetime.now(UTC)
        row = TurnRow(
            turn_id=turn_id,
            time=row_time(now),
            router=self.document.router,
            session="s",
            tier="routine",
            outcome=Outcome.ANSWERED,
            cost_usd=Decimal(1),
        )
        attempt = AttemptRow(
            turn_id=turn_id,
            attempt=1,
            tier="routine",
            provider="p",
            model="m",
            status=200,
            error="",
            cost_usd=Decimal(1),
        )
        self.ledger.record(row, [attempt])
        self.spending.settle((), self.document, row, [attempt], now.timestamp())

    @property
    def spent_usd(self) -> float:
        books = self.spending._books
        assert books is not None
        return books.accounts.of(books.document.budgets[0], "s").used_usd(time.time())


def test_what_the_ledger_has_counts_at_the_start(ledger: Ledger) -> None:
    world = World(ledger)
    for _ in range(3):
        world.turn()
    world.look_back.take_up(world.document)
    assert world.spent_usd == 3


async def test_turns_that_end_before_within_and_after_the_reading_count_once(ledger: Ledger) -> None:
    world = World(ledger)
    world.look_back.take_up(world.document)
    world.turn()
    preparing = asyncio.create_task(world.look_back.prepare(document("5")))
    while not preparing.done():
        world.turn()
        await asyncio.sleep(0)
    world.turn()
    turns = next(world._ids)
    world.look_back.take_up(document("5"))
    assert world.spent_usd == turns
    world.turn()
    assert world.spent_usd == turns + 1


async def test_it_is_read_by_another_thread(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    monkeypatch.setattr(
        "tierrouter_sidecar.look_back.read_rows", lambda *_: threads.append(threading.current_thread()) or iter(())
    )
    world = World(ledger)
    await world.look_back.prepare(document("5"))
    world.look_back.take_up(document("5"))
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_caps_that_stay_are_not_added_up_again(ledger: Ledger) -> None:
    world = World(ledger)
    world.look_back.take_up(world.document)
    books = world.spending._books
    await world.look_back.prepare(document("100"))
    world.look_back.take_up(document("100"))
    assert world.spending._books is books


async def test_another_document_than_was_prepared_is_added_up_itself(ledger: Ledger) -> None:
    world = World(ledger)
    world.turn()
    await world.look_back.prepare(document("5"))
    world.look_back.take_up(document("7"))
    assert (world.spent_usd, world.spending.has_other_caps(document("7"))) == (1, False)


def test_what_is_under_way_is_held_in_the_new_accounts_too(ledger: Ledger) -> None:
    world = World(ledger)
    world.look_back.take_up(world.document)
    held = Reservation("routine", "s", usd=2.0, risked_usd=1.0)
    assert world.spending._books is not None
    held.hold(world.spending._books.accounts)
    world.spending._held.add(held)
    world.look_back.take_up(document("5"))
    assert world.spent_usd == 2
    held.let_go()
    assert world.spent_usd == 0


def test_a_ledger_that_can_not_be_read_is_told_of(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    world = World(ledger)
    ledger.close(5.0)
    ledger.path.write_bytes(b"no database, and longer than a header of one would be" * 40)
    world.look_back.take_up(world.document)
    assert world.spent_usd == 0
    assert "budgets begin at nothing" in caplog.text


@pytest.mark.parametrize(
    ("column", "value"), [("cost_usd", "a lot"), ("time", "yesterday, or so"), ("time", "9999-99")]
)
def test_a_damaged_row_costs_no_more_than_the_rows_behind_it(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, column: str, value: str
) -> None:
    world = World(ledger)
    world.turn()
    world.turn()
    ledger.close(5.0)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute(f"UPDATE turns SET {column} = ? WHERE turn_id = '000001'", (value,))
    world.look_back.take_up(world.document)
    assert world.spent_usd == 1
    assert "budgets lack the turns from a damaged row" in caplog.text


def test_turns_that_a_wrong_clock_has_put_into_the_future_hide_none(ledger: Ledger) -> None:
    world = World(ledger)
    world.turn()
    world.turn()
    ledger.close(5.0)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE turns SET time = '2999-01-01T00:00:00.000Z' WHERE turn_id = '000001'")
    world.look_back.take_up(world.document)
    assert world.spent_usd == 2

"""Reading ledgers and logs back as rows, in the order of their time, also while a sidecar is writing."""

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.price import Price, price_from_json
from tierrouter_core.spend.row import COLUMNS, TurnRow
from tierrouter_core.spend.row_json import parse_line
from tierrouter_core.spend.tier_facts import RevisionFacts, TierFacts
from tierrouter_sidecar.ledger import schema
from tierrouter_sidecar.state_dir import LedgerError

OnDamage = Callable[[int, str], None]
"""Called with a line's number, counted from 1, and what is wrong with it."""


def row_time(moment: datetime) -> str:
    """``moment`` as :attr:`TurnRow.time` is written."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def ledger_files(places: Path | Sequence[Path]) -> list[Path]:
    """The ledgers at ``places``, each a ledger's file or a folder.

    In a folder: its ``ledger.sqlite3``, and those one level deeper (a shared volume with a folder for each pod), else
    every ``*.sqlite3`` in it. A folder without any has no turns yet, which is no error.

    Raises:
        LedgerError: a place does not exist.
    """
    files: dict[Path, None] = {}
    for place in [places] if isinstance(places, Path) else places:
        if place.is_dir():
            own = [path for path in (place / schema.LEDGER_FILE,) if path.is_file()]
            found = own + sorted(place.glob(f"*/{schema.LEDGER_FILE}")) or sorted(place.glob("*.sqlite3"))
            files.update(dict.fromkeys(found))
        elif place.exists():
            files[place] = None
        else:
            raise LedgerError(f"no ledger at {place}: no such file or directory; give the --state-dir of a router")
    return list(files)


def read_rows(places: Path | Sequence[Path], since: datetime | None = None) -> Iterator[TurnRow]:
    """The turns at ``places`` (see :func:`ledger_files`) from ``since`` on, in the order of their time.

    Raises:
        LedgerError: a ledger is missing, damaged, or another version's.
    """
    begin = "" if since is None else row_time(since)
    parts = [_rows_of(path, begin) for path in ledger_files(places)]
    if len(parts) == 1:
        yield from parts[0]
        return
    seen_at, seen = "", set[str]()
    for row in heapq.merge(*parts, key=attrgetter("time")):
        # A copy of a ledger beside the original must not double the bill.
        if row.time != seen_at:
            seen_at, seen = row.time, set()
        if row.turn_id not in seen:
            seen.add(row.turn_id)
            yield row


def read_revisions(places: Path | Sequence[Path]) -> dict[str, RevisionFacts]:
    """What the ledgers at ``places`` know of revisions, by revision, the one that was loaded last at the end."""
    found: list[tuple[str, RevisionFacts]] = []
    for path in ledger_files(places):
        connection = schema.open_for_reading(path)
        try:
            tiers: dict[str, list[TierFacts]] = {}
            for revision, *values in connection.execute("SELECT * FROM tiers ORDER BY rank, tier"):
                tiers.setdefault(revision, []).append(_tier(values))
            for revision, loaded_at, *baseline in connection.execute("SELECT * FROM revisions"):
                facts = RevisionFacts(
                    revision=revision, tiers=tuple(tiers.get(revision, ())), baseline=_baseline(baseline)
                )
                found.append((loaded_at, facts))
        except sqlite3.Error as error:
            raise schema.explained(error, path) from None
        finally:
            connection.close()
    found.sort(key=lambda pair: pair[0])
    return {facts.revision: facts for _, facts in found}


def read_json_lines(path: Path, on_damage: OnDamage | None = None) -> tuple[list[TurnRow], dict[str, RevisionFacts]]:
    """The turns and revisions in a log, among whatever else it says.

    Raises:
        LedgerError: the file can't be read.
    """
    try:
        with path.open("rb") as lines:
            return collect_json_lines(lines, on_damage)
    except OSError as error:
        raise LedgerError(f"log {path} can't be read: {error.strerror or error}") from None


def collect_json_lines(
    lines: Iterable[bytes], on_damage: OnDamage | None = None
) -> tuple[list[TurnRow], dict[str, RevisionFacts]]:
    """As :func:`read_json_lines`, from any lines; turns in the order of their time, each once.

    A log has turns in the order in which they ended. Lines that are ours and can't be read go to ``on_damage``.
    """
    rows: dict[str, TurnRow] = {}
    revisions: dict[str, RevisionFacts] = {}
    for number, line in enumerate(lines, 1):
        try:
            found = parse_line(line)
        except ValueError as error:
            if on_damage is not None:
                on_damage(number, str(error))
            continue
        if isinstance(found, TurnRow):
            rows[found.turn_id] = found
        elif found is not None:
            revisions[found.revision] = found
    return sorted(rows.values(), key=attrgetter("time")), revisions


def _rows_of(path: Path, begin: str) -> Iterator[TurnRow]:
    connection = schema.open_for_reading(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchone():
            return
        query = f"SELECT {', '.join(COLUMNS)} FROM turns WHERE time >= ? ORDER BY time, turn_id"  # noqa: S608 (own names)
        for values in connection.execute(query, (begin,)):
            yield _row(values)
    except sqlite3.Error as error:
        raise schema.explained(error, path) from None
    finally:
        connection.close()


def _row(values: tuple[Any, ...]) -> TurnRow:
    cells = dict(zip(COLUMNS, values, strict=True))
    for index in schema.MONEY_IN_TURNS:
        name, text = COLUMNS[index], values[index]
        cells[name] = None if text is None else Decimal(text)
    return TurnRow(**cells)


def _tier(values: list[Any]) -> TierFacts:
    tier, rank, expensive, provider, model, model_id, price, ttl_ms, min_tokens = values
    return TierFacts(
        tier=tier,
        rank=rank,
        expensive=bool(expensive),
        provider=provider,
        model=model,
        model_id=model_id,
        price=_price(price),
        cache_ttl_ms=ttl_ms,
        cache_min_tokens=min_tokens,
    )


def _baseline(values: list[Any]) -> BaselineFacts | None:
    model, price, ttl_ms, min_tokens = values
    if not model:
        return None
    return BaselineFacts(model=model, price=_price(price), cache_ttl_ms=ttl_ms, cache_min_tokens=min_tokens)


def _price(text: str | None) -> Price | None:
    return None if text is None else price_from_json(orjson.loads(text))

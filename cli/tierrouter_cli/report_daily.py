"""The turns as one CSV a day, as a spreadsheet or a data warehouse wants them."""

import os
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from pathlib import Path

from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_csv import csv_lines
from tierrouter_sidecar.state_dir import LedgerError


def write_daily(rows: Iterable[TurnRow], folder: Path) -> list[Path]:
    """Write ``rows``, in the order of their time, as ``YYYY-MM-DD.csv`` (UTC) into ``folder``; the files written.

    Each file is whole or not there: it takes the place of an older one in one step.

    Raises:
        LedgerError: a file can't be written, or a row has no usable date.
    """
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for day, turns in groupby(rows, _day):
            path = folder / f"{day}.csv"
            temporary = folder / f".{day}.csv.{os.getpid()}"
            try:
                with temporary.open("w", encoding="utf-8", newline="") as out:
                    out.writelines(csv_lines(turns))
                    out.flush()
                    os.fsync(out.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            files.append(path)
    except OSError as error:
        raise LedgerError(
            f"daily files can't be written to {folder}: {error.strerror or error}; give --daily another folder"
        ) from None
    return files


def _day(row: TurnRow) -> str:
    try:
        return date.fromisoformat(row.time[:10]).isoformat()
    except ValueError:
        raise LedgerError(
            f"turn {row.turn_id!r} has the time {row.time!r}, which is none; the ledger is damaged"
        ) from None

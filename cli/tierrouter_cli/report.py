"""``tierrouter report``: what was spent, and what it would have cost otherwise."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tierrouter_cli.exits import PROBLEM, USAGE, explained_errors, say
from tierrouter_cli.moments import FORMS, moment
from tierrouter_cli.options import state_folder
from tierrouter_core.spend.baseline import BaselineFacts
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.tier_facts import RevisionFacts
from tierrouter_sidecar.state_dir import LedgerError, default_state_dir

# What only some runs of the command need is imported where it is used: every command imports this module.

_STDIN = Path("-")


class Format(StrEnum):
    """How the report is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows come from."""

    rows: Iterable[TurnRow]
    """In the order of their time; also those that only warm the baseline's caches."""
    count_from: str
    """As :attr:`TurnRow.time`: earlier rows are not part of the report."""
    revisions: Mapping[str, RevisionFacts]
    baseline: BaselineFacts | None
    """Of ``--baseline``."""
    names: str
    """For messages."""

    def counted(self) -> Iterator[TurnRow]:
        """The rows that are part of the report, with the baseline that was asked for."""
        from tierrouter_core.spend.report import rebased

        rows = self.rows if self.baseline is None else rebased(self.rows, self.baseline)
        return (row for row in rows if row.time >= self.count_from)


def report(
    state_dir: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR",
            parser=state_folder,
            help="A state directory, a ledger's file, or a folder of them; may be given several times. "
            "[default: $TIERROUTER_STATE_DIR, else $XDG_STATE_HOME/tierrouter, else ~/.local/state/tierrouter]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer copies it)
    since: Annotated[
        str,
        typer.Option(metavar="T", help="Turns from then on: 24h, 7d, or a date or time in UTC.", show_default=False),
    ] = "",
    baseline: Annotated[
        str,
        typer.Option(metavar="MODEL", help="Compute the saving anew against this model.", show_default=False),
    ] = "",
    format: Annotated[
        str, typer.Option(metavar="table|csv|json", help="A summary for people or programs, or (csv) one line a turn.")
    ] = "table",
    daily: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a CSV for each day (UTC) into DIR instead.", show_default=False),
    ] = None,
    from_logs: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Read the turns from a sidecar's log instead of a ledger; - is stdin. May be given several times.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
) -> None:
    """Say what was spent by model, how much of it by expensive tiers, and what routing saved."""
    if format not in list(Format):
        _fail(USAGE, f"--format {format!r} is not one of table, csv, json")
    if from_logs and state_dir:
        _fail(USAGE, "--from-logs and --state-dir exclude each other: give one of them")
    begin = None if not since else _moment(since, datetime.now(UTC))
    if begin is not None and daily is not None:
        # A day's file is the whole day or it would replace a whole one by a part.
        begin = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    with explained_errors():
        try:
            source = _open_source(state_dir, from_logs, begin, baseline)
            if daily is not None:
                _write_daily(source, daily)
            else:
                _print(source, Format(format))
        except LedgerError as error:
            _fail(PROBLEM, str(error))


def _print(source: Source, form: Format) -> None:
    out = typer.get_binary_stream("stdout")
    if form is Format.CSV:
        from tierrouter_core.spend.row_csv import csv_lines

        for line in csv_lines(source.counted()):
            out.write(line.encode())
        out.flush()
        return
    from tierrouter_core.spend.report import summarise

    found = summarise(source.rows, revisions=source.revisions, baseline=source.baseline, count_from=source.count_from)
    if form is Format.JSON:
        import orjson

        from tierrouter_core.spend.report_text import report_to_json

        out.write(orjson.dumps(report_to_json(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        out.flush()
        return
    from tierrouter_cli.report_table import print_report

    if not found.total.turns and not found.regression_turns:
        window = f" since {source.count_from}" if source.count_from else ""
        typer.echo(f"No turns recorded{window} in {source.names}.")
        return
    print_report(found)


def _write_daily(source: Source, folder: Path) -> None:
    from tierrouter_cli.report_daily import write_daily

    files = write_daily(source.counted(), folder)
    if files:
        days = f"{files[0].stem} to {files[-1].stem}" if len(files) > 1 else files[0].stem
        typer.echo(f"Wrote {len(files)} file{'s' if len(files) != 1 else ''} to {folder}: {days}.")
    else:
        typer.echo(f"No turns recorded in {source.names}; nothing written.")


def _open_source(places: Sequence[Path], logs: Sequence[Path], begin: datetime | None, baseline: str) -> Source:
    from tierrouter_sidecar.ledger.read import read_revisions, read_rows, row_time

    rows: Iterable[TurnRow] | None = None
    if logs:
        rows, revisions = _read_logs(logs)
        names = ", ".join("stdin" if path == _STDIN else str(path) for path in logs)
    else:
        default = default_state_dir()
        # Nothing has run here yet: that is an empty report, while a wrong --state-dir is a mistake.
        found = list(places) or ([default] if default.exists() else [])
        revisions = read_revisions(found)
        names = ", ".join(map(str, places or [default]))
    chosen = _baseline(baseline, revisions, places or [default_state_dir()]) if baseline else None
    if rows is None:
        rows = read_rows(found, None if begin is None else _earlier(begin, revisions, chosen))
    return Source(rows, "" if begin is None else row_time(begin), revisions, chosen, names)


def _earlier(begin: datetime, revisions: Mapping[str, RevisionFacts], chosen: BaselineFacts | None) -> datetime:
    """From when rows must be read so that the baseline's caches are as warm at ``begin`` as they were."""
    ttls_ms = [chosen.cache_ttl_ms] if chosen is not None else []
    ttls_ms += [facts.baseline.cache_ttl_ms for facts in revisions.values() if facts.baseline is not None]
    before = timedelta(milliseconds=max(ttls_ms, default=0))
    first = datetime.min.replace(tzinfo=UTC)
    return begin - before if begin - first > before else first


def _read_logs(paths: Sequence[Path]) -> tuple[list[TurnRow], dict[str, RevisionFacts]]:
    from tierrouter_sidecar.ledger.read import collect_json_lines, read_json_lines

    rows: dict[str, TurnRow] = {}
    revisions: dict[str, RevisionFacts] = {}
    for path in paths:
        damaged: list[str] = []

        def note(number: int, what: str, damaged: list[str] = damaged) -> None:
            damaged.append(f"line {number}: {what}")

        if path == _STDIN:
            found, known = collect_json_lines(typer.get_binary_stream("stdin"), note)
        else:
            found, known = read_json_lines(path, note)
        rows.update((row.turn_id, row) for row in found)
        revisions.update(known)
        if damaged:
            lines = f"{len(damaged)} damaged line{'s' if len(damaged) != 1 else ''}"
            say(f"tierrouter report: {path}: {lines} left out, the first: {damaged[0]}")
    return sorted(rows.values(), key=lambda row: row.time), revisions


def _baseline(model: str, revisions: Mapping[str, RevisionFacts], places: Sequence[Path]) -> BaselineFacts:
    """The model of ``--baseline`` with its price: as the latest revision that names it says, else from genai-prices."""
    priced: dict[str, None] = {}
    for facts in reversed(list(revisions.values())):
        known = facts.baseline
        if known is not None and known.price is not None:
            if known.model == model:
                return known
            priced[known.model] = None
        for tier in facts.tiers:
            if tier.price is None:
                continue
            if model in (tier.model, tier.model_id):
                return BaselineFacts(
                    model=model,
                    price=tier.price,
                    cache_ttl_ms=tier.cache_ttl_ms,
                    cache_min_tokens=tier.cache_min_tokens,
                )
            priced[tier.model] = None
    from tierrouter_prices.lookup import lookup_prices

    cache_dir = places[0] if places[0].is_dir() else None
    wanted = ("", "", model)
    price = lookup_prices([wanted], cache_dir, lambda message: say(f"tierrouter report: {message}")).get(wanted)
    if price is not None:
        return BaselineFacts(model=model, price=price)
    here = f" ({', '.join(sorted(priced))})" if priced else ""
    raise LedgerError(
        f"--baseline {model}: no price is known; name a model with a price in the ledger{here} "
        "or one that genai-prices knows, as its maker calls it"
    )


def _moment(text: str, now: datetime) -> datetime:
    try:
        return moment(text, now)
    except ValueError:
        _fail(USAGE, f"--since {text!r} is neither {FORMS}")


def _fail(code: int, message: str) -> NoReturn:
    say(f"tierrouter report: {' '.join(message.split())}")
    sys.exit(code)

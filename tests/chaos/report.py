"""The run's report, as text and for the page."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from chaos.invariants import Verdict
from chaos.resources import growths
from chaos.run import Result
from chaos.seen import End, Seen

BEGIN, FINISH = "<!-- chaos:begin -->", "<!-- chaos:end -->"
_SHOWN = 30


def text(result: Result) -> str:
    """For a terminal."""
    lines = ["", _what_was_run(result), ""]
    for name, rows in _tables(result):
        lines += [name, *_columns(rows), ""]
    for verdict in result.verdicts:
        for violation in verdict.violations[:_SHOWN]:
            lines.append(f"VIOLATION of “{verdict.name}”: {violation}")
        if len(verdict.violations) > _SHOWN:
            lines.append(f"... and {len(verdict.violations) - _SHOWN} more of “{verdict.name}”")
    lines.append(f"{result.violations} violations" + (" in the part that ran" if result.interrupted else ""))
    return "\n".join(lines)


def markdown(result: Result) -> str:
    """For ``docs/reliability.md``, between its markers."""
    lines = [BEGIN, _what_was_run(result), ""]
    for name, rows in _tables(result):
        head, *others = rows
        lines += [f"{name}:", "", _row(head), _row(["---", *["---:"] * (len(head) - 1)]), *map(_row, others), ""]
    return "\n".join([*lines, FINISH])


def write_page(page: Path, result: Result) -> None:
    """Put the report between the page's markers."""
    before, begun, rest = page.read_text().partition(BEGIN)
    _, ended, after = rest.partition(FINISH)
    if not (begun and ended):
        raise ValueError(f"{page} lacks the markers {BEGIN} and {FINISH}")
    page.write_text(before + markdown(result) + after)


def _what_was_run(result: Result) -> str:
    settings = result.settings
    low, high = settings.clients
    turns = len(result.seens)
    held_up = (
        f" Clients and providers themselves were held up {len(result.held_up_s)} times, for at most {max(result.held_up_s):.1f} s."
        if result.held_up_s
        else ""
    )
    notes = "".join(f" {verdict.note}" for verdict in result.verdicts if verdict.note)
    return (
        f"{turns:,} turns in {result.lasted_s:.0f} s by {low} to {high} clients at once, seed {settings.seed}; "
        f"{result.rows:,} rows are in the ledger with {result.attempts:,} attempts, of which {result.unreached:,} found "
        f"nobody listening; providers saw {result.requests:,} requests. {result.gone_on:,} "
        f"answers that had broken off were given to another tier to go on with, {result.gone_on_whole:,} of them became "
        f"whole. {_events(result.events)}.{held_up}{notes}"
    )


def _events(events: Counter[str]) -> str:
    told = ", ".join(f"{name}: {count}" for name, count in sorted(events.items())) or "nothing else happened"
    return told[0].upper() + told[1:]


def _tables(result: Result) -> Iterable[tuple[str, list[list[str]]]]:
    yield (
        "What must hold",
        [
            ["invariant", "checked", "set aside", "violations"],
            *[[each.name, f"{each.checked:,}", _aside(each), str(len(each.violations))] for each in result.verdicts],
        ],
    )
    ends = Counter(_ending(seen) for seen in result.seens)
    yield "How turns ended", [["end", "turns"], *[[end, f"{count:,}"] for end, count in sorted(ends.items())]]
    faults = [
        [name, f"{count:,}", f"{100 * result.faults_answered[name] / count:.0f} %"]
        for name, count in sorted(result.faults.items())
    ]
    yield "What went wrong at providers", [["fault", "times", "turn answered all the same"], *faults]
    if len(result.readings) > 1:
        yield "What the process held, idle, within one life", _resources(result)
    if result.recovery_s is not None:
        yield (
            "Well again",
            [
                ["after the last fault", "figure"],
                ["until every tier answered again", f"{result.recovery_s:.1f} s"],
                ["turns in a row by their own tier", f"{_in_a_row(result)} of {len(result.final)}"],
            ],
        )


def _ending(seen: Seen) -> str:
    if seen.end is not End.FAILED:
        return str(seen.end)
    if not seen.turn_id:
        return "error: the sidecar was stopping"
    return "error inside the stream" if seen.status == 200 else f"error with status {seen.status}"


def _in_a_row(result: Result) -> int:
    wrong = [
        place for place, seen in enumerate(result.final) if seen.end is not End.COMPLETE or seen.tier != seen.plan.tier
    ]
    return wrong[0] if wrong else len(result.final)


def _resources(result: Result) -> list[list[str]]:
    readings = result.readings
    served = readings[-1].turns - readings[0].turns
    head = ["figure", "first third", "last third", "growth", f"slope for 1,000 turns (of {served:,})"]
    rows = []
    for each in growths(readings):
        form = ".1f" if "MB" in each.name else ".0f"
        slope = f"{each.slope:+.3f}"
        rows.append([each.name, f"{each.first:{form}}", f"{each.last:{form}}", f"{each.percent:+.1f} %", slope])
    return [head, *rows]


def _aside(verdict: Verdict) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in sorted(verdict.set_aside.items())) or "–"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]

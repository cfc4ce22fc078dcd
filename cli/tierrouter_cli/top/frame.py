"""What is shown in the terminal, for a screen of some width and height."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tierrouter_cli.top.look import Look, Pod
from tierrouter_core.spend.report_text import percent
from tierrouter_core.summary.model import Summary
from tierrouter_core.summary.problems import Tone, problems_of
from tierrouter_core.summary.view import Fact, Part, TierRow, TurnRow, View, view_of
from tierrouter_core.summary.words import money, places_for

_STYLES: Final = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.WARN: "yellow", Tone.BAD: "red"}
_MARKS: Final = {Tone.PLAIN: " ", Tone.GOOD: "✓", Tone.WARN: "▲", Tone.BAD: "✖"}
_BAR: Final = 12
_MIDDLE, _WIDE, _WIDEST = 76, 108, 124
"""From how many columns on there is more to see."""
_LONG_HEAD: Final = 3
"""Lines of a long table before its rows: an empty one, its heading, and the line below that."""
_LONG_LEAST: Final = _LONG_HEAD + 3
_NO_HEIGHT: Final = 10
"""Turns and pods that are shown where there is no screen to fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a frame is made of."""

    look: Look | None
    """None where nothing was ever seen."""
    at: datetime
    """When it was seen, or not, in the reader's own zone."""
    trouble: str = ""
    """Why there is nothing newer; empty where there is."""
    keys: str = ""
    """What the keys do; empty where there are none."""


def frame(shown: Shown, console: Console, height: int | None) -> Group:
    """The whole picture; of tables that may be long, as many lines as ``height`` has room for, or a few for None."""
    look = shown.look
    if look is None:
        trouble = Text(f"{_MARKS[Tone.BAD]} {shown.trouble}; trying again", style="bold red")
        return Group(trouble, Text(), _footer(shown))
    view = view_of(look.total)
    width = console.width
    heading = Group(_heading(look, view, width), *_trouble(shown))
    top = Group(heading, Text(), _facts(view, width), Text(), *_problems(view))
    parts = [Text(), _tiers(view.tiers, width), *_more(view, width)]
    below = Group(Text(), _footer(shown))
    room = _NO_HEIGHT
    if height is not None:
        if _height(console, top) + _height(console, below) > height:
            # What is wrong is seen on the lowest screen, too.
            top = Group(heading, *_problems(view), _facts_below_each_other(view, with_notes=False))
            below = Group(_footer(shown))
        # What matters least goes first where the screen is low.
        lines = [_height(console, part) for part in parts]
        fixed = _height(console, top) + _height(console, below)
        while len(parts) > 2 and fixed + sum(lines) + _LONG_LEAST > height:
            parts.pop()
            lines.pop()
        room = height - fixed - sum(lines) - _LONG_HEAD
    long = _pods(look, width, room) if look.pods is not None else _turns(view, width, room, shown.at.tzinfo)
    # One row, and a line that says how many more there are, may be one line too many.
    fits = long is not None and (height is None or 1 + _height(console, long) <= _LONG_HEAD + room)
    return Group(top, *parts, *([Text(), long] if long is not None and fits else []), below)


def _height(console: Console, part: RenderableType) -> int:
    return len(console.render_lines(part, pad=False))


def _heading(look: Look, view: View, width: int) -> Text:
    if not look.total.sidecars:
        return Text(look.where, style="bold")
    told = [Text.assemble((f"{name} ", "dim"), value) for name, value in view.serving]
    return _wrapped([Text(view.title, style="bold"), *told], width)


def _trouble(shown: Shown) -> Iterator[Text]:
    if shown.trouble:
        since = f"{shown.at:%H:%M:%S}"
        yield Text(f"{_MARKS[Tone.BAD]} These figures are of {since}; trying again: {shown.trouble}", style="bold red")


def _facts(view: View, width: int) -> RenderableType:
    if width < _WIDE:
        return _facts_below_each_other(view, with_notes=True)
    tiles = Table.grid(padding=(0, 3, 0, 0), expand=True)
    for _ in view.facts:
        tiles.add_column(ratio=1)
    tiles.add_row(*(Text(fact.name) for fact in view.facts))
    tiles.add_row(*(_value(fact) for fact in view.facts))
    tiles.add_row(*(Text(fact.note, style="dim") for fact in view.facts))
    return tiles


def _facts_below_each_other(view: View, *, with_notes: bool) -> RenderableType:
    """Without what is noted to them they have a line each."""
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(justify="right", no_wrap=True)
    lines.add_column(overflow="fold")
    for fact in view.facts:
        lines.add_row(Text(fact.name), _value(fact), Text(fact.note if with_notes else "", style="dim"))
    return lines


def _value(fact: Fact) -> Text:
    return Text(fact.value, style=f"bold {_STYLES[fact.tone]}")


def _problems(view: View) -> Iterator[RenderableType]:
    for problem in view.problems:
        mark = Text(f"{_MARKS[problem.tone]} ", style=_STYLES[problem.tone])
        yield _beside(mark, Text(problem.text, style=_STYLES[problem.tone]))
    if not view.problems:
        yield Text(f"{_MARKS[Tone.GOOD]} Nothing is failing.", style="green")


def _more(view: View, width: int) -> Iterator[RenderableType]:
    """What there is below the tiers, what matters most first."""
    for name, parts in (("Why", view.reasons), ("Failed calls", view.errors)):
        if parts:
            heading = Text(f"{name}  ", style="bold")
            yield Group(Text(), _beside(heading, _flow(parts, width - len(heading))))
    if view.budgets:
        words = [
            Text.assemble(f"{budget.name}, {budget.limit}: ", (budget.state, _STYLES[budget.tone]))
            for budget in view.budgets
        ]
        yield Group(Text(), _beside(Text("Budgets  ", style="bold"), Text("; ").join(words)))


def _beside(mark: Text, text: Text) -> Table:
    """A mark, and beside it a text that is folded below itself."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, text)
    return grid


def _flow(parts: tuple[Part, ...], width: int) -> Text:
    """One after the other; a name and its share stay on one line."""
    return _wrapped([Text.assemble(part.name, " ", (part.share_text, "dim")) for part in parts], width)


def _wrapped(words: Iterable[Text], width: int) -> Text:
    """Words beside each other, none of them broken."""
    lines = [Text()]
    for word in words:
        if lines[-1] and len(lines[-1]) + 2 + len(word) > width:
            lines.append(Text())
        lines[-1] += Text("  " if lines[-1] else "") + word
    return Text("\n").join(lines)


def _table(*columns: tuple[str, bool]) -> Table:
    """Columns by their headings, and whether they hold figures, which are never cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", show_edge=False)
    for name, is_figure in columns:
        table.add_column(name, justify="right" if is_figure else "left", no_wrap=True, overflow="ellipsis")
    return table


def _settled(table: Table) -> Table:
    """Where there is too little room, names are cut and no figure is."""
    for column in table.columns:
        if column.justify == "right":
            cells = (cell.plain if isinstance(cell, Text) else str(cell) for cell in (column.header, *column.cells))
            column.min_width = max(map(len, cells))
    return table


def _tiers(rows: tuple[TierRow, ...], width: int) -> RenderableType:
    columns = [("Tier", False)]
    columns += [("Model", False)] if width >= _MIDDLE else []
    columns += [("Provider", False)] if width >= _WIDEST else []
    columns += [("", False)] if width >= _WIDE else []
    columns += [("Share", True), ("Turns", True)]
    columns += [("In", True), ("Cached", True), ("Out", True)] if width >= _MIDDLE else []
    columns += [("Cost", True)]
    columns += [("First token", True), ("95 %", True)] if width >= _WIDE else []
    table = _table(*columns)
    for row in rows:
        cells = [Text(f"{row.name}{'*' if row.expensive else ''}", style="bold yellow" if row.expensive else "bold")]
        cells += [Text(row.model)] if width >= _MIDDLE else []
        cells += [Text(row.provider)] if width >= _WIDEST else []
        cells += [_bar(row)] if width >= _WIDE else []
        cells += [Text(row.share_text), Text(row.turns)]
        cells += [Text(row.input), Text(row.cached), Text(row.output)] if width >= _MIDDLE else []
        cells += [Text(row.cost)]
        cells += [Text(row.first_token), Text(row.slow_first_token)] if width >= _WIDE else []
        table.add_row(*cells, style="dim" if row.turns == "0" else "")
    settled = _settled(table)
    return Group(settled, Text("* expensive", style="dim")) if any(row.expensive for row in rows) else settled


def _bar(row: TierRow) -> Text:
    eighths = round(row.share * _BAR * 8)
    if row.share and not eighths:
        eighths = 1
    full, part = divmod(eighths, 8)
    drawn = "█" * full + ("", *"▏▎▍▌▋▊▉")[part]
    return Text(drawn.ljust(_BAR), style="yellow" if row.expensive else "cyan")


def _turns(view: View, width: int, room: int, zone: tzinfo | None) -> Table | None:
    if not view.recent:
        return None
    columns = [("Time", False), ("Tier", False)]
    columns += [("Model", False)] if width >= _WIDE else []
    columns += [("Why", False)] if width >= _MIDDLE else []
    columns += [("In", True), ("Out", True)] if width >= _MIDDLE else []
    columns += [("Cost", True), ("Took", True), ("End", False)]
    table = _table(*columns)
    for row in view.recent[:room]:
        cells = [Text(_clock(row, zone), style="dim"), Text(row.tier)]
        cells += [Text(row.model)] if width >= _WIDE else []
        cells += [Text(row.why)] if width >= _MIDDLE else []
        cells += [Text(row.input), Text(row.output)] if width >= _MIDDLE else []
        cells += [Text(row.cost), Text(row.duration), Text(row.outcome, style=_STYLES[row.tone])]
        table.add_row(*cells)
    return _settled(table)


def _clock(row: TurnRow, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromisoformat(row.time).astimezone(zone):%H:%M:%S}"
    except ValueError:
        return row.time


def _pods(look: Look, width: int, room: int) -> RenderableType:
    pods = look.pods or ()
    if not pods:
        return Text(f"No running pod of {look.where} has a sidecar.", style="yellow")
    columns = [("Pod", False), ("Turns", True), ("Cost", True), ("Expensive", True), ("Failed", True)]
    columns += [("Revision", False)] if width >= _WIDE else []
    table = _table(*columns, ("State", False))
    shown = pods if len(pods) <= room else pods[: max(1, room - 1)]
    for pod in shown:
        table.add_row(*_pod(pod, width))
    _settled(table)
    hidden = len(pods) - len(shown)
    notes = [f"{hidden:,} more pods"] if hidden else []
    notes += [f"{look.left_out:,} of suites left out"] if look.left_out else []
    return Group(table, Text(", ".join(notes), style="dim")) if notes else table


def _pod(pod: Pod, width: int) -> list[Text]:
    summary = pod.summary
    if summary is None:
        figures = [Text("–") for _ in range(5 if width >= _WIDE else 4)]
        return [Text(pod.name, style="bold"), *figures, Text(pod.why, style="red")]
    cells = [
        Text(pod.name, style="bold"),
        Text(f"{summary.turns:,}"),
        Text(money(summary.cost_usd, places_for(summary.cost_usd))),
        Text(percent(summary.expensive_turn_share)),
        Text(_failed(summary), style="red" if summary.failed else ""),
    ]
    return [*cells, *([Text(summary.served.revision)] if width >= _WIDE else []), _state(summary)]


def _failed(summary: Summary) -> str:
    return percent(summary.failed / summary.turns if summary.turns else 0.0)


def _state(summary: Summary) -> Text:
    problems = problems_of(summary)
    if not problems:
        return Text("fine", style="green")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Text(f"{problems[0].text}{more}", style=_STYLES[problems[0].tone])


def _footer(shown: Shown) -> Text:
    where = "" if shown.look is None else shown.look.where
    parts = [part for part in (where, f"{shown.at:%H:%M:%S}", shown.keys) if part]
    return Text("  ·  ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")

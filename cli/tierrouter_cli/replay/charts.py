"""Plots as SVG, written out here: no library, no script, nothing that a page would have to fetch.

Colours are classes (``c0`` to ``c6``, ``base``) of the page's style sheet, so that they suit light and dark.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH = 760
COLOURS = 7
"""After so many, they begin again."""

_LABEL_LINE = 20
_BAR = 20
_AFTER_BAR = 6
_AFTER_ROW = 14
_ROW = 54
_RIGHT = 150
"""Room for a bar's figure."""


class Part(NamedTuple):
    """One piece of a bar."""

    value: float
    colour: str
    """A class: ``c0``, ``base``."""
    title: str
    """Shown where the pointer rests."""


class Bar(NamedTuple):
    """A bar of pieces, with what is written above it and behind it."""

    label: str
    """Empty for a bar that belongs to the one above."""
    parts: tuple[Part, ...]
    figure: str


class Spread(NamedTuple):
    """A mean with its range."""

    label: str
    mean: float
    low: float
    high: float
    colour: str
    figure: str


class Line(NamedTuple):
    """Values at even steps from 0 to the right end."""

    values: tuple[float, ...]
    colour: str
    title: str
    is_dashed: bool = False


def colour(number: int) -> str:
    """The class of the ``number``-th thing."""
    return f"c{number % COLOURS}"


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What the colours mean: ``(class, name)``."""
    items = "".join(f'<li><span class="key {name}"></span>{escape(text)}</li>' for name, text in entries)
    return f'<ul class="legend">{items}</ul>'


def bars(rows: Sequence[Bar], title: str, most: float = 0.0) -> str:
    """Lying bars; ``most`` reaches to the right end, or the longest of them where it is 0."""
    most = most or max((sum(part.value for part in row.parts) for row in rows), default=0.0) or 1.0
    room = WIDTH - _RIGHT
    pieces = []
    y = 0.0
    for at, row in enumerate(rows):
        if row.label:
            y += _AFTER_ROW if at else 0
            pieces.append(_text(0, y + 13, row.label, "label"))
            y += _LABEL_LINE
        x = 0.0
        for part in row.parts:
            width = part.value / most * room
            # A hair of the ground between two pieces keeps them apart where their colours are near.
            drawn = max(width - 1.5, 0.0) if len(row.parts) > 1 else width
            pieces.append(
                f'<rect class="{part.colour}" x="{x:.1f}" y="{y:.1f}" width="{drawn:.1f}" height="{_BAR}" rx="2">'
                f"<title>{escape(part.title)}</title></rect>"
            )
            x += width
        pieces.append(_text(x + 6, y + 15, row.figure, "figure"))
        y += _BAR + _AFTER_BAR
    return _svg(pieces, y, title)


def spreads(rows: Sequence[Spread], title: str) -> str:
    """A point for each mean, a line for its range, on an axis of percent."""
    low = min([0.0, *(row.low for row in rows)])
    high = max([0.1, *(row.high for row in rows)])
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    room = WIDTH - _RIGHT - 50

    def place(value: float) -> float:
        return 10 + (value - low) / (high - low) * room

    height = len(rows) * _ROW
    pieces = []
    for tick in ticks:
        x = place(tick)
        pieces.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        pieces.append(_text(x, height + 16, f"{tick * 100:g} %", "tick", anchor="middle"))
    for at, row in enumerate(rows):
        top, y = at * _ROW, at * _ROW + 34
        pieces.append(_text(0, top + 13, row.label, "label"))
        pieces.append(
            f'<line class="range {row.colour}" x1="{place(row.low):.1f}" x2="{place(row.high):.1f}" y1="{y}" y2="{y}"/>'
        )
        pieces.append(
            f'<circle class="{row.colour}" cx="{place(row.mean):.1f}" cy="{y}" r="6">'
            f"<title>{escape(f'{row.label}: {row.figure}')}</title></circle>"
        )
        pieces.append(_text(place(row.high) + 12, y + 4, row.figure, "figure"))
    return _svg(pieces, height + 24, title)


def lines(rows: Sequence[Line], end: str, title: str) -> str:
    """Lines over an axis that begins at 0 and ends at what ``end`` says; dollars upwards."""
    left, height, bottom = 70, 300, 24
    most = max((max(row.values, default=0.0) for row in rows), default=0.0) or 1.0
    ticks = _ticks(0.0, most)
    most = max(most, ticks[-1])
    room = WIDTH - left - 10

    def level(value: float) -> float:
        return 8 + (1 - value / most) * (height - 8)

    pieces = []
    for tick in ticks:
        y = level(tick)
        pieces.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}"/>')
        pieces.append(_text(left - 8, y + 4, f"${tick:,g}", "tick", anchor="end"))
    for row in rows:
        step = room / max(len(row.values), 1)
        points = [f"{left},{level(0.0):.1f}"]
        points += [f"{left + step * at:.1f},{level(value):.1f}" for at, value in enumerate(row.values, 1)]
        dashed = " dashed" if row.is_dashed else ""
        pieces.append(
            f'<polyline class="line {row.colour}{dashed}" points="{" ".join(points)}">'
            f"<title>{escape(row.title)}</title></polyline>"
        )
    pieces.append(_text(left, height + 18, "0", "tick"))
    pieces.append(_text(WIDTH - 10, height + 18, end, "tick", anchor="end"))
    return _svg(pieces, height + bottom, title)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at or below ``low`` to at or above ``high``, four to eight of them."""
    span = high - low
    exponent = 0
    while span / 10**exponent >= 10:
        exponent += 1
    while span / 10**exponent < 1:
        exponent -= 1
    step = next((factor for factor in (0.2, 0.5, 1, 2) if span / 10**exponent / factor <= 6), 2) * 10.0**exponent
    first, last = int(low // step), -int(-high // step)
    return [number * step for number in range(first, last + 1)]


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(pieces: Sequence[str], height: float, title: str) -> str:
    body = "".join(pieces)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )

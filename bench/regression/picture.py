"""Two plots of the loop as one SVG: how soon a slip is caught, and where thresholds end up while it lasts."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from bench.regression.experiments import Caught, Wound

_WIDTH, _HEIGHT = 920, 380
_TOP, _BOTTOM = 70, 320
_OURS, _PLAIN, _INK, _PALE = "#1f6feb", "#c8553d", "#24292f", "#d8dee4"
_DASHES = ("", "7 4", "2 3")
_STYLE = (
    f"text{{font:13px system-ui,sans-serif;fill:{_INK}}}.small{{font-size:12px}}"
    ".title{font-weight:600;font-size:14px}"
)


class _Frame:
    """A plot's frame: from its values to places in the picture."""

    def __init__(self, left: int, width: int, most_x: float, low: float, high: float) -> None:
        self.left, self.width, self.most_x, self.low, self.high = left, width, most_x, low, high

    def x(self, value: float) -> float:
        return self.left + value / self.most_x * self.width

    def y(self, value: float) -> float:
        return _BOTTOM - (value - self.low) / (self.high - self.low) * (_BOTTOM - _TOP)

    def axes(self, title: str, below: str, across: Sequence[float], up: Sequence[tuple[float, str]]) -> Iterator[str]:
        """Grid, ticks and words."""
        yield f'<text x="{self.left}" y="24" class="title">{escape(title)}</text>'
        for value, words in up:
            y = self.y(value)
            yield f'<line x1="{self.left}" x2="{self.left + self.width}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_PALE}"/>'
            yield f'<text x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end" class="small">{words}</text>'
        for value in across:
            x = self.x(value)
            yield f'<text x="{x:.1f}" y="{_BOTTOM + 20}" text-anchor="middle" class="small">{value:g}</text>'
        middle = self.left + self.width / 2
        yield f'<text x="{middle:.1f}" y="{_BOTTOM + 44}" text-anchor="middle" class="small">{escape(below)}</text>'

    def line(self, values: Sequence[float], colour: str, dashes: str = "") -> str:
        """A line over 0, 1, 2 and so on."""
        points = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in enumerate(values))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2"{dashed}/>'


def _key(x: float, y: float, colour: str, words: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2.2"{dashed}/>'
        f'<text x="{x + 32}" y="{y}" class="small">{escape(words)}</text>'
    )


def picture(caught: Sequence[tuple[str, Caught]], wound: Wound) -> str:
    """The SVG.

    Args:
        caught: what slips are called, and how soon each was found; three at most.
        wound: thresholds while a slip lasts.
    """
    first = _Frame(left=60, width=370, most_x=8, low=0, high=1)
    start = 8.0
    second = _Frame(left=530, width=360, most_x=len(wound.ours), low=0, high=start)
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="How soon a '
        'slip is caught, and where a threshold ends up while it lasts">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *first.axes(
            "Slips that are caught, of 1,000",
            "nights since the slip, 200 tasks a night",
            range(9),
            [(share, f"{share * 100:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)],
        ),
        *second.axes(
            "file_count while a tier stays at 90 % (mean)",
            "nights",
            range(0, len(wound.ours) + 1, 10),
            [(value, f"{value}") for value in range(0, 9, 2)],
        ),
    ]
    for (words, found), dashes, at in zip(caught, _DASHES, range(3), strict=False):
        shares = [float(np.mean(found.nights <= night)) for night in range(9)]
        pieces += [first.line(shares, _OURS, dashes), _key(60 + 110 * at, 50, _OURS, words, dashes)]
    pieces += [
        second.line([start, *wound.ours], _OURS),
        second.line([start, *wound.plain], _PLAIN),
        _key(530, 50, _OURS, "as decided here"),
        _key(700, 50, _PLAIN, "by the plain rule"),
        "</svg>",
    ]
    return "".join(pieces) + "\n"

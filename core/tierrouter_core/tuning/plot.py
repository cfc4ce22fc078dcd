"""The frontier as a picture: one SVG that needs nothing else."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from tierrouter_core.tuning.tune import Tuned
from tierrouter_core.tuning.words import mix_words

_WIDTH: Final = 860
_HEIGHT: Final = 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 64, 58
_INK: Final = "#1f2933"
_PALE: Final = "#d9dee3"
_GREY: Final = "#7b8794"
_BLUE: Final = "#1f6fb2"
_RED: Final = "#c2410c"
_STYLE: Final = (
    f"text{{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:{_INK}}}"
    f".small{{font-size:11px;fill:{_GREY}}}.title{{font-size:16px;font-weight:600}}"
)
_ROOM: Final = 0.03
_LABEL_HEIGHT: Final = 13
_LETTER: Final = 6.3
_BESIDE: Final = 8

_Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def frontier_svg(tuned: Tuned) -> str:
    """Cost (of the baseline's) against quality (of the baseline's): models, frontier with its bound, and the choice."""
    return "\n".join([*_Picture(tuned).lines(), ""])


class _Picture:
    def __init__(self, tuned: Tuned) -> None:
        self.tuned = tuned
        # From the cheapest on; the baseline is the end of it that costs and solves the most.
        self.frontier = list(reversed(tuned.frontier))
        self.singles = [single for single in tuned.singles if single.cost <= _MOST_COST]
        qualities = [point.expected.quality for point in self.frontier]
        qualities += [point.expected.quality_low for point in self.frontier]
        shown = [single.quality for single in self.singles if single.quality >= min(qualities) - 0.25]
        self.low = max(min(qualities + shown) - _ROOM, 0.0)
        self.high = max([1.0, tuned.floor, *qualities, *shown]) + _ROOM
        costs = [1 - point.expected.saving for point in self.frontier]
        self.dearest = max([1.0, *costs, *(single.cost for single in self.singles)]) * (1 + _ROOM)

    def x(self, cost: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * cost / self.dearest

    def y(self, quality: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (quality - self.low) / (self.high - self.low)

    def lines(self) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        )
        yield f"<title>Cost against quality, relative to {escape(self.tuned.baseline)}</title>"
        yield f"<style>{_STYLE}</style>"
        yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
        yield from self._heading()
        yield from self._axes()
        yield from self._band()
        yield from self._floor()
        yield from self._single_models()
        yield from self._chosen()
        yield "</svg>"

    def _heading(self) -> Iterator[str]:
        title = f"Cost against quality, relative to {escape(self.tuned.baseline)}"
        yield f'<text x="{_LEFT}" y="24" class="title">{title}</text>'
        x = float(_LEFT)
        expected = self.tuned.expected
        chosen = f"chosen: {expected.quality * 100:.1f} %, saves {expected.saving * 100:.1f} %"
        for mark, words in (*_LEGEND, (_CHOSEN, chosen)):
            yield mark.format(_n(x), _n(x + 18), _n(x + 9))
            yield f'<text x="{_n(x + 24)}" y="46" class="small">{words}</text>'
            x += 24 + 6.1 * len(words) + 22

    def _axes(self) -> Iterator[str]:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for quality in _ticks(self.low, self.high):
            y = _n(self.y(quality))
            yield f'<line x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="{_PALE}"/>'
            yield f'<text x="{_LEFT - 8}" y="{_n(self.y(quality) + 4)}" text-anchor="end">{quality * 100:.0f} %</text>'
        for cost in _ticks(0, self.dearest):
            x = _n(self.x(cost))
            yield f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" stroke="{_PALE}"/>'
            yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{cost * 100:.0f} %</text>'
        middle = (_TOP + bottom) // 2
        center = (_LEFT + right) // 2
        yield f'<text x="{center}" y="{_HEIGHT - 14}" text-anchor="middle">cost, of the baseline\'s</text>'
        yield (
            f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">'
            "tasks solved, of the baseline's</text>"
        )

    def _band(self) -> Iterator[str]:
        upper = [(1 - point.expected.saving, point.expected.quality) for point in self.frontier]
        lower = [(1 - point.expected.saving, point.expected.quality_low) for point in self.frontier]
        if len(upper) > 1:
            yield f'<polygon points="{self._points([*upper, *reversed(lower)])}" fill="{_BLUE}" opacity="0.15"/>'
            yield f'<polyline points="{self._points(upper)}" fill="none" stroke="{_BLUE}" stroke-width="2.5"/>'
        for point, (cost, quality) in zip(self.frontier, upper, strict=True):
            yield (
                f'<circle cx="{_n(self.x(cost))}" cy="{_n(self.y(quality))}" r="3" fill="{_BLUE}">'
                f"<title>{escape(mix_words(point.mix))}</title></circle>"
            )

    def _floor(self) -> Iterator[str]:
        y = self.y(self.tuned.floor)
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_n(y)}" y2="{_n(y)}" stroke="{_INK}" '
            'stroke-dasharray="6 4"/>'
        )
        yield f'<text x="{_LEFT + 6}" y="{_n(y - 5)}" class="small">floor {self.tuned.floor * 100:g} %</text>'

    def _single_models(self) -> Iterator[str]:
        labels: list[_Box] = []
        for single in sorted(self.singles, key=lambda single: -single.quality):
            if single.quality < self.low:
                continue
            x, y = self.x(single.cost), self.y(single.quality)
            is_baseline = single.model == self.tuned.baseline
            fill = _INK if is_baseline else _GREY
            words = f"{single.model} (baseline)" if is_baseline else single.model
            yield (
                f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{5 if is_baseline else 4}" fill="{fill}">'
                f"<title>{escape(words)}</title></circle>"
            )
            to_left = x > _WIDTH * 0.72
            width = _LETTER * len(words)
            left = x - _BESIDE - width if to_left else x + _BESIDE
            # Beside its mark, or a little lower; where that is taken too, the mark's title has to do.
            for at in (y + 4, y + 4 + _LABEL_HEIGHT, y + 4 - _LABEL_HEIGHT):
                box = (left, at, left + width, at + _LABEL_HEIGHT)
                if not any(_overlap(box, other) for other in labels) and at < _HEIGHT - _BOTTOM:
                    labels.append(box)
                    yield f'<text x="{_n(left)}" y="{_n(at)}" class="small">{escape(words)}</text>'
                    break

    def _chosen(self) -> Iterator[str]:
        expected = self.tuned.expected
        x, y = self.x(1 - expected.saving), self.y(expected.quality)
        top, bottom = _n(y), _n(self.y(expected.quality_low))
        left, right = _n(self.x(1 - expected.saving_high)), _n(self.x(1 - expected.saving_low))
        yield f'<line x1="{_n(x)}" x2="{_n(x)}" y1="{top}" y2="{bottom}" stroke="{_RED}" stroke-width="2"/>'
        yield f'<line x1="{left}" x2="{right}" y1="{top}" y2="{top}" stroke="{_RED}" stroke-width="2"/>'
        yield f'<circle cx="{_n(x)}" cy="{_n(y)}" r="6" fill="{_RED}"/>'

    def _points(self, pairs: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{_n(self.x(cost))},{_n(self.y(quality))}" for cost, quality in pairs)


_LEGEND: Final = (
    (f'<line x1="{{0}}" x2="{{1}}" y1="42" y2="42" stroke="{_BLUE}" stroke-width="2.5"/>', "frontier, expected"),
    (f'<rect x="{{0}}" y="36" width="18" height="12" fill="{_BLUE}" opacity="0.15"/>', "to its lower bound (95 %)"),
    (f'<circle cx="{{2}}" cy="42" r="4" fill="{_GREY}"/>', "single model, as measured"),
)
"""Marks, to be filled with their left, their right and their middle, and what they stand for."""
_CHOSEN: Final = f'<circle cx="{{2}}" cy="42" r="6" fill="{_RED}"/>'
_MOST_COST: Final = 1.5
"""Models that cost more than this, of the baseline's cost, are left out of the picture."""


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _ticks(low: float, high: float) -> list[float]:
    """Round values from ``low`` to ``high``, about six of them."""
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if (high - low) / step <= 8), 1.0)
    first = int(low / step) + (1 if low > 0 else 0)
    return [round(step * at, 4) for at in range(first, int(high / step + 1e-9) + 1)]


def _n(value: float) -> str:
    return f"{value:.1f}"

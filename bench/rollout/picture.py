"""The plot of docs/rollout.md: how soon a canary that is worse is rolled back."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 250, 48, 52
INK, PALE, GREY = "#1f2933", "#d9dee3", "#7b8794"
COLOURS = ("#7b8794", "#94a3b8", "#c7a008", "#d97706", "#c2410c", "#9f1239", "#1f6fb2", "#0f766e", "#7c3aed")
_STYLE = f"text{{font:13px system-ui,sans-serif;fill:{INK}}}.title{{font-size:16px;font-weight:600}}"


class Curve(NamedTuple):
    """One scenario: how many of its canaries were rolled back by when."""

    name: str
    after_s: Sequence[float]
    """Of those that were."""
    count: int
    """Of all."""


def plot(curves: Sequence[Curve], title: str, span_s: float) -> str:
    """An SVG that needs nothing else."""
    return "\n".join([*_lines(curves, title, span_s), ""])


def _lines(curves: Sequence[Curve], title: str, span_s: float) -> Iterator[str]:
    def x(after_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(after_s, span_s) / span_s

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    )
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>'
    for percent in range(0, 101, 20):
        at = y(percent / 100)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{PALE}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{percent} %</text>'
    for minute in range(0, int(span_s / 60) + 1, 10):
        at = x(minute * 60)
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{minute}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">minutes since the canary began</text>'
    beside = _apart([(y(_share(curve, span_s)), at) for at, curve in enumerate(curves)])
    for at, curve in enumerate(curves):
        colour = COLOURS[at % len(COLOURS)]
        yield f'<path d="{_path(curve, x, y, span_s)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        at_y, name = beside[at] + 4, escape(curve.name)
        yield f'<text x="{WIDTH - RIGHT + 8}" y="{at_y:.1f}" style="fill:{colour}">{name}</text>'
    yield "</svg>"


def _share(curve: Curve, until_s: float) -> float:
    return sum(each <= until_s for each in curve.after_s) / curve.count


def _path(curve: Curve, x, y, span_s: float) -> str:  # type: ignore[no-untyped-def]
    points = [f"M{x(0):.1f} {y(0):.1f}"]
    for done, after_s in enumerate(sorted(each for each in curve.after_s if each <= span_s), 1):
        points.append(f"H{x(after_s):.1f}V{y(done / curve.count):.1f}")
    return "".join([*points, f"H{x(span_s):.1f}"])


def _apart(wanted: Sequence[tuple[float, int]]) -> dict[int, float]:
    """Heights of labels, none upon another."""
    found, last = {}, float("inf")
    for at_y, at in sorted(wanted, reverse=True):
        last = min(at_y, last - 17)
        found[at] = last
    return found

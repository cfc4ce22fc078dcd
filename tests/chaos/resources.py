"""What a process holds: descriptors, threads, memory; and whether that grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

AFTER_LOAD = "the same as load ends, MB"
"""Shown and not judged: how far the allocator went depends on which turns met."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a process held at a moment when it had nothing to do."""

    turns: int
    """That it had served by then."""
    descriptors: int
    threads: int
    resident_bytes: int
    after_load_bytes: int
    """Resident too, but when the last turn had just ended: with what the busiest moment took."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How one figure went, from the first readings to the last."""

    name: str
    first: float
    last: float
    percent: float
    slope: float
    """Least squares, for 1,000 turns, in the figure's own unit."""


def held_by(pid: int, turns: int, after_load_bytes: int = 0) -> Held | None:
    """Read it; None where this system has no ``/proc``."""
    process = Path("/proc") / str(pid)
    try:
        status = (process / "status").read_text()
        descriptors = len(list((process / "fd").iterdir()))
    except OSError:
        return None
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    resident_bytes = int(lines["VmRSS"].split()[0]) * 1024
    return Held(turns, descriptors, int(lines["Threads"]), resident_bytes, after_load_bytes or resident_bytes)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares; 0 for points that are all at one place."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def growth(name: str, points: Sequence[tuple[float, float]]) -> Growth:
    """Of ``(turns, figure)``: the median of the last third against that of the first."""
    third = max(1, len(points) // 3)
    first, last = median(y for _, y in points[:third]), median(y for _, y in points[-third:])
    percent = 100 * (last - first) / first if first else 0.0
    return Growth(name, first, last, percent, slope(points) * 1000)


def growths(readings: Sequence[Held]) -> list[Growth]:
    """All figures of one life."""
    figures = {
        "file descriptors": lambda held: held.descriptors,
        "threads": lambda held: held.threads,
        "resident memory, MB": lambda held: held.resident_bytes / 1e6,
        AFTER_LOAD: lambda held: held.after_load_bytes / 1e6,
    }
    return [growth(name, [(held.turns, float(of(held))) for held in readings]) for name, of in figures.items()]

"""Sums over a time that moves on: what was added longer ago than the window is no part of them."""

from collections import deque
from collections.abc import Iterator
from math import ceil, inf

STEPS = 96
"""A window moves on in so many steps: 15 minutes of a day."""


class Window:
    """Sums of several figures. Times are seconds of one clock, which may be set back.

    What was added at a time that is still to come, since the clock was ahead then, counts as added just now: it leaves
    a whole window later, and is not kept until a wrong clock would have said so.
    """

    def __init__(self, length_s: float, figures: int = 1) -> None:
        self._step_s = max(length_s / STEPS, 1e-3)
        self._figures = figures
        self._steps: deque[tuple[int, list[float]]] = deque()
        self.sums = [0.0] * figures

    def add(self, now_s: float, *amounts: float) -> None:
        """Add to the figures, in their order."""
        self._move_on(now_s)
        step = int(now_s // self._step_s)
        if not self._steps or self._steps[-1][0] < step:
            self._steps.append((step, [0.0] * self._figures))
        for place, amount in enumerate(amounts):
            self._steps[-1][1][place] += amount
            self.sums[place] += amount

    def at(self, now_s: float) -> list[float]:
        """The figures' sums."""
        self._move_on(now_s)
        return self.sums

    def below(self, now_s: float, limit: float, figure: int = 0) -> float:
        """When a figure is below ``limit`` if nothing is added, a whole second; ``now_s`` if it is, else infinite."""
        left = self.at(now_s)[figure]
        if left < limit:
            return now_s
        for end_s, amounts in self._ends():
            left -= amounts[figure]
            if left < limit - 1e-9:
                # People are told whole seconds, and by then there has to be room.
                return ceil(end_s)
        return inf

    def _ends(self) -> Iterator[tuple[float, list[float]]]:
        """When each step leaves the window, and what goes with it."""
        for step, amounts in self._steps:
            yield (step + STEPS) * self._step_s, amounts

    def _move_on(self, now_s: float) -> None:
        now = int(now_s // self._step_s)
        self._take_back(now)
        first = now - STEPS
        while self._steps and self._steps[0][0] <= first:
            _, amounts = self._steps.popleft()
            for place, amount in enumerate(amounts):
                self.sums[place] -= amount
        if not self._steps:
            # No remainders of sums that cancel out.
            self.sums = [0.0] * self._figures

    def _take_back(self, now: int) -> None:
        """Steps that are still to come join the one of now."""
        while self._steps and self._steps[-1][0] > now:
            _, ahead = self._steps.pop()
            if not self._steps or self._steps[-1][0] < now:
                self._steps.append((now, ahead))
                return
            for place, amount in enumerate(ahead):
                self._steps[-1][1][place] += amount

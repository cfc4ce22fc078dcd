"""A fleet of agents: sessions that begin all the time, each with turns that are more alike than those of others."""

from dataclasses import dataclass

import numpy as np

from tierrouter_core.rollout.arms import FIGURES, Arm, Figure, arm_from_numbers

LONGEST_S = 6 * 3600.0
"""No trial here lasts longer."""
_SHORTEST_S = 45 * 60.0
_TURNS_ASKED = 200
_LONGEST_SESSION = 200
_RATES = tuple(figure for figure in FIGURES if figure is not Figure.COST)


@dataclass(frozen=True)
class Truth:
    """What holds of every session of one side."""

    rates: dict[Figure, float]
    alike: dict[Figure, float]
    """How alike the turns of a session are: 0 where each fails for itself, 1 where all do or none."""
    cost_usd: float
    cost_spread: float
    """The standard deviation of a session's logarithm of cost by turn."""


@dataclass(frozen=True)
class Fleet:
    """What holds of both sides beside that."""

    sessions_per_hour: float
    turns: float
    """Of a session, on average; they differ as a geometric distribution does."""
    turn_s: float
    """From one turn of a session to the next."""
    percent: int

    @property
    def span_s(self) -> float:
        """For so long sessions begin: three times what the canary needs for its turns."""
        turns_per_s = self.sessions_per_hour / 3600 * self.percent / 100 * self.turns
        return min(LONGEST_S, max(_SHORTEST_S, 3 * _TURNS_ASKED / turns_per_s + self.turns * self.turn_s))


def fleet(rng: np.random.Generator) -> tuple[Fleet, Truth]:
    """One by chance, from small to large; its errors are such that ``maxErrorPercent: 2`` is none of its business."""
    rates = {
        Figure.ERRORS: _log(rng, 0.001, 0.012),
        Figure.FALLBACKS: _log(rng, 0.002, 0.03),
        Figure.ESCALATIONS: _log(rng, 0.01, 0.1),
        Figure.TOOL_ERRORS: _log(rng, 0.03, 0.2),
        Figure.DEEP_TURNS: _log(rng, 0.02, 0.3),
    }
    alike = {figure: rng.uniform(0.02, 0.3) for figure in rates}
    truth = Truth(rates, alike, _log(rng, 0.002, 0.05), rng.uniform(0.3, 1.0))
    made = Fleet(_log(rng, 100, 4000), rng.uniform(8, 30), _log(rng, 8, 40), int(rng.choice([5, 10, 20, 50])))
    return made, truth


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Side:
    """One side of a trial: every session of it, turn by turn."""

    def __init__(self, rng: np.random.Generator, of: Fleet, truth: Truth, share: float) -> None:
        count = rng.poisson(of.sessions_per_hour * share * of.span_s / 3600)
        self._began = np.sort(rng.uniform(0.0, of.span_s, count))
        turns = np.minimum(rng.geometric(1.0 / of.turns, count), _LONGEST_SESSION)
        self._turn_s = of.turn_s
        self._turns = turns
        most = int(turns.max(initial=1))
        # Sums up to each turn: what a look sees of a session is what there was until then.
        self._sums = {}
        for figure in _RATES:
            p, rho = min(truth.rates[figure], 0.95), truth.alike[figure]
            own = rng.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), count)
            drawn = rng.random((count, most)) < own[:, None]
            self._sums[figure] = np.cumsum(drawn, axis=1, dtype=np.int64)
        spread = truth.cost_spread
        own_cost = truth.cost_usd * np.exp(rng.normal(-(spread**2) / 2, spread, count))
        each = own_cost[:, None] * np.exp(rng.normal(-0.125, 0.5, (count, most)))
        self._sums[Figure.COST] = np.cumsum(each * 1e6, axis=1).astype(np.int64) // 100

    def at(self, now_s: float) -> Arm:
        """What was counted until then."""
        n = self._turns_at(now_s)
        seen = n > 0
        rows, n = np.nonzero(seen)[0], n[seen]
        numbers = [len(n), int(n.sum()), int((n * n).sum()), 0]
        for figure in FIGURES:
            x = self._sums[figure][rows, n - 1] if len(n) else np.zeros(0, dtype=np.int64)
            numbers += [int(x.sum()), int((x * x).sum()), int((x * n).sum())]
        return arm_from_numbers(numbers)

    def turns_at(self, now_s: float) -> int:
        """How many turns there were until then."""
        return int(self._turns_at(now_s).sum())

    def _turns_at(self, now_s: float) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        begun = int(np.searchsorted(self._began, now_s))
        return np.minimum((now_s - self._began[:begun]) / self._turn_s, self._turns[:begun]).astype(np.int64)

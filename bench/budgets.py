"""What TierRouter may cost, and whether it does. Pure: figures in, verdicts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

OURS = "tierrouter"


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise."""

    name: str
    measure: str
    """Which figure of a round."""
    against: str
    """The target that it is compared with."""
    kind: Literal["difference", "ratio"]
    limit: float
    at_least: bool = False
    """The limit is a floor."""
    unit: str = "x"
    scale: float = 1.0
    """From the figure's unit to ``unit``."""


BUDGETS = (
    Budget("start to ready, over bare", "start_s", "bare", "difference", 0.3, unit=" s"),
    Budget("idle memory, over bare", "idle_bytes", "bare", "difference", 25.0, unit=" MB", scale=1e-6),
    Budget("one client, p50, of bare", "small_p50_s", "bare", "ratio", 1.5),
    Budget("one client, p99, of bare", "small_p99_s", "bare", "ratio", 1.5),
    Budget("best throughput, of bare", "rps", "bare", "ratio", 0.6, at_least=True),
    Budget("400 KB turn, model first, p50, of bare", "big_first_p50_s", "bare", "ratio", 0.6),
    Budget("400 KB turn, model first, p50, of raw relay", "big_first_p50_s", "raw", "ratio", 1.6),
    Budget("400 KB turn, model last, p50, of bare", "big_last_p50_s", "bare", "ratio", 0.6),
    Budget("400 KB turn, model last, p50, of raw relay", "big_last_p50_s", "raw", "ratio", 1.6),
)

Round = Mapping[str, Mapping[str, float]]
"""Figures of one round: ``round[target][measure]``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A budget and what was found, over all rounds that measured it."""

    budget: Budget
    values: tuple[float, ...]
    """One value per round, in the budget's unit: the targets of one round are compared with one another only."""

    @property
    def middle(self) -> float:
        """The median round: what is judged."""
        return median(self.values)

    @property
    def kept(self) -> bool:
        """Whether the budget holds."""
        return self.middle >= self.budget.limit if self.budget.at_least else self.middle <= self.budget.limit

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "name": self.budget.name,
            "limit": self.budget.limit,
            "at_least": self.budget.at_least,
            "unit": self.budget.unit.strip(),
            "median": round(self.middle, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "rounds": [round(value, 4) for value in self.values],
            "pass": self.kept,
        }


def judge(rounds: Sequence[Round], budgets: Sequence[Budget] = BUDGETS) -> list[Verdict]:
    """A verdict on every budget that some round measured."""
    verdicts = []
    for budget in budgets:
        values = tuple(
            _value(budget, figures[OURS][budget.measure], figures[budget.against][budget.measure])
            for figures in rounds
            if budget.measure in figures.get(OURS, {}) and budget.measure in figures.get(budget.against, {})
        )
        if values:
            verdicts.append(Verdict(budget, values))
    return verdicts


def _value(budget: Budget, ours: float, theirs: float) -> float:
    return ours / theirs if budget.kind == "ratio" else (ours - theirs) * budget.scale

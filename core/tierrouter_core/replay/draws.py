"""Several draws of one policy: means and ranges, and the saving against the baseline in each draw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tierrouter_core.replay.run import Recorded, Run, Sums


class Range(NamedTuple):
    """Of one figure over the draws."""

    mean: float
    low: float
    high: float


def range_of(values: Sequence[float]) -> Range:
    """Mean, least and most of at least one value."""
    return Range(sum(values) / len(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One router file under one policy: a column of the comparison."""

    label: str
    """What the user knows it by."""
    router: str
    """The router's name."""
    policy: str
    seeds: tuple[int, ...]
    """The number of each draw; a policy that draws nothing has one."""
    runs: tuple[Run, ...]
    """One for each draw."""
    baseline_model: str = ""
    """Empty where there is none."""
    baselines: tuple[Run, ...] = ()
    """What the baseline did with the same calls as each run; empty where there is none."""
    recorded: Recorded | None = None
    """The first run's calls on the baseline, priced by the reads that were recorded."""

    @property
    def cost_usd(self) -> Range:
        """What was spent; calls without a known price are not in it."""
        return range_of([float(run.total.cost_usd) for run in self.runs])

    @property
    def baseline_usd(self) -> Range | None:
        """What the baseline would have cost; None where that is not known."""
        if not self.baselines or any(run.total.unknown_cost_calls for run in self.baselines):
            return None
        return range_of([float(run.total.cost_usd) for run in self.baselines])

    @property
    def savings(self) -> tuple[float, ...]:
        """Of the baseline's cost, for each draw; negative where routing cost more. Empty where it is not known."""
        if self.baseline_usd is None or not all(run.total.cost_units for run in self.baselines):
            return ()
        pairs = zip(self.runs, self.baselines, strict=True)
        return tuple(1 - run.total.cost_units / baseline.total.cost_units for run, baseline in pairs)

    @property
    def saving(self) -> Range | None:
        """The same as mean and range."""
        return range_of(self.savings) if self.savings else None

    def models(self) -> dict[str, "Mean"]:
        """The mean over the draws by model, the costliest first."""
        return self._means({name for run in self.runs for name in run.models}, "models")

    def tiers(self) -> dict[str, "Mean"]:
        """The same by tier."""
        return self._means({name for run in self.runs for name in run.tiers}, "tiers")

    def total(self) -> "Mean":
        """The same of everything."""
        return mean_of([run.total for run in self.runs])

    def expensive_share(self) -> dict[str, Range]:
        """What the tiers marked expensive served of the calls, the spend and the input tokens, 0 to 1."""
        return {
            "turns": _shares((run.expensive.calls, run.total.calls) for run in self.runs),
            "spend": _shares((run.expensive.cost_units, run.total.cost_units) for run in self.runs),
            "input_tokens": _shares((run.expensive.input_tokens, run.total.input_tokens) for run in self.runs),
        }

    def switches(self) -> tuple[Range, Range]:
        """How many there were, and what they cost in USD."""
        count = range_of([float(run.switches.count) for run in self.runs])
        return count, range_of([float(run.switches.cost_usd) for run in self.runs])

    def _means(self, names: set[str], of: str) -> dict[str, "Mean"]:
        nothing = Sums()
        means = {name: mean_of([getattr(run, of).get(name, nothing) for run in self.runs]) for name in names}
        return dict(sorted(means.items(), key=lambda item: (-item[1].cost_usd, -item[1].calls, item[0])))


class Mean(NamedTuple):
    """The means over the draws of :class:`Sums`."""

    calls: float
    input_tokens: float
    cache_read_tokens: float
    output_tokens: float
    cost_usd: float
    unknown_cost_calls: float

    @property
    def cached_share(self) -> float:
        """Of the input, 0 to 1."""
        return self.cache_read_tokens / self.input_tokens if self.input_tokens else 0.0


def mean_of(sums: Sequence[Sums]) -> Mean:
    """The means of at least one."""
    count = len(sums)
    return Mean(
        sum(one.calls for one in sums) / count,
        sum(one.input_tokens for one in sums) / count,
        sum(one.cache_read_tokens for one in sums) / count,
        sum(one.output_tokens for one in sums) / count,
        float(sum(one.cost_usd for one in sums)) / count,
        sum(one.unknown_cost_calls for one in sums) / count,
    )


def _shares(pairs: Iterable[tuple[int, int]]) -> Range:
    return range_of([part / whole if whole else 0.0 for part, whole in pairs])

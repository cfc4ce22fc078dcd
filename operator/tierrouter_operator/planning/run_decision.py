"""What follows from a run's results, asked of the core, and put into the words of a run's status.

The one place in which the operator's plan and ``tierrouter_core.regression.decide`` meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tierrouter_core.regression.results import CellResults
from tierrouter_core.resources.regression import RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import Threshold

_MAX_REASON: Final = 2048


@dataclass(frozen=True, slots=True)
class TierInForce:
    """A tier as sidecars serve it."""

    name: str
    rank: int
    model: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision is made of."""

    policy: RegressionPolicy
    state: str | None
    """What the decision before handed on, as JSON."""
    run: str
    revision: str
    """The RouterRevision that was tested."""
    tiers: tuple[TierInForce, ...]
    thresholds: tuple[Threshold, ...]
    """With the values in force."""
    overlay: TunedValues
    """What regression runs have moved so far."""
    cells: tuple[CellResults, ...]
    errors: Mapping[str, str]
    """Why the other cells have no results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What follows."""

    action: RunAction
    reason: str
    low_percent: str | None = None
    high_percent: str | None = None
    overlay: TunedValues | None = None
    """All that holds after it; None where nothing changes."""
    cells: tuple[Mapping[str, Any], ...] = ()
    """Entries of ``status.decision.cells``."""
    state: str = ""

    @property
    def entry(self) -> Mapping[str, Any]:
        """``status.decision``."""
        entry: dict[str, Any] = {"action": str(self.action), "reason": _cut(self.reason, _MAX_REASON)}
        if self.low_percent is not None:
            entry["lowPercent"] = self.low_percent
        if self.high_percent is not None:
            entry["highPercent"] = self.high_percent
        if self.overlay is not None:
            entry["overlay"] = {"thresholds": dict(self.overlay.thresholds), "tiers": dict(self.overlay.tiers)}
        if self.cells:
            entry["cells"] = [dict(each) for each in self.cells]
        if self.state:
            entry["state"] = self.state
        return entry


class Decide(Protocol):
    """Decides, purely: equal facts give equal decisions."""

    def __call__(self, facts: Facts) -> Decided:
        """What follows from the facts."""
        ...

    def steps_of(self, state: str) -> tuple[str, ...]:
        """Steps of thresholds that stand by a state that was handed on."""
        ...


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

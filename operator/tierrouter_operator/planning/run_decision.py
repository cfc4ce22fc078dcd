"""What follows from a run's results, asked of the core, and put into the words of a run's status.

The one place in which the operator's plan and ``tierrouter_core.regression.decide`` meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tierrouter_core.errors import TierRouterError
from tierrouter_core.regression.decide import decide
from tierrouter_core.regression.facts import RunFacts
from tierrouter_core.regression.results import CellResults
from tierrouter_core.regression.state_json import read_state
from tierrouter_core.resources.regression import CellJudgement, RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import Threshold, TierSpec

_MAX_REASON: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a decision is made of."""

    policy: RegressionPolicy
    state: str | None
    """What the decision before handed on, as JSON."""
    run: str
    revision: str
    """The RouterRevision that was tested."""
    revision_in_force: str
    collected_at: str
    """When all results were there, as Kubernetes writes it."""
    suite_tiers: tuple[str, ...]
    """The tiers that the suite names."""
    tiers: tuple[TierSpec, ...]
    """The router's, with the models in force."""
    thresholds: tuple[Threshold, ...]
    """With the values in force."""
    overlay: TunedValues
    """What regression runs have moved so far."""
    cells: tuple[CellResults, ...]
    without_results: tuple[CellResults, ...]
    """The other cells, which have no tasks."""
    errors: Mapping[str, str]
    """Why these have none."""


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
    steps: tuple[str, ...] = ()
    """Steps of thresholds that stand after it, each with the tier that caused it."""
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
        """Steps of thresholds that stand by a state that was handed on; for where what was decided with it is lost."""
        ...


class DecideByCore:
    """The core's decision."""

    def __call__(self, facts: Facts) -> Decided:
        """What follows from the facts."""
        without = tuple(cell for cell in facts.without_results if cell.cell in facts.errors)
        found = decide(
            facts.policy,
            facts.state,
            RunFacts(
                run=facts.run,
                revision=facts.revision,
                tiers=facts.tiers,
                thresholds=facts.thresholds,
                overlay=facts.overlay,
                cells=(*facts.cells, *without),
                errors=facts.errors,
                suite_tiers=facts.suite_tiers,
                time=facts.collected_at,
                revision_in_force=facts.revision_in_force,
            ),
        )
        return Decided(
            action=found.action,
            reason=found.reason,
            low_percent=found.low_percent,
            high_percent=found.high_percent,
            overlay=found.overlay,
            cells=tuple(_judgement(each) for each in found.cells),
            steps=tuple(found.steps),
            state=found.state,
        )

    def steps_of(self, state: str) -> tuple[str, ...]:
        """Steps of thresholds that stand by a state that was handed on."""
        try:
            return tuple(str(step) for step in read_state(state).regressions)
        except TierRouterError:
            return ()


def _judgement(found: CellJudgement) -> Mapping[str, Any]:
    entry = {
        "name": found.name,
        "accuracyPercent": found.accuracy_percent,
        "lowPercent": found.low_percent,
        "highPercent": found.high_percent,
        "sentence": found.sentence,
    }
    return {key: value for key, value in entry.items() if value not in (None, "")}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

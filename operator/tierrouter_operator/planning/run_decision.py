"""What follows from a run's results, asked of the core, and put into the words of a run's status."""

from collections.abc import Mapping
from typing import Any, Protocol

from tierrouter_core.errors import TierRouterError
from tierrouter_core.regression.decide import decide
from tierrouter_core.regression.facts import Decision, RunFacts
from tierrouter_core.regression.state_json import read_state
from tierrouter_core.resources.inputs import canonical
from tierrouter_core.resources.regression import RegressionPolicy
from tierrouter_core.resources.regression_run import CellJudgement
from tierrouter_operator.planning.history import Moved


class Decide(Protocol):
    """Decides, purely: equal facts give equal decisions."""

    def __call__(self, policy: RegressionPolicy, state: str | None, run: RunFacts) -> Decision:
        """What follows from a run, as :func:`tierrouter_core.regression.decide.decide` has it."""
        ...

    def steps_of(self, state: str) -> tuple[str, ...]:
        """Steps of thresholds that stand by a state that was handed on; for where what was decided with it is lost."""
        ...

    def came_after(self, state: str, run: str) -> bool:
        """Whether a later decision than the run's handed on this state."""
        ...


class DecideByCore:
    """The core's decision."""

    def __call__(self, policy: RegressionPolicy, state: str | None, run: RunFacts) -> Decision:
        """What follows from a run."""
        return decide(policy, state, run)

    def steps_of(self, state: str) -> tuple[str, ...]:
        """Steps of thresholds that stand by a state that was handed on."""
        try:
            return tuple(str(step) for step in read_state(state).regressions)
        except TierRouterError:
            return ()

    def came_after(self, state: str, run: str) -> bool:
        """Whether a later decision than the run's handed on this state."""
        try:
            return run in read_state(state).decided[:-1]
        except TierRouterError:
            return False


def decision_entry(found: Decision, began: Moved) -> Mapping[str, Any]:
    """A run's ``status.decision``.

    Args:
        found: the decision.
        began: what was in force when it was made.
    """
    entry: dict[str, Any] = {"action": str(found.action), "reason": found.reason}
    if found.low_percent is not None:
        entry["lowPercent"] = found.low_percent
    if found.high_percent is not None:
        entry["highPercent"] = found.high_percent
    if found.overlay is not None:
        entry["overlay"] = canonical(found.overlay)
        entry["decidedFrom"] = {"base": canonical(began.base), "overlay": canonical(began.overlay)}
    if found.cells:
        entry["cells"] = [_judgement(each) for each in found.cells]
    if found.state:
        entry["state"] = found.state
    return entry


def _judgement(found: CellJudgement) -> Mapping[str, Any]:
    entry = {
        "name": found.name,
        "accuracyPercent": found.accuracy_percent,
        "lowPercent": found.low_percent,
        "highPercent": found.high_percent,
        "sentence": found.sentence,
    }
    return {key: value for key, value in entry.items() if value not in (None, "")}

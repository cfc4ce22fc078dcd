"""What a decision is made from, and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tierrouter_core.regression.results import CellResults
from tierrouter_core.resources.inputs import NOTHING_MOVED
from tierrouter_core.resources.regression import RunAction
from tierrouter_core.resources.regression_run import CellJudgement
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import Threshold, TierSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run, and the router as it is when the run is decided."""

    run: str
    """Its name."""
    revision: str
    """The RouterRevision that it tested."""
    tiers: tuple[TierSpec, ...]
    """The router's, with the models in force (``with_overlay(router, overlay).spec.tiers``)."""
    thresholds: tuple[Threshold, ...] = ()
    """Likewise, with the values in force."""
    overlay: TunedValues = NOTHING_MOVED
    """What earlier decisions moved, as it is in force."""
    cells: tuple[CellResults, ...] = ()
    """Every cell of the run's matrix; one without results has no tasks."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Why a cell has no results, by the cell's name."""
    suite_tiers: tuple[str, ...] = ()
    """The tiers that the suite tests every night: only where all of them have results, all together are judged. Empty:
    those of the run's cells."""
    time: str = ""
    """When the run was made, as RFC 3339: which of two is older. Empty where nobody knows."""
    revision_in_force: str = ""
    """The stable revision at this time; empty where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one run."""

    action: RunAction
    reason: str
    """One sentence, with its numbers."""
    low_percent: str | None = None
    """Lower end of the interval of the accuracy that decided, as a decimal."""
    high_percent: str | None = None
    overlay: TunedValues | None = None
    """All that is to hold after it; None where nothing moves."""
    cells: tuple[CellJudgement, ...] = ()
    steps: tuple[str, ...] = ()
    """Steps of thresholds that stand after it, each with the tier that caused it."""
    state: str = ""
    """What is handed on to the next run's decision: JSON, 64 KiB at most."""

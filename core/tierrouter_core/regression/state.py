"""What one run's decision hands on to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tierrouter_core.regression.evidence import MIDDLE, Logs, grown
from tierrouter_core.regression.flaky import Memory
from tierrouter_core.regression.stepping import Move, StepKind

MAX_RUNS_REMEMBERED: Final = 64
MAX_STEPS: Final = 64
MAX_CANDIDATES: Final = 64


@dataclass(frozen=True, slots=True)
class Track:
    """Evidence of one thing, and the tasks of the runs since it began to speak for it."""

    logs: Logs = ()
    runs: int = 0
    resolved: int = 0
    tasks: int = 0


NO_TRACK: Final = Track()


def longer(track: Track, gains: Logs, resolved: int, tasks: int) -> Track:
    """The track with one more run; its runs are counted anew where nothing spoke for a change before this one."""
    has_begun = bool(track.logs) and track.logs[MIDDLE] > 0
    since = track if has_begun else NO_TRACK
    return Track(grown(track.logs, gains), since.runs + 1, since.resolved + resolved, since.tasks + tasks)


@dataclass(frozen=True, slots=True)
class TierState:
    """What is known of a tier with the model that it has."""

    model: str
    slip: Track = NO_TRACK
    memory: Memory = field(default_factory=Memory)


class Scope:
    """Which limit a step answers."""

    NIGHT: Final = "night"
    """``regressBelowPercent``, of all tiers together."""
    TIER: Final = "tier"
    """``tierFloorPercent``, of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the thresholds that was decided and has not been undone."""

    kind: StepKind
    tier: str
    """Whose results caused it."""
    run: str
    scope: str = Scope.TIER
    moves: tuple[Move, ...] = ()
    resolved: int = 0
    tasks: int = 0
    """The tier's in that run: worse than this is worse again."""
    night_resolved: int = 0
    night_tasks: int = 0
    """All tiers' in that run."""
    back: Track = NO_TRACK
    """Evidence that what it answers is over."""

    def __str__(self) -> str:
        what = ", ".join(str(move) for move in self.moves) or "nothing moved"
        return f"{self.tier}, run {self.run}: {what}"[:240]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateState:
    """What is known of a candidate beside one incumbent."""

    floor: Logs = ()
    """Evidence that it is above the floor."""
    pair: Logs = ()
    """Evidence that it is not worse than the incumbent by the margin."""
    runs: int = 0
    last: int = 0
    """How many runs of the suite had been decided before its newest."""
    resolved: int = 0
    tasks: int = 0
    gained: int = 0
    lost: int = 0
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Promoted:
    """The last promotion of a tier."""

    model: str
    run: str
    at: int
    """How many runs had been decided then."""


CandidateKey = tuple[str, str, str]
"""Tier, candidate, incumbent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteState:
    """All that is handed on."""

    runs: int = 0
    """Runs that were decided so far."""
    decided: tuple[str, ...] = ()
    """The newest of them by name, oldest first."""
    newest: str = ""
    """When the newest of them was made."""
    newest_run: str = ""
    tiers: Mapping[str, TierState] = field(default_factory=dict)
    night: Track = NO_TRACK
    night_tiers: tuple[str, ...] = ()
    """Whose tasks are in it."""
    steps: tuple[Step, ...] = ()
    """Oldest first."""
    candidates: Mapping[CandidateKey, CandidateState] = field(default_factory=dict)
    promoted: Mapping[str, Promoted] = field(default_factory=dict)

    @property
    def regressions(self) -> tuple[Step, ...]:
        """Steps that answer a slip."""
        return tuple(step for step in self.steps if step.kind is StepKind.REGRESSION)

    def standing(self, tier: str) -> Step | None:
        """The newest step that the tier caused."""
        return next((step for step in reversed(self.regressions) if step.tier == tier), None)

    def with_steps(self, steps: tuple[Step, ...]) -> "SuiteState":
        """These steps, less promotions that no older step of a regression needs to be undone."""
        first = next((at for at, step in enumerate(steps) if step.kind is StepKind.REGRESSION), len(steps))
        return replace(self, steps=steps[first:][-MAX_STEPS:])

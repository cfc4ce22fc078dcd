"""What a trial is judged by."""

from dataclasses import dataclass
from typing import Final

from tierrouter_core.resources.guards import Rollout
from tierrouter_core.resources.revision import OriginType

CONFIDENCE_PERCENT: Final = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a trial is judged by."""

    min_turns: int
    """Of the canary."""
    window_s: float
    max_error_percent: int
    deadline_s: float
    towards_safety: bool
    confidence_percent: int = CONFIDENCE_PERCENT


def settings_of(rollout: Rollout, origin: OriginType | str) -> Settings:
    """A router's own settings, for a revision of this origin."""
    return Settings(
        min_turns=rollout.min_turns,
        window_s=rollout.analysis_window_ms / 1000,
        max_error_percent=rollout.max_error_percent,
        deadline_s=rollout.deadline_ms / 1000,
        towards_safety=origin == OriginType.REGRESSION,
    )

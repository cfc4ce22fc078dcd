"""The tunable thresholds, and by how much an event moves each.

The article moves ``file_count`` by +1 on a regression *and* on a promotion. With a rule "more files than the
threshold go to the expensive tier" both cannot be right: after a regression more work should go up, so the threshold
should come down. Hence every step is a value here. :data:`ARTICLE_STEPS` is the article's word,
:data:`ROUTER_STEPS` what the TierRouter resource does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierrouter_core.article.frozen import ReadOnlyDict, must_be_mapping, own_copy

THRESHOLDS: Mapping[str, int] = ReadOnlyDict({"file_count": 3})
"""The article's thresholds; read-only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """How one threshold moves, and how far it may."""

    on_regression: int = 1
    """Added when a tier fell below its floor."""
    on_promotion: int = 1
    """Added when a candidate was promoted."""
    minimum: int = 1
    maximum: int = 40

    def __post_init__(self) -> None:
        if self.minimum > self.maximum:
            raise ValueError(f"Steps: minimum {self.minimum} is above maximum {self.maximum}; swap them")

    def moved(self, value: int, by: int) -> int:
        """``value + by``, brought within the bounds."""
        return min(max(value + by, self.minimum), self.maximum)


ThresholdSteps = Mapping[str, Steps]

ARTICLE_STEPS: ThresholdSteps = ReadOnlyDict({"file_count": Steps(on_regression=1, on_promotion=1)})
"""The article's: up by one on either event."""
ROUTER_STEPS: ThresholdSteps = ReadOnlyDict({"file_count": Steps(on_regression=-1, on_promotion=1)})
"""The TierRouter resource's defaults: a regression sends more work to the expensive tiers, a promotion less."""


def after_regression(thresholds: Mapping[str, Any], steps: Steps | ThresholdSteps) -> dict[str, Any]:
    """New thresholds, each moved by its ``on_regression``."""
    return _moved(thresholds, steps, "on_regression")


def after_promotion(thresholds: Mapping[str, Any], steps: Steps | ThresholdSteps) -> dict[str, Any]:
    """New thresholds, each moved by its ``on_promotion``."""
    return _moved(thresholds, steps, "on_promotion")


def unchanged(thresholds: Mapping[str, Any]) -> dict[str, Any]:
    """The same thresholds as a new dict; ``TypeError`` for anything but a mapping."""
    must_be_mapping(thresholds, "thresholds")
    return {name: own_copy(value) for name, value in thresholds.items()}


def _moved(thresholds: Mapping[str, Any], steps: Steps | ThresholdSteps, event: str) -> dict[str, Any]:
    """A single ``Steps`` is for every threshold, a mapping for those that it names. What is no integer stays."""
    result = unchanged(thresholds)
    for name, value in result.items():
        step = steps if isinstance(steps, Steps) else steps.get(name)
        if step is not None and isinstance(value, int) and not isinstance(value, bool):
            result[name] = step.moved(value, getattr(step, event))
    return result

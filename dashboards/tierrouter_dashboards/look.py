"""How things look wherever they are shown: units, colours of tiers, and from which value on something is wrong."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import FieldColorModeId, Threshold, ThresholdsMode

USD: Final = "currencyUSD"
USD_AN_HOUR: Final = "suffix:USD/h"
SHARE: Final = "percentunit"
"""0 to 1, shown in percent."""
PERCENT: Final = "percent"
SECONDS: Final = "s"
SINCE: Final = "dateTimeFromNow"
"""A time in milliseconds, shown as how long ago that is."""
COUNT: Final = "short"
TURNS_A_MINUTE: Final = "suffix:turns/min"
TOKENS_A_MINUTE: Final = "suffix:tokens/min"

GREEN: Final = "green"
YELLOW: Final = "#EAB839"
RED: Final = "red"
NEUTRAL: Final = "text"

DEEP_SHARE_LIMIT: Final = 0.05
"""What TierRouterDeepShareHigh fires at, for a router whose ``deepShare`` says nothing else."""

TIER_COLORS: Final = {
    # The tiers of examples/coding.yaml, from cheap to expensive.
    "local": "#73BF69",
    "fallback": "#8AB8FF",
    "routine": "#3274D9",
    "reasoning": "#FF9830",
    "deep": "#E02F44",
    "none": "#8E8E8E",
}
"""Tiers of any other name have a colour that their name picks, the same in every panel."""


def steps(*values: tuple[float | None, str]) -> ThresholdsConfig:
    """Colours from values on; the first value is None."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in values])
    )


NONE_IS_WRONG: Final = ((None, NEUTRAL),)
ANY_IS_WRONG: Final = ((None, GREEN), (1, RED))
LESS_THAN_1_IS_WRONG: Final = ((None, RED), (1, GREEN))
SAVING: Final = ((None, RED), (0, GREEN))
LIMIT: Final = ((None, GREEN), (0.8, YELLOW), (1, RED))
"""Of what is allowed: a budget, or the deep share's limit."""
FAILING: Final = ((None, GREEN), (0.01, YELLOW), (0.05, RED))
LATE: Final = ((None, GREEN), (1, YELLOW), (6 * 3600, RED))


def by_name() -> FieldColor:
    """A colour that a series' name picks."""
    return FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def by_thresholds() -> FieldColor:
    """A colour that the value picks."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)

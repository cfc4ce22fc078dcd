"""What a suite's results change: which model a tier gets, which tier serves, where the thresholds stand.

The article decides by the bare rate, and so do these. A rate of 95 % on 20 tasks may well be 80 % on the next 20:
the RegressionSuite resource therefore asks for a number of tasks and a confidence.
"""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.article.suite import Rate, SuiteResults, pass_rate, rate
from tierrouter_core.article.thresholds import (
    ARTICLE_STEPS,
    Steps,
    ThresholdSteps,
    after_promotion,
    after_regression,
    unchanged,
)
from tierrouter_core.article.tiers import NEXT_TIER_UP

PROMOTE_AT = 0.95
"""A candidate that passes this share of the suite, or more, is promoted."""
TIER_FLOOR = 0.92
"""A tier below this share gives its work to the next tier up."""
REGRESSION_FLOOR = 0.95
"""A nightly result below this share moves the thresholds."""


def check_promotion(
    candidate: str,
    suite_results: SuiteResults,
    incumbent: str,
    thresholds: Mapping[str, Any],
    *,
    promote_at: float = PROMOTE_AT,
    steps: Steps | ThresholdSteps = ARTICLE_STEPS,
) -> tuple[str, dict[str, Any]]:
    """``(model, thresholds)``: the candidate and stepped thresholds if it passed, else the incumbent and the same.

    Passed means a pass rate of ``promote_at`` or more. An empty suite proves nothing and never promotes.
    Shapes of ``suite_results``: :func:`tierrouter_core.article.suite.pass_rate`.
    """
    limit = rate(promote_at, "promote_at")
    achieved = pass_rate(suite_results)
    if achieved is None or achieved < limit:
        return incumbent, unchanged(thresholds)
    return candidate, after_promotion(thresholds, steps)


def promote_on_regression(
    current_tier: str,
    accuracy: Rate,
    thresholds: Mapping[str, Any],
    *,
    tier_floor: float = TIER_FLOOR,
    steps: Steps | ThresholdSteps = ARTICLE_STEPS,
) -> tuple[str, dict[str, Any]]:
    """``(tier, thresholds)``: below ``tier_floor`` the next tier up and stepped thresholds, else both as they were.

    The ladder is :data:`~tierrouter_core.article.tiers.NEXT_TIER_UP`; ``deep`` stays ``deep``, its thresholds step
    all the same. ``ValueError`` for an accuracy that is not from 0 to 1 and for a tier that does not exist.
    """
    if current_tier not in NEXT_TIER_UP:
        raise ValueError(f"current_tier: there is no tier {current_tier!r}; there are {', '.join(NEXT_TIER_UP)}")
    if rate(accuracy, "accuracy") >= rate(tier_floor, "tier_floor"):
        return current_tier, unchanged(thresholds)
    return NEXT_TIER_UP[current_tier], after_regression(thresholds, steps)


def tune_on_regression(
    result: SuiteResults,
    thresholds: Mapping[str, Any],
    *,
    floor: float = REGRESSION_FLOOR,
    steps: Steps | ThresholdSteps = ARTICLE_STEPS,
) -> dict[str, Any]:
    """The thresholds after a night's run: stepped if the result is below ``floor``, else the same.

    ``result`` is an accuracy from 0 to 1, or a suite's results in any shape of
    :func:`tierrouter_core.article.suite.pass_rate`; an empty suite proves nothing and changes nothing.
    """
    limit = rate(floor, "floor")
    achieved = pass_rate(result, "result")
    if achieved is None or achieved >= limit:
        return unchanged(thresholds)
    return after_regression(thresholds, steps)

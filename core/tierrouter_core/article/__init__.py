"""The article's API: a tier router in a few pure functions, for agent loops that want no process beside them.

Nothing is ever mutated. Every function returns plain new dicts that are the caller's own; only the constants are
read-only (and copies of them are plain dicts again). ``docs/article-api.md`` says where the article contradicts
itself and how that is resolved. The TierRouter resource is the superset of all this.
"""

from tierrouter_core.article.promotion import (
    PROMOTE_AT,
    REGRESSION_FLOOR,
    TIER_FLOOR,
    check_promotion,
    promote_on_regression,
    tune_on_regression,
)
from tierrouter_core.article.routing import Predicates, resolve_with_fallback, route_turn
from tierrouter_core.article.shares import (
    DEEP_SHARE_LIMIT,
    BaselineComparison,
    DeepShare,
    baseline_comparison,
    deep_share_alert,
    deep_tier_ratio,
)
from tierrouter_core.article.spend import ModelSpend, Spend, log_spend, new_spend, spend_totals
from tierrouter_core.article.thresholds import ARTICLE_STEPS, ROUTER_STEPS, THRESHOLDS, Steps
from tierrouter_core.article.tiers import EXPENSIVE_MODELS, NEXT_TIER_UP, TIER_ROUTER, TierConfig, tier_alias

__all__ = [
    "ARTICLE_STEPS",
    "DEEP_SHARE_LIMIT",
    "EXPENSIVE_MODELS",
    "NEXT_TIER_UP",
    "PROMOTE_AT",
    "REGRESSION_FLOOR",
    "ROUTER_STEPS",
    "THRESHOLDS",
    "TIER_FLOOR",
    "TIER_ROUTER",
    "BaselineComparison",
    "DeepShare",
    "ModelSpend",
    "Predicates",
    "Spend",
    "Steps",
    "TierConfig",
    "baseline_comparison",
    "check_promotion",
    "deep_share_alert",
    "deep_tier_ratio",
    "log_spend",
    "new_spend",
    "promote_on_regression",
    "resolve_with_fallback",
    "route_turn",
    "spend_totals",
    "tier_alias",
    "tune_on_regression",
]

"""The figure that says whether expensive tiers have more than they may, on every dashboard alike."""

from tierrouter_dashboards import look
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.panels import Panel, stat_panel


def limit_stat() -> Panel:
    """Routers have limits of their own, so the worst one is shown, by its own limit."""
    return stat_panel(
        "Deep share, of its limit",
        "How much the deep share is of what the router's deepShare allows, or of 5 % where it has none: above 100 % "
        "it is too much. Of several routers, the one that is worst.",
        look.SHARE,
        f"max({q.part_of_limit()})",
        look.LIMIT,
        width=3,
        empty="no turns",
        alert="TierRouterDeepShareHigh",
    )

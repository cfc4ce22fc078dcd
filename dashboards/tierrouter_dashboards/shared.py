"""What several dashboards show, so that they show the same: numbers, and a counter's series by one of its labels."""

from tierrouter_dashboards import look
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.panels import Panel, Query, stat_panel


def spent(width: int = 4) -> Panel:
    """Of all turns that have a price."""
    return stat_panel(
        "Spent", "What turns have cost.", look.USD, q.spent(), look.NONE_IS_WRONG, width=width, empty="no turns"
    )


def deep_share() -> Panel:
    """Of turns, over all that is shown; whether it is too much, each router's own limit says."""
    return stat_panel(
        "Deep share",
        "Turns that tiers with expensive: true have served, of all that a tier has served.",
        look.SHARE,
        q.deep_share(),
        look.NONE_IS_WRONG,
        width=3,
        empty="no turns",
    )


def deep_share_of_its_limit() -> Panel:
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


def failed() -> Panel:
    """The share of turns that the provider or the router failed."""
    return stat_panel(
        "Turns that failed",
        "Of all turns: cut, upstream_error or refused. An agent that went away is none of them.",
        look.SHARE,
        q.failed_share(),
        look.FAILING,
        empty="no turns",
    )


def counted(metric: str, label: str, of: str = "@agents") -> Query:
    """How often each value of ``label`` has come, without those that have not."""
    return Query(f"{q.increase(metric, label, of=of)} >= 1", f"{{{{{label}}}}}")


def a_minute(metric: str, label: str, of: str = "@agents") -> Query:
    """How often each value of ``label`` comes."""
    return Query(q.per_minute(metric, label, of=of), f"{{{{{label}}}}}")

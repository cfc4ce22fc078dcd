"""What several dashboards show, so that they show the same: numbers, and a counter's series by one of its labels."""

from tierrouter_dashboards import look
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.panels import Panel, Query, stat_panel


def spent(width: int = 4) -> Panel:
    """Of all turns that have a price."""
    return stat_panel(
        "Spent", "What turns have cost.", look.USD, q.spent(), look.NONE_IS_WRONG, width=width, empty="no turns"
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

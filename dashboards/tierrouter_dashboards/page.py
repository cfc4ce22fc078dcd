"""What all dashboards share: variables, links to each other, time, and how panels are laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as model

from tierrouter_dashboards.panels import DATASOURCE, Panel

TAG: Final = "tierrouter"
_ALL: Final = model.VariableOption(selected=True, text="All", value="$__all")


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and what stands below it from left to right."""

    title: str
    panels: Sequence[Panel]


def page(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    *,
    series: str,
    since: str = "now-24h",
    more: Sequence[builders.QueryVariable] = (),
) -> model.Dashboard:
    """A dashboard. ``series`` has namespace and router for labels, and names those that can be chosen; ``more`` are
    variables besides."""
    board = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .editable()
        .timezone("browser")
        .time(since, "now")
        .refresh("1m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(choice("namespace", "Namespace", f"label_values({series}, namespace)"))
        .with_variable(choice("router", "Router", f'label_values({series}{{namespace=~"$namespace"}}, router)'))
        .link(
            builders.DashboardLink("TierRouter")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in more:
        board = board.with_variable(variable)
    for row in rows:
        board = board.with_row(builders.Row(row.title))
        for panel in row.panels:
            board = board.with_panel(panel)
    made = board.build()
    for link in made.links or ():
        # The library would put links into a menu, where nobody sees them.
        link.placement = None  # type: ignore[assignment]
    for number, each in enumerate(made.panels or [], 1):
        each.id_val = number
    return made


def choice(name: str, label: str, query: str, chosen: str = "") -> builders.QueryVariable:
    """A variable: any of the values, or, with nothing ``chosen``, all at first."""
    # ".*" for all of them and not a list, so that series without the label count too: a laptop has no namespaces.
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=chosen, value=chosen) if chosen else _ALL)
    )

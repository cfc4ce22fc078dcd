"""The five kinds of panels. Each has a title, a description that says what is counted, and a unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tierrouter_dashboards import look

Panel = Builder[model.Panel]
P = TypeVar("P", stat.Panel, timeseries.Panel, bargauge.Panel, statetimeline.Panel, table.Panel)
Colored = TypeVar("Colored", timeseries.Panel, bargauge.Panel)
OverTime = TypeVar("OverTime", timeseries.Panel, statetimeline.Panel)
Steps = tuple[tuple[float | None, str], ...]
DATASOURCE: Final = options.DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH: Final = 24
STAT_HEIGHT: Final = 4
HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and what its series are called."""

    expr: str
    legend: str = ""


def stat_panel(
    title: str,
    description: str,
    unit: str,
    expr: str,
    steps: Steps,
    *,
    width: int = 4,
    empty: str = "no data",
    alert: str = "",
) -> Panel:
    """One number over all that is shown; ``alert`` is the one whose runbook says what to do about it."""
    what_to_do = f" What to do: docs/runbooks/{alert}.md." if alert else ""
    return (
        _begun(stat.Panel(), title, description + what_to_do, width, STAT_HEIGHT)
        .unit(unit)
        .no_value(empty)
        .thresholds(look.steps(*steps))
        .color_scheme(look.by_thresholds())
        .color_mode(options.BigValueColorMode.VALUE)
        .graph_mode(options.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(expr, "A").legend_format(title))
    )


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    is_stacked: bool = False,
    limit: Query | None = None,
    maximum: float | None = None,
) -> Panel:
    """Lines over time; with ``limit`` dashed ones where it begins to be wrong."""
    panel = (
        _begun(timeseries.Panel(), title, description, width)
        .unit(unit)
        .min(0)
        .color_scheme(look.by_name())
        .line_width(1)
        .fill_opacity(60 if is_stacked else 10)
        .show_points(options.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    )
    if is_stacked:
        panel = panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if maximum is not None:
        panel = panel.max(maximum)
    panel = _with_queries(_in_tiers_colors(panel), [*queries, *([limit] if limit else [])])
    return panel.override_by_query(_REFS[len(queries)], _DASHED) if limit else panel


def bars(
    title: str,
    description: str,
    unit: str,
    each: Query,
    *,
    width: int = 8,
    steps: Steps = (),
    maximum: float | None = None,
) -> Panel:
    """A bar for each series, over all that is shown."""
    panel = (
        _begun(bargauge.Panel(), title, description, width)
        .unit(unit)
        .min(0)
        .no_value("none")
        .color_scheme(look.by_thresholds() if steps else look.by_name())
        .orientation(options.VizOrientation.HORIZONTAL)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .value_mode(options.BarGaugeValueMode.TEXT)
        .show_unfilled(False)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_now(each.expr, "A").legend_format(each.legend))
    )
    if maximum is not None:
        panel = panel.max(maximum)
    if steps:
        panel = panel.thresholds(look.steps(*steps))
    return _in_tiers_colors(panel)


def states(title: str, description: str, words: dict[str, tuple[str, str]], *queries: Query, width: int = 12) -> Panel:
    """What state something was in, over time; ``words`` are value -> text and colour."""
    panel = (
        _begun(statetimeline.Panel(), title, description, width)
        .unit(look.COUNT)
        .no_value("none")
        .color_scheme(look.by_thresholds())
        .mappings(
            [
                model.ValueMap(
                    {
                        value: model.ValueMappingResult(text=text, color=color, index=n)
                        for n, (value, (text, color)) in enumerate(words.items())
                    }
                )
            ]
        )
        .show_value(options.VisibilityMode.NEVER)
        .merge_values(True)
        .fill_opacity(80)
        .legend(_legend())
    )
    return _with_queries(panel, queries)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers: its name, its query, and how the numbers look."""

    name: str
    expr: str
    unit: str
    steps: Steps = ()


def table_panel(
    title: str,
    description: str,
    labels: dict[str, str],
    columns: Sequence[Column],
    *,
    sort_by: str,
    width: int = 12,
    link: tuple[str, str, str] | None = None,
) -> Panel:
    """A row for each set of labels (label -> its column's name); ``link`` is a column, a title and a URL."""
    values = {f"Value #{ref}": column for ref, column in zip(_REFS, columns, strict=False)}
    if len(columns) == 1:
        values = {"Value": columns[0]}
    names = {**labels, **{field: column.name for field, column in values.items()}}
    panel = (
        _begun(table.Panel(), title, description, width)
        .unit(columns[0].unit)
        .no_value("none")
        .color_scheme(look.by_thresholds())
        .thresholds(look.steps(*look.NONE_IS_WRONG))
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: n for n, name in enumerate(names)},
                    "renameByName": names,
                },
            )
        )
    )
    for ref, column in zip(_REFS, columns, strict=False):
        panel = panel.with_target(_now(column.expr, ref).format(PromQueryFormat.TABLE))
    for column in columns:
        properties = [model.DynamicConfigValue("unit", column.unit)]
        if column.steps:
            properties += [
                model.DynamicConfigValue("thresholds", look.steps(*column.steps).build()),
                model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
            ]
        panel = panel.override_by_name(column.name, properties)
    if link:
        column_name, text, url = link
        panel = panel.override_by_name(
            column_name, [model.DynamicConfigValue("links", [{"title": text, "url": url, "targetBlank": False}])]
        )
    return panel


def alerts(title: str, description: str, width: int = 8) -> Panel:
    """What fires now, of Prometheus' rules and of Grafana's own."""
    return (
        dashboard.Panel()
        .type("alertlist")
        .title(title)
        .description(description)
        .height(HEIGHT)
        .span(width)
        .options(
            {
                "alertInstanceLabelFilter": '{alertname=~"TierRouter.+",alertname!="TierRouterWatchdog"}',
                "alertName": "",
                "dashboardAlerts": False,
                "groupBy": [],
                "groupMode": "default",
                "maxItems": 20,
                "sortOrder": 3,
                "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
                "viewMode": "list",
            }
        )
    )


_REFS: Final = "ABCDEFGHIJ"
_DASHED: Final = [
    model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": look.RED}),
    model.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
    model.DynamicConfigValue("custom.fillOpacity", 0),
]
"""A limit beside what it limits."""


def _now(expr: str, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).expr(expr).instant().datasource(DATASOURCE)


def _over_time(expr: str, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).expr(expr).range().datasource(DATASOURCE)


def _begun(panel: P, title: str, description: str, width: int, height: int = HEIGHT) -> P:
    """With what every panel of queries has."""
    return panel.title(title).description(description).datasource(DATASOURCE).height(height).span(width)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(options.LegendDisplayMode.LIST)
        .placement(options.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def _in_tiers_colors(panel: Colored) -> Colored:
    """A series that is called as one of the usual tiers has its colour."""
    for tier, color in look.TIER_COLORS.items():
        panel = panel.override_by_name(tier, _colored(color))
    return panel


def _with_queries(panel: OverTime, queries: Sequence[Query]) -> OverTime:
    for ref, each in zip(_REFS, queries, strict=False):
        panel = panel.with_target(_over_time(each.expr, ref).legend_format(each.legend))
    return panel


def _colored(color: str) -> list[model.DynamicConfigValue]:
    return [model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})]

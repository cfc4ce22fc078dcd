"""Dashboards are what the code makes, hold together, and ask for nothing that there isn't."""

import json
import re
from itertools import combinations, pairwise
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_core.observability import ALL_METRICS
from tierrouter_dashboards import look
from tierrouter_dashboards.files import DASHBOARDS, RULES, contents, found
from tierrouter_dashboards.page import TAG

ROOT = RULES.parents[3]
BOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(text) for path, text in contents().items() if path.parent == DASHBOARDS
}
PANELS = [
    pytest.param(panel, id=f"{name.removesuffix('.json')}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
ASKING = [each for each in PANELS if "targets" in each.values[0]]
# Not of the metric, but of where it was scraped: the monitors of the chart give them.
TARGET_LABELS = {"namespace", "router", "pod", "purpose", "job", "instance"}


def each_board(test: Any) -> Any:
    return pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)(test)


def test_the_charts_files_are_what_the_code_makes() -> None:
    assert found() == contents(), "run: make dashboards"


@each_board
def test_a_dashboard_is_what_grafanas_schema_knows(board: dict[str, Any]) -> None:
    read = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    del read["links"][0]["placement"]  # the only one that the library knows
    assert read == board


def test_no_two_dashboards_have_the_same_name_or_address() -> None:
    for key in ("uid", "title"):
        assert len({board[key] for board in BOARDS.values()}) == len(BOARDS)


@each_board
def test_each_panel_has_a_number_of_its_own_and_a_place_of_its_own(board: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations((panel["gridPos"] for panel in board["panels"]), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@each_board
def test_lines_of_panels_are_full(board: dict[str, Any]) -> None:
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {24}


def test_money_and_health_are_what_the_fleet_shows_first() -> None:
    panels = BOARDS["fleet.json"]["panels"]
    (first, second) = [n for n, panel in enumerate(panels) if panel["type"] == "row"][:2]
    assert all(panel["type"] == "stat" for panel in panels[first + 1 : second])
    titles = {panel["title"] for panel in panels if panel["gridPos"]["y"] < 11}
    assert {"Spent", "Saved", "Deep share", "Turns that failed", "Providers left alone"} <= titles


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["description"] != f"{panel['title']}."
    if "targets" in panel:
        assert panel["fieldConfig"]["defaults"]["unit"]


KNOWN_UNITS = {value for name, value in vars(units).items() if name[0].isupper()}


@pytest.mark.parametrize("panel", ASKING)
def test_a_unit_is_one_of_grafanas_or_a_word_behind_the_number(panel: dict[str, Any]) -> None:
    overridden = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"]]
    for unit in (
        panel["fieldConfig"]["defaults"]["unit"],
        *(each["value"] for each in overridden if each["id"] == "unit"),
    ):
        assert unit in KNOWN_UNITS or re.fullmatch(r"suffix:[\w/]+", unit)


@pytest.mark.parametrize("panel", ASKING)
def test_a_panel_asks_the_data_source_that_was_chosen(panel: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert [each["datasource"] for each in (panel, *panel["targets"])] == [chosen] * (1 + len(panel["targets"]))
    assert [each["refId"] for each in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])


@pytest.mark.parametrize("panel", ASKING)
def test_numbers_and_bars_are_of_all_that_is_shown_and_graphs_of_every_moment(panel: dict[str, Any]) -> None:
    at_once = panel["type"] in ("stat", "bargauge", "table")
    for target in panel["targets"]:
        assert (target["instant"], target["range"]) == (at_once, not at_once)
        assert ("$__rate_interval" in target["expr"]) <= (not at_once)
        assert ("$__range" in target["expr"]) <= at_once


def selections(expr: str) -> list[tuple[str, str]]:
    """The metrics that a query asks for, each with its matchers."""
    found = re.findall(r"(?<![\w:])(tierrouter_\w+)(\{[^}]*\})?", expr)
    assert found
    return found


@pytest.mark.parametrize("panel", ASKING)
def test_every_metric_of_a_query_is_narrowed_to_what_was_chosen(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for metric, matchers in selections(target["expr"]):
            assert matchers.startswith('{namespace=~"$namespace",router=~"$router"'), metric


@pytest.mark.parametrize("panel", ASKING)
def test_what_suites_send_counts_in_no_figure_that_is_not_about_suites(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for metric, matchers in selections(target["expr"]):
            if not metric.startswith("tierrouter_operator_"):
                assert 'purpose!="regression"' in matchers or 'purpose="regression"' in matchers
                assert ('purpose="regression"' in matchers) <= ("runs" in panel["title"])


METRICS = {name: metric for metric in ALL_METRICS for name in metric.series_names}


@pytest.mark.parametrize("panel", ASKING)
def test_every_metric_of_a_query_is_declared_and_has_the_labels_that_are_asked_for(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        known: set[str] = set()
        for name, matchers in selections(target["expr"]):
            metric = METRICS[name]
            labels = {*metric.labels, *TARGET_LABELS, *({"le"} if metric.kind == "histogram" else ())}
            assert set(re.findall(r"(\w+)!?=~?", matchers)) <= labels, name
            known |= labels
        grouped = {label for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(", ")}
        assert grouped <= known | {"what"}


@pytest.mark.parametrize("panel", ASKING)
def test_counters_are_looked_at_by_how_they_grow_and_gauges_are_not(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for name, _ in selections(target["expr"]):
            grown = re.search(rf"(?:rate|increase)\({name}\b", target["expr"]) is not None
            assert grown == (METRICS[name].kind != "gauge"), name


@pytest.mark.parametrize("panel", ASKING)
def test_a_legend_names_labels_that_are_left(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
        kept = {label for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(", ")}
        assert named <= kept or not kept


@pytest.mark.parametrize("panel", [each for each in PANELS if each.values[0]["type"] in ("timeseries", "bargauge")])
def test_a_tier_has_the_same_colour_everywhere(panel: dict[str, Any]) -> None:
    found = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["id"] == "byName"
    }
    assert found == look.TIER_COLORS
    colors = list(look.TIER_COLORS.values())
    assert len(set(colors)) == len(colors)


@pytest.mark.parametrize(("board", "title"), [("fleet.json", "Deep share, by router"), ("router.json", "Deep share")])
def test_the_deep_shares_line_is_each_routers_own_limit_and_the_alerts_default(board: str, title: str) -> None:
    (panel,) = [each for each in BOARDS[board]["panels"] if (each["title"], each["type"]) == (title, "timeseries")]
    line = panel["targets"][-1]
    assert "tierrouter_deep_share_limit_ratio" in line["expr"]
    assert line["expr"].endswith(f" + {look.DEEP_SHARE_LIMIT}")
    assert look.DEEP_SHARE_LIMIT == 0.05
    (dashed,) = [each for each in panel["fieldConfig"]["overrides"] if each["matcher"]["id"] == "byFrameRefID"]
    assert dashed["matcher"]["options"] == line["refId"]
    assert {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}} in dashed["properties"]


def test_colours_change_in_order() -> None:
    for steps in (look.FAILING, look.LIMIT, look.LATE):
        assert all(low < high for (low, _), (high, _) in pairwise(steps[1:]))


@each_board
def test_dashboards_lead_to_each_other_and_nowhere_else(board: dict[str, Any]) -> None:
    assert board["tags"] == [TAG]
    (link,) = board["links"]
    assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == ("dashboards", [TAG], True, True)
    assert "placement" not in link, "it would be in a menu"
    text = json.dumps(board)
    addresses = {each["uid"] for each in BOARDS.values()}
    assert set(re.findall(r"/d/([\w-]+)", text)) <= addresses
    assert "://" not in text


@each_board
def test_pages_that_a_panel_names_exist(board: dict[str, Any]) -> None:
    named = re.findall(r"docs/[\w/-]+[.]md", json.dumps(board))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@each_board
def test_all_of_a_variable_is_everything_and_what_has_no_label_too(board: dict[str, Any]) -> None:
    by_name = {each["name"]: each for each in board["templating"]["list"]}
    assert list(by_name)[:3] == ["datasource", "namespace", "router"]
    assert by_name["datasource"]["query"] == "prometheus"
    for name in ("namespace", "router"):
        variable = by_name[name]
        assert (variable["allValue"], variable["multi"], variable["current"]["value"]) == (".*", True, "$__all")

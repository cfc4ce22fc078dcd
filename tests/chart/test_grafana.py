"""What Grafana loads is what stands in the chart's files, unchanged, where Grafana looks for it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_chart import CHART, NAMESPACE, Obj, render, values

DASHBOARDS = sorted((CHART / "files/dashboards").glob("*.json"))
ALERTS: Obj = yaml.safe_load((CHART / "files/grafana-alerts/tierrouter.yaml").read_text())
ENABLED = values(**{"dashboards.enabled": True})


def loaded_by(label: str, *flags: str | Path) -> list[Obj]:
    """The ConfigMaps that Grafana's sidecar would load."""
    found = render(*flags).of("ConfigMap")
    return [each for each in found if each["metadata"].get("labels", {}).get(label) == "1"]


def test_no_dashboard_is_installed_that_was_not_asked_for() -> None:
    assert loaded_by("grafana_dashboard") == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_dashboard_is_loaded_as_it_is_in_the_chart(path: Path) -> None:
    (found,) = [each for each in loaded_by("grafana_dashboard", *ENABLED) if f"tierrouter-{path.name}" in each["data"]]
    assert len(found["data"]) == 1
    text = found["data"][f"tierrouter-{path.name}"]
    assert text == path.read_text(encoding="utf-8")
    assert "{{" in text, "what is Grafana's own has to survive Helm"
    assert json.loads(text)["uid"].startswith("tierrouter-")


def test_dashboards_go_where_grafana_looks_into_its_folder() -> None:
    for each in loaded_by("grafana_dashboard", *ENABLED):
        assert each["metadata"]["namespace"] == NAMESPACE
        assert each["metadata"]["annotations"] == {"grafana_folder": "TierRouter"}
    elsewhere = loaded_by("grafana_dashboard", "--values", CHART / "ci/everything-values.yaml")
    assert len(elsewhere) == len(DASHBOARDS)
    for each in elsewhere:
        assert each["metadata"]["namespace"] == "monitoring"
        assert each["metadata"]["labels"]["team"] == "agents"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Agents"}


def test_pages_that_a_dashboard_names_are_links_where_their_address_is_known() -> None:
    flags = values(**{"dashboards.enabled": True, "prometheusRule.runbookBase": "https://docs.example.com/"})
    texts = [text for each in loaded_by("grafana_dashboard", *flags) for text in each["data"].values()]
    assert len(texts) == len(DASHBOARDS)
    for text in texts:
        assert json.loads(text)
        for page in re.findall(r"docs/[\w/-]+[.]md", text.replace("https://docs.example.com/", "")):
            assert f"[{page}](https://docs.example.com/{page})" in text


def test_a_dashboard_is_small_enough_for_every_way_to_apply_it() -> None:
    # `kubectl apply` keeps a copy in an annotation, of which there may be 256 KiB.
    for each in loaded_by("grafana_dashboard", *ENABLED):
        assert len(json.dumps(each)) < 200_000


def alerts(**settings: Any) -> list[Obj]:
    """The groups of rules that Grafana would be given."""
    flags = values(**{"grafanaAlerts.enabled": True, **settings})
    (found,) = loaded_by("grafana_alert", *flags)
    assert list(found["data"]) == ["tierrouter-alerts.yaml"]
    loaded = yaml.safe_load(found["data"]["tierrouter-alerts.yaml"])
    assert loaded["apiVersion"] == 1
    return list(loaded["groups"])


def rules(**settings: Any) -> dict[str, Obj]:
    return {rule["title"]: rule for group in alerts(**settings) for rule in group["rules"]}


def test_grafana_gets_no_alerts_that_were_not_asked_for() -> None:
    assert loaded_by("grafana_alert") == []


def test_alerts_are_loaded_as_they_are_in_the_chart() -> None:
    assert alerts() == ALERTS["groups"]


def test_alerts_ask_the_data_source_and_stand_in_the_folder_that_were_named() -> None:
    groups = alerts(**{"grafanaAlerts.datasourceUid": "thanos", "grafanaAlerts.folder": "Agents"})
    assert {group["folder"] for group in groups} == {"Agents"}
    for group in groups:
        for rule in group["rules"]:
            assert [step["datasourceUid"] for step in rule["data"]] == ["thanos", "__expr__", "__expr__"]


def test_what_prometheus_alerts_are_told_counts_for_grafanas_too() -> None:
    found = rules(
        **{
            "prometheusRule.thresholds.deepSharePercent": 2.5,
            "prometheusRule.thresholds.minTurns": 1_000_000,
            "prometheusRule.disabledAlerts": ["TierRouterWatchdog", "TierRouterLedgerLosing"],
            "prometheusRule.alertLabels": {"team": "agents"},
            "prometheusRule.runbookBase": "https://docs.example.com/",
        }
    )
    gone = {title for title in rules() if title.startswith(("TierRouterWatchdog", "TierRouterLedgerLosing"))}
    assert len(gone) == 3
    assert set(found) == set(rules()) - gone
    deep_share = found["TierRouterDeepShareHigh"]
    assert "* 2.5 # thresholds.deepSharePercent\n" in deep_share["data"][0]["model"]["expr"]
    assert ">= 1000000 # thresholds.minTurns\n" in deep_share["data"][0]["model"]["expr"]
    assert deep_share["labels"] == {"severity": "warning", "team": "agents"}
    page = "https://docs.example.com/docs/runbooks/TierRouterDeepShareHigh.md"
    assert deep_share["annotations"]["runbook_url"] == page


def test_without_one_alert_nothing_is_left_of_its_group() -> None:
    names = sorted({title.partition(" ")[0] for title in rules()} - {"TierRouterWatchdog"})
    (group,) = alerts(**{"prometheusRule.disabledAlerts": names})
    assert [rule["title"] for rule in group["rules"]] == ["TierRouterWatchdog"]

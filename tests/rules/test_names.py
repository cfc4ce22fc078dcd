"""Names in the rules are names that exist: metrics, labels, recorded series, alerts, thresholds, pages."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped import ALERT_NAMES, ALERTS, GROUPING, LABEL, METRIC, RECORDED, SELECTOR, Rule, cases, queries, rules

from prometheus_programs import ROOT, RULES
from tierrouter_core.observability import ALL_METRICS

DECLARED = {name: metric for metric in ALL_METRICS for name in metric.series_names}
TARGET_LABELS = {"namespace", "pod", "router", "purpose", "job"}
"""What docs/alerts.md says that a scrape has to give."""
PAGE = (ROOT / "docs/alerts.md").read_text()
VALUES = yaml.safe_load((ROOT / "charts/tierrouter/values.yaml").read_text())["prometheusRule"]
MARKED = re.compile(r"([0-9.]+) # thresholds\.(\w+)$", re.M)


def name_of(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])


def labels_of(series: str) -> set[str]:
    """The labels that a series may have."""
    if series in RECORDED:
        tier = {"tier"} if series.startswith("router_tier:") else set()
        of = {"of"} if ":tierrouter_deep_share" in series else set()
        return {"namespace", "router"} | tier | of
    declared = DECLARED.get(series)
    return TARGET_LABELS | {"le"} | set(declared.labels if declared else ())


@pytest.mark.parametrize("rule", rules(), ids=name_of)
def test_a_rule_is_made_of_metrics_that_are_declared_and_series_that_are_recorded(rule: Rule) -> None:
    used = set(METRIC.findall(queries(rule))) - {"up"}
    assert used or name_of(rule) in ("TierRouterWatchdog", "TierRouterMetricsAbsent")
    assert used <= DECLARED.keys() | RECORDED.keys()


@pytest.mark.parametrize("rule", rules(), ids=name_of)
def test_a_rule_matches_and_groups_by_labels_that_its_series_have(rule: Rule) -> None:
    text = queries(rule)
    for series, matchers in SELECTOR.findall(text):
        assert set(LABEL.findall(matchers)) <= labels_of(series), series
    known = set().union(*map(labels_of, METRIC.findall(text)))
    for grouping in GROUPING.findall(text):
        assert set(re.findall(r"\w+", grouping)) <= known


def test_a_name_that_does_not_exist_would_be_noticed() -> None:
    rule: dict[str, Any] = {"alert": "X", "expr": 'sum by (shop) (increase(tierrouter_turn_total{colour="x"}[5m])) > 1'}
    assert set(METRIC.findall(queries(rule))) == {"tierrouter_turn_total"}
    assert SELECTOR.findall(queries(rule)) == [("tierrouter_turn_total", 'colour="x"')]
    assert GROUPING.findall(queries(rule)) == ["shop"]


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_every_alert_says_how_bad_what_with_which_figures_and_what_to_do(rule: Rule) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    assert (
        "$value" in notes["summary"] + notes["description"]
        or rule["alert"]
        in (
            "TierRouterWatchdog",
            "TierRouterModelServerNotReady",
            "TierRouterCanaryRolledBack",
        )
        or rule["labels"].get("component") == "operator"
    )


@pytest.mark.parametrize("alert", ALERT_NAMES)
def test_every_alert_has_a_runbook(alert: str) -> None:
    text = (ROOT / f"docs/runbooks/{alert}.md").read_text()
    assert text.startswith(f"# {alert}\n")
    assert text.index("\n## See it\n") < text.index("\n## Do\n")


def test_there_is_no_runbook_of_an_alert_that_is_gone() -> None:
    assert sorted(path.stem for path in (ROOT / "docs/runbooks").iterdir()) == ALERT_NAMES


@pytest.mark.parametrize("path", sorted((ROOT / "docs/runbooks").glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_asks_for_metrics_that_exist(path: Path) -> None:
    asked = set(re.findall(r"\btierrouter_\w+", path.read_text()))
    assert asked <= DECLARED.keys()


def test_the_page_lists_every_alert_with_its_severities() -> None:
    found = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| ([a-z, ]+) \|", PAGE, re.M)
    listed = {alert: set(severities.split(", ")) for alert, severities in found}
    shipped = {
        alert: {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == alert} for alert in ALERT_NAMES
    }
    assert listed == shipped


def test_the_page_lists_every_recorded_series() -> None:
    listed = set()
    for name in re.findall(r"`(router\w*:[\w:]+)`", PAGE):
        listed |= {name[:-1] + window for window in ("30m", "6h", "3d")} if name.endswith("W") else {name}
    prefix = "router_tier:tierrouter_time_to_first_token_seconds"
    assert listed | {f"{prefix}:p95_rate5m"} == set(RECORDED)
    assert "`:p95_rate5m`" in PAGE


@pytest.mark.parametrize("alert", ALERT_NAMES)
def test_a_case_sees_every_alert_fire_and_another_sees_it_silent(alert: str) -> None:
    seen = [each for case in cases() for each in case.get("alert_rule_test", []) if each["alertname"] == alert]
    assert any(each.get("exp_alerts") for each in seen)
    assert any(not each.get("exp_alerts") for each in seen) or alert == "TierRouterWatchdog"


def test_every_rule_of_an_alert_with_several_is_seen_to_fire() -> None:
    """Two rules of one alert differ in a label."""
    fired = {
        (each["alertname"], *sorted(alert["exp_labels"].items()))
        for case in cases()
        for each in case.get("alert_rule_test", [])
        for alert in each.get("exp_alerts", [])
    }
    for rule in ALERTS:
        wanted = {(key, value) for key, value in rule["labels"].items()}
        assert any(name == rule["alert"] and wanted <= set(labels) for name, *labels in fired), rule


def _on_lines(rules: list[Rule]) -> str:
    """Without breaking a line where its length says so."""
    return yaml.safe_dump(rules, width=10_000)


def test_windows_differ_in_nothing_but_their_length() -> None:
    (groups,) = (yaml.safe_load(path.read_text())["groups"] for path in RULES if path.stem == "recording")
    by_window = {group["name"].removeprefix("tierrouter-"): group["rules"] for group in groups}
    for window in ("6h", "3d"):
        assert _on_lines(by_window[window]) == _on_lines(by_window["30m"]).replace("30m", window)


def test_no_recorded_share_counts_what_suites_try() -> None:
    for rule in RECORDED.values():
        counters = re.findall(r"(tierrouter_\w+)\{([^}]*)\}\[", rule["expr"])
        assert len(counters) == len(re.findall(r"\[\w+\]", rule["expr"]))
        assert all('purpose!="regression"' in matchers for _, matchers in counters)


def test_thresholds_in_the_files_are_the_defaults_of_the_chart_and_of_the_page() -> None:
    marked = {(name, float(number)) for path in RULES for number, name in MARKED.findall(path.read_text())}
    assert marked == {(name, float(value)) for name, value in VALUES["thresholds"].items()}
    page = re.findall(r"^\| `(\w+)` \| ([0-9.]+) \|", PAGE, re.M)
    assert marked == {(name, float(number)) for name, number in page}


def test_no_mark_is_misspelt() -> None:
    for path in RULES:
        for line in path.read_text().splitlines():
            if "thresholds." in line and not line.startswith("#"):
                assert MARKED.search(line), line

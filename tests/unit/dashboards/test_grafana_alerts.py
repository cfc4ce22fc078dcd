"""Grafana's own alerts are those of Prometheus: the same conditions, said without recording rules."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_dashboards.files import ALERTS, RULES
from tierrouter_dashboards.grafana_alerts import inlined, provisioning, without_queries

SOURCES = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yaml"))}
ORIGINALS: list[dict[str, Any]] = [
    rule for source in SOURCES.values() for group in source["groups"] for rule in group["rules"] if "alert" in rule
]
RECORDING: list[dict[str, Any]] = [rule for group in SOURCES["recording.yaml"]["groups"] for rule in group["rules"]]
GRAFANAS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]
PAIRS = [pytest.param(original, ours, id=ours["title"]) for original, ours in zip(ORIGINALS, GRAFANAS, strict=True)]


@pytest.mark.parametrize(("original", "ours"), PAIRS)
def test_an_alert_is_called_waits_and_is_labelled_as_in_prometheus(original: Any, ours: Any) -> None:
    assert ours["title"].partition(" ")[0] == original["alert"]
    assert ours["for"] == original.get("for", "0s")
    assert ours["labels"] == original["labels"]


def test_no_two_alerts_have_the_same_title_or_address() -> None:
    for key in ("title", "uid"):
        assert len({rule[key] for rule in GRAFANAS}) == len(GRAFANAS)
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", rule["uid"]) for rule in GRAFANAS)


@pytest.mark.parametrize(("original", "ours"), PAIRS)
def test_whatever_the_query_finds_fires_and_nothing_is_in_order(original: Any, ours: Any) -> None:
    query, number, fires = ours["data"]
    assert query["model"]["instant"]
    assert "$query" in number["model"]["expression"]
    assert (fires["model"]["expression"], ours["condition"]) == (number["refId"], fires["refId"])
    assert fires["model"]["conditions"] == [{"evaluator": {"type": "gt", "params": [0]}}]
    assert ours["noDataState"] == "OK"


@pytest.mark.parametrize(("original", "ours"), PAIRS)
def test_a_query_needs_no_recording_rule_and_keeps_the_marks_of_thresholds(original: Any, ours: Any) -> None:
    expr = ours["data"][0]["model"]["expr"]
    assert not re.search(r"\w+:tierrouter_", expr)
    marks = r"[0-9.]+ # thresholds\.\w+\n"
    recorded = [rule["expr"] for rule in RECORDING if rule["record"] in original["expr"]]
    assert set(re.findall(marks, expr)) == set(re.findall(marks, "\n".join([original["expr"], *recorded])))


@pytest.mark.parametrize(("original", "ours"), PAIRS)
def test_texts_say_what_grafana_knows(original: Any, ours: Any) -> None:
    assert {"summary", "runbook_url"} <= set(ours["annotations"])
    for text in ours["annotations"].values():
        # `$value` is text in Grafana, `query` is missing, and its provisioning would fill `${...}`.
        assert not re.search(r"\$value\b|\bquery\b(?!\.Value)|\$\{|\$\$|:=", text)
        assert len(re.findall(r"{{-? (?:with|if|range) ", text)) == len(re.findall(r"{{-? end -?}}", text))
        assert "  " not in text
    assert ("$value" in original["annotations"]["summary"]) == ("$values.query.Value" in ours["annotations"]["summary"])


def test_what_is_recorded_by_what_is_recorded_is_said_in_full() -> None:
    recorded = {
        "router:tierrouter_a:ratio": "router:tierrouter_b:sum / 2 # half\n",
        "router:tierrouter_b:sum": "sum(b)",
    }
    assert inlined("router:tierrouter_a:ratio > 1", recorded) == "(\n(\nsum(b)\n) / 2 # half\n) > 1"


@pytest.mark.parametrize("use", ['router:tierrouter_a:sum{router="x"}', "router:tierrouter_a:sum[5m]"])
def test_a_use_of_a_recording_rule_that_has_no_place_in_a_query_is_refused(use: str) -> None:
    with pytest.raises(ValueError, match="router:tierrouter_a:sum has labels or a range"):
        inlined(use, {"router:tierrouter_a:sum": "sum(a)"})


def test_a_recording_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="router:tierrouter_a:sum is recorded nowhere"):
        inlined("router:tierrouter_a:sum > 1", {})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ $value }} pods", "{{ $values.query.Value }} pods"),
        ('Turns {{- with "a" | query }} ({{ . | first | value }}){{ end }}.', "Turns."),
        ('Of {{ with "a" | query -}} {{ . | value }} {{ end }}turns', "Of turns"),
        ('{{ with "a" | query }}{{ with "b" | query }}{{ . }}{{ end }}{{ end -}}\n so', "so"),
        (
            "{{ with $labels.model }}the model {{ . }} of {{ end -}} it",
            "{{ with $labels.model }}the model {{ . }} of {{ end -}} it",
        ),
        ('{{- range "a" | query }}; {{ if .x }}{{ .y }}{{ end }}{{ end }}.', "."),
        ("Turns {{- $of := 1 }} {{ with $of | query }}{{ . }}{{ end }}", ""),
    ],
)
def test_parts_that_ask_prometheus_for_more_are_left_out(template: str, text: str) -> None:
    assert without_queries(template) == text


@given(
    st.text(st.characters(blacklist_characters="{}$", blacklist_categories=["Cs"])).filter(
        lambda text: ":=" not in text
    )
)
def test_a_text_without_templates_stays_as_it_is(text: str) -> None:
    assert without_queries(text) == text


@pytest.mark.parametrize("template", ["{{ $labels.a | query }}", "costs ${USD}", "costs $$5"])
def test_a_text_that_grafana_would_get_wrong_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="Grafana can't say"):
        without_queries(template)


def test_the_file_is_the_same_whatever_the_order_of_the_rules_files() -> None:
    texts = {name: yaml.safe_dump(source) for name, source in SOURCES.items()}
    assert provisioning(texts) == provisioning(dict(reversed(texts.items())))

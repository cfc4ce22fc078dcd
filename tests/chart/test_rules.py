"""The chart ships the rule files as they are, but for what its values say; and its monitors give the labels that rules match."""

import re
from typing import Any

import pytest
import yaml

from helm_chart import CHART, Obj, refusal, render, values
from prometheus_programs import promtool
from tierrouter_core.contract import ADMIN_PORT, FORCE_TIER, ROUTER_LABEL, RUN_LABEL

FILES = {path.stem: path.read_text() for path in sorted((CHART / "files/rules").glob("*.yaml"))}
SHIPPED = [group for text in FILES.values() for group in yaml.safe_load(text)["groups"]]
ON = {"prometheusRule.enabled": True, "podMonitor.enabled": True}


def rule_of(settings: dict[str, Any]) -> Obj:
    return render(*values(**ON, **{f"prometheusRule.{key}": value for key, value in settings.items()})).one(
        "PrometheusRule", "-rules"
    )


def alerts_of(groups: list[Obj]) -> list[Obj]:
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_rules_are_installed_when_asked_for_and_with_the_labels_that_a_prometheus_selects_by() -> None:
    assert render().of("PrometheusRule") == []
    assert rule_of({"labels": {"release": "prometheus"}})["metadata"]["labels"]["release"] == "prometheus"


def test_without_more_values_every_rule_is_as_it_stands_in_its_file() -> None:
    assert rule_of({})["spec"]["groups"] == SHIPPED


def test_a_threshold_stands_wherever_the_files_say_and_nowhere_else() -> None:
    text = "\n---\n".join(FILES.values())
    text = text.replace(" 5 # thresholds.deepSharePercent", " 2.5 # thresholds.deepSharePercent")
    text = text.replace(" 100 # thresholds.minTurns", " 2000000 # thresholds.minTurns")
    wanted = [group for document in yaml.safe_load_all(text) for group in document["groups"]]
    found = rule_of({"thresholds.deepSharePercent": 2.5, "thresholds.minTurns": 2_000_000})["spec"]["groups"]
    assert found == wanted
    assert found != SHIPPED


def test_what_the_values_make_of_the_files_is_valid_for_prometheus(tmp_path: Any) -> None:
    (rule,) = render("--values", CHART / "ci/everything-values.yaml").of("PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_that_is_not_wanted_is_left_out() -> None:
    found = rule_of({"disabledAlerts": ["TierRouterWatchdog", "TierRouterMetricsAbsent"]})["spec"]["groups"]
    names = [rule["alert"] for rule in alerts_of(found)]
    assert names == [
        rule["alert"]
        for rule in alerts_of(SHIPPED)
        if rule["alert"] not in ("TierRouterWatchdog", "TierRouterMetricsAbsent")
    ]


def test_every_alert_gets_labels_for_the_users_routing_and_a_link_to_where_runbooks_are() -> None:
    found = alerts_of(
        rule_of({"alertLabels": {"team": "agents", "severity": "page"}, "runbookBase": "https://x.example/t/"})["spec"][
            "groups"
        ]
    )
    assert len(found) == len(alerts_of(SHIPPED))
    for rule in found:
        assert rule["labels"]["team"] == "agents"
        assert rule["labels"]["severity"] == "page"
        assert rule["annotations"]["runbook_url"] == f"https://x.example/t/docs/runbooks/{rule['alert']}.md"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thresholds.deepSharePercent": 101}, "at '/prometheusRule/thresholds/deepSharePercent': maximum: got 101"),
        ({"thresholds.deepShare": 5}, "additional properties 'deepShare' not allowed"),
        ({"thresholds.minTurns": 0}, "at '/prometheusRule/thresholds/minTurns': minimum: got 0"),
        ({"disabledAlerts": ["Watchdog"]}, "at '/prometheusRule/disabledAlerts/0': 'Watchdog' does not match"),
        ({"runbookBase": "docs"}, "at '/prometheusRule/runbookBase': 'docs' does not match"),
    ],
    ids=str,
)
def test_a_value_that_is_wrong_is_named(settings: dict[str, Any], message: str) -> None:
    assert message in refusal(*values(**{f"prometheusRule.{key}": value for key, value in settings.items()}))


def test_an_alert_that_does_not_exist_can_not_be_left_out() -> None:
    message = "prometheusRule.disabledAlerts has TierRouterWatchdoge, which is no alert"
    assert message in refusal(*values(**ON, **{"prometheusRule.disabledAlerts": ["TierRouterWatchdoge"]}))


def endpoints() -> dict[str, Obj]:
    """The endpoint of each monitor, by the value of ``job`` that it gives."""
    found = {}
    for monitor in render(*values(**ON)).of("PodMonitor"):
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        (job,) = (each["replacement"] for each in endpoint["relabelings"] if each.get("targetLabel") == "job")
        found[job] = endpoint
    return found


def test_monitors_give_the_jobs_that_rules_match() -> None:
    matched = {job for text in FILES.values() for job in re.findall(r'job="([^"]*)"', text)}
    assert matched == {"tierrouter-operator", "tierrouter-sidecar"}
    assert matched <= set(endpoints())
    assert set(endpoints()) == matched | {"tierrouter-webhook"}


def test_sidecars_get_the_labels_that_rules_group_and_leave_out_by() -> None:
    assert endpoints()["tierrouter-sidecar"]["relabelings"] == [
        {
            "action": "keep",
            "sourceLabels": ["__meta_kubernetes_pod_container_name", "__meta_kubernetes_pod_container_port_number"],
            "regex": f"tierrouter;{ADMIN_PORT}",
        },
        {"targetLabel": "job", "replacement": "tierrouter-sidecar"},
        {"sourceLabels": [f"__meta_kubernetes_pod_label_{meta(ROUTER_LABEL)}"], "targetLabel": "router"},
        {
            "sourceLabels": [f"__meta_kubernetes_pod_labelpresent_{meta(RUN_LABEL)}"],
            "regex": "true",
            "targetLabel": "purpose",
            "replacement": "regression",
        },
        {
            "sourceLabels": [f"__meta_kubernetes_pod_annotation_{meta(FORCE_TIER)}"],
            "regex": r".*\S.*",
            "targetLabel": "purpose",
            "replacement": "regression",
        },
    ]
    assert all('purpose="' not in text.replace('purpose="regression"', "") for text in FILES.values())


@pytest.mark.parametrize("job", ["tierrouter-operator", "tierrouter-webhook"])
def test_what_operator_and_webhook_say_of_others_is_not_overwritten_by_where_they_run(job: str) -> None:
    assert endpoints()[job]["honorLabels"] is True


def meta(label: str) -> str:
    """A label of a pod, as service discovery writes it."""
    return re.sub(r"\W", "_", label)

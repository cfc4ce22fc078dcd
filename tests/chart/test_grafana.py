"""What Grafana loads is what stands in the chart's files, unchanged, where Grafana looks for it."""

import json
from pathlib import Path

import pytest

from helm_chart import CHART, NAMESPACE, Obj, render, values

DASHBOARDS = sorted((CHART / "files/dashboards").glob("*.json"))
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


def test_a_dashboard_is_small_enough_for_every_way_to_apply_it() -> None:
    # `kubectl apply` keeps a copy in an annotation, of which there may be 256 KiB.
    for each in loaded_by("grafana_dashboard", *ENABLED):
        assert len(json.dumps(each)) < 200_000

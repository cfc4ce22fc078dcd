"""What a manifest sets reaches the operator."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tierrouter_cli.commands import app
from tierrouter_operator.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "operator.md").read_text()
OF_TESTS = {"census_s", "count_s"}
"""No options: how often what is looked at; tests don't wait for so long."""
VALUES = {
    "TIERROUTER_OPERATOR_NAMESPACES": ("agents others", "namespaces", ("agents", "others")),
    "TIERROUTER_OPERATOR_KUBECONFIG": ("config", "kubeconfig", "config"),
    "TIERROUTER_OPERATOR_CONTEXT": ("kind", "context", "kind"),
    "TIERROUTER_OPERATOR_LOG_FORMAT": ("text", "log_format", "text"),
    "TIERROUTER_OPERATOR_HOST": ("::", "host", "::"),
    "TIERROUTER_OPERATOR_METRICS_PORT": ("1234", "metrics_port", 1234),
    "TIERROUTER_OPERATOR_HEALTH_PORT": ("1235", "health_port", 1235),
    "TIERROUTER_OPERATOR_RESYNC": ("7", "resync_s", 7.0),
    "TIERROUTER_OPERATOR_RESULTS_IMAGE": ("image:1", "results_image", "image:1"),
    "TIERROUTER_OPERATOR_RESULTS_ROLE": ("a-role", "results_role", "a-role"),
    "TIERROUTER_OPERATOR_PROMETHEUS": ("https://prometheus", "prometheus_url", "https://prometheus"),
    "TIERROUTER_OPERATOR_PROMETHEUS_NAMESPACE_LABEL": ("ns", "prometheus_namespace_label", "ns"),
    "TIERROUTER_OPERATOR_PROMETHEUS_TOKEN_FILE": ("/token", "prometheus_token_file", "/token"),
    "TIERROUTER_OPERATOR_PROMETHEUS_CA_FILE": ("/ca.crt", "prometheus_ca_file", "/ca.crt"),
}


def test_every_variable_of_the_page_is_one_of_these() -> None:
    assert set(re.findall(r"`(TIERROUTER_OPERATOR_[A-Z_]+)`", PAGE)) == VALUES.keys()
    assert {field.name for field in fields(Settings)} - OF_TESTS == {name for _, name, _ in VALUES.values()}


def test_a_variable_sets_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Settings] = []
    monkeypatch.setattr("tierrouter_cli.operate.operate", found.append)
    ran = CliRunner().invoke(app, ["operator"], env={name: value for name, (value, _, _) in VALUES.items()})
    assert ran.exit_code == 0, ran.output
    (settings,) = found
    assert {name: getattr(settings, name) for _, name, _ in VALUES.values()} == {
        name: value for _, name, value in VALUES.values()
    }

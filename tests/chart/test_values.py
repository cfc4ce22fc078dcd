"""Values that can't work are refused when the chart is rendered, and the message says what, where and what to do."""

from typing import Any

import pytest

from helm_chart import NAMESPACE, refusal, render, values

CERTIFICATE = {"webhook.certificate.existingSecret": "ours"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"webhook.replica": 1}, "at '/webhook': additional properties 'replica' not allowed"),
        ({"sidecars": {}}, "additional properties 'sidecars' not allowed"),
        ({"webhook.replicas": 0}, "at '/webhook/replicas': minimum: got 0, want 1"),
        ({"webhook.replicas": "2"}, "at '/webhook/replicas': got string, want integer"),
        ({"webhook.timeoutSeconds": 31}, "at '/webhook/timeoutSeconds': maximum: got 31, want 30"),
        ({"crds.install": "yes"}, "at '/crds/install': got string, want boolean"),
        ({"image.digest": "abc"}, "at '/image/digest': 'abc' does not match pattern"),
        (
            {"image.repository": "https://example.com/x"},
            "at '/image/repository': 'https://example.com/x' does not match",
        ),
        (
            {"image.pullPolicy": "always"},
            "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
        ),
        ({"watchNamespaces": "agents"}, "at '/watchNamespaces': got string, want array"),
        ({"watchNamespaces": ["Agents"]}, "at '/watchNamespaces/0': 'Agents' does not match pattern"),
        ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces': items at 0 and 1 are equal"),
        ({"sidecar.resources.limits.memory": "a lot"}, "at '/sidecar/resources/limits/memory': 'a lot' does not match"),
        ({"sidecar.resources.limits.disk": "1Gi"}, "at '/sidecar/resources/limits': additional properties 'disk'"),
        ({"operator.logFormat": "xml"}, "at '/operator/logFormat': value must be one of 'json', 'text'"),
        (
            {"operator.prometheus.url": "prometheus:9090"},
            "at '/operator/prometheus/url': 'prometheus:9090' does not match",
        ),
        (
            {"operator.prometheus.url": "https://u:p@prometheus"},
            "at '/operator/prometheus/url': 'https://u:p@prometheus'",
        ),
        (
            {"operator.prometheus.namespaceLabel": "a-b"},
            "at '/operator/prometheus/namespaceLabel': 'a-b' does not match",
        ),
        (
            {"operator.prometheus.tokenSecret": {"name": "a", "file": "b"}},
            "at '/operator/prometheus/tokenSecret': additional properties 'file' not allowed",
        ),
        ({"operator.podLabels": {"a": 1}}, "at '/operator/podLabels/a': got number, want string"),
        ({"podMonitor.interval": "often"}, "at '/podMonitor/interval': 'often' does not match pattern"),
        (
            {"webhook.certificate.caBundle": "-----BEGIN"},
            "at '/webhook/certificate/caBundle': '-----BEGIN' does not match",
        ),
        ({"extraObjects": [{"kind": "Secret"}]}, "at '/extraObjects/0': missing properties 'apiVersion', 'metadata'"),
    ],
    ids=str,
)
def test_a_value_that_is_wrong_by_itself_is_named(settings: dict[str, Any], message: str) -> None:
    assert message in refusal(*values(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {**CERTIFICATE, "webhook.certManager.enabled": True},
            "webhook.certManager.enabled and webhook.certificate.existingSecret are both set",
        ),
        (
            CERTIFICATE,
            "webhook.certificate.caBundle is empty, so the API server would trust no certificate of the Secret ours",
        ),
        ({"webhook.certificate.caBundle": "YQ=="}, "set without webhook.certificate.existingSecret"),
        (
            {"operator.prometheus.tokenSecret.name": "reader"},
            "operator.prometheus.tokenSecret is set without operator.prometheus.url",
        ),
        (
            {"operator.prometheus.url": "http://prometheus", "operator.prometheus.caSecret.name": "ca"},
            "operator.prometheus.caSecret is set and operator.prometheus.url is no https address",
        ),
        ({"operator.serviceAccount.create": False}, "operator.serviceAccount.name is empty"),
        ({"webhook.serviceAccount.create": False}, "webhook.serviceAccount.name is empty"),
        ({"watchNamespaces": ["agents", NAMESPACE]}, f"watchNamespaces has {NAMESPACE}, where no pod gets a sidecar"),
        (
            {"commonLabels": {"app.kubernetes.io/part-of": "platform"}},
            "commonLabels has app.kubernetes.io/part-of, which is the chart's own",
        ),
        (
            {"operator.podLabels": {"app.kubernetes.io/component": "x"}},
            "operator.podLabels has app.kubernetes.io/component, which is the chart's own",
        ),
        (
            {"webhook.podLabels": {"app.kubernetes.io/name": "x"}},
            "webhook.podLabels has app.kubernetes.io/name, which is the chart's own",
        ),
        ({"prometheusRule.labels": {"helm.sh/chart": "x"}}, "prometheusRule.labels has helm.sh/chart"),
        ({"watchNamespaces": ["kube-system"]}, "watchNamespaces has kube-system, where no pod gets a sidecar"),
    ],
    ids=str,
)
def test_values_that_contradict_each_other_are_named(settings: dict[str, Any], message: str) -> None:
    assert message in refusal(*values(**settings))


@pytest.mark.parametrize("quantity", ["250m", "1", "0.5", 1, 0.5, "64Mi", "1G", ""])
def test_quantities_are_written_as_kubernetes_writes_them_or_as_numbers(quantity: str | float) -> None:
    render(*values(**{"sidecar.resources.limits.cpu": quantity}))

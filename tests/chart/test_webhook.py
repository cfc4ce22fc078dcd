"""How the API server finds the webhook, for which pods it asks, and what the webhook is told."""

from typing import Any

import pytest

from helm_chart import CHART, NAMESPACE, Obj, Rendered, render, values
from tierrouter_core import __version__

EXISTING = {"webhook.certificate.existingSecret": "ours", "webhook.certificate.caBundle": "YQ=="}


def selects(selector: Obj, labels: dict[str, str]) -> bool:
    """What a LabelSelector of expressions says of labels."""

    def holds(expression: Obj) -> bool:
        value = labels.get(expression["key"])
        return {
            "Exists": value is not None,
            "In": value in expression.get("values", ()),
            "NotIn": value not in expression.get("values", ()),
        }[expression["operator"]]

    return all(map(holds, selector.get("matchExpressions", ())))


def entries_for(rendered: Rendered, namespace: str, on_namespace: str | None, on_pod: str | None) -> list[str]:
    """The entries that the API server asks about a pod, by the label tierrouter.dev/inject on it and its namespace."""
    (configuration,) = rendered.of("MutatingWebhookConfiguration")
    pod = {} if on_pod is None else {"tierrouter.dev/inject": on_pod}
    around = {"kubernetes.io/metadata.name": namespace}
    around |= {} if on_namespace is None else {"tierrouter.dev/inject": on_namespace}
    return [
        entry["name"].partition(".")[0]
        for entry in configuration["webhooks"]
        if selects(entry["namespaceSelector"], around) and selects(entry.get("objectSelector", {}), pod)
    ]


@pytest.mark.parametrize(
    ("on_namespace", "on_pod", "entries"),
    [
        (None, None, []),
        (None, "false", []),
        (None, "true", ["pod"]),
        (None, "coding", ["pod"]),
        ("true", None, ["namespace"]),
        ("coding", None, ["namespace"]),
        ("coding", "review", ["namespace", "pod"]),
        ("coding", "false", []),
        ("false", None, []),
        ("false", "coding", ["pod"]),
    ],
)
def test_the_label_on_a_pod_or_its_namespace_opts_in_and_the_pods_own_word_wins(
    on_namespace: str | None, on_pod: str | None, entries: list[str]
) -> None:
    assert entries_for(render(), "agents", on_namespace, on_pod) == entries


@pytest.mark.parametrize("namespace", ["kube-system", NAMESPACE])
def test_pods_of_the_system_and_our_own_are_never_asked_about(namespace: str) -> None:
    assert entries_for(render(), namespace, "coding", "coding") == []


def test_with_watched_namespaces_others_are_not_asked_about() -> None:
    rendered = render(*values(watchNamespaces=["agents"]))
    assert entries_for(rendered, "agents", None, "coding") == ["pod"]
    assert entries_for(rendered, "others", "coding", "coding") == []


def test_a_webhook_that_does_not_answer_keeps_nothing_from_being_made() -> None:
    rendered = render()
    entries = [
        entry
        for each in rendered.of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
        for entry in each["webhooks"]
    ]
    assert [entry["name"] for entry in entries] == [
        "namespace.inject.tierrouter.dev",
        "pod.inject.tierrouter.dev",
        "rules.tierrouter.dev",
    ]
    for entry in entries:
        assert (entry["failurePolicy"], entry["timeoutSeconds"]) == ("Ignore", 5)
        service = entry["clientConfig"]["service"]
        (found,) = rendered.of("Service")
        assert (service["name"], service["namespace"]) == (found["metadata"]["name"], NAMESPACE)
        assert service["port"] == found["spec"]["ports"][0]["port"]


def told(rendered: Rendered) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in rendered.container("webhook")["env"]}


def test_the_webhook_is_told_who_it_is_and_what_it_injects() -> None:
    assert told(render()) == {
        "TIERROUTER_WEBHOOK_SERVICE": "tierrouter-webhook",
        "TIERROUTER_WEBHOOK_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "TIERROUTER_WEBHOOK_CONFIGURATION": "tierrouter-webhook",
        "TIERROUTER_WEBHOOK_CERTIFICATE_SECRET": "tierrouter-webhook-certificate",
        "TIERROUTER_SIDECAR_IMAGE": f"tierrouter/sidecar:{__version__}",
        "TIERROUTER_SIDECAR_IMAGE_PULL_POLICY": "IfNotPresent",
        "TIERROUTER_SIDECAR_CPU": "50m",
        "TIERROUTER_SIDECAR_MEMORY": "96Mi",
        "TIERROUTER_SIDECAR_CPU_LIMIT": "",
        "TIERROUTER_SIDECAR_MEMORY_LIMIT": "256Mi",
    }


@pytest.mark.parametrize(
    ("settings", "secret", "authority"),
    [({"webhook.certManager.enabled": True}, "tierrouter-webhook-certificate", None), (EXISTING, "ours", "YQ==")],
    ids=["cert-manager", "existing"],
)
def test_a_certificate_of_somebody_elses_is_mounted(settings: Obj, secret: str, authority: str | None) -> None:
    rendered = render(*values(**settings))
    variables = told(rendered)
    assert "TIERROUTER_WEBHOOK_CERTIFICATE_SECRET" not in variables
    _, mount = rendered.container("webhook")["volumeMounts"]
    assert mount["mountPath"] == variables["TIERROUTER_WEBHOOK_CERTIFICATE_DIR"]
    _, volume = rendered.one("Deployment", "-webhook")["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == secret
    for each in rendered.of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        assert {entry["clientConfig"].get("caBundle") for entry in each["webhooks"]} == {authority}


def test_cert_manager_signs_by_an_authority_that_outlives_certificates_and_tells_the_api_server_of_it() -> None:
    rendered = render("--values", CHART / "ci/cert-manager-values.yaml")
    issuers = {each["metadata"]["name"]: each["spec"] for each in rendered.of("Issuer")}
    certificates = {each["metadata"]["name"]: each["spec"] for each in rendered.of("Certificate")}
    leaf, authority = certificates["tierrouter-webhook"], certificates["tierrouter-webhook-authority"]
    assert issuers[leaf["issuerRef"]["name"]] == {"ca": {"secretName": authority["secretName"]}}
    assert authority["isCA"]
    assert issuers[authority["issuerRef"]["name"]] == {"selfSigned": {}}
    assert f"tierrouter-webhook.{NAMESPACE}.svc" in leaf["dnsNames"]
    for each in rendered.of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        source = each["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
        assert source == f"{NAMESPACE}/tierrouter-webhook"


def test_a_cluster_without_the_webhook_has_nothing_of_it() -> None:
    rendered = render("--skip-tests", *values(**{"webhook.enabled": False, "podMonitor.enabled": True}))
    assert [each["metadata"]["name"] for each in rendered.objects if "webhook" in each["metadata"]["name"]] == []


def test_one_replica_has_no_budget_that_would_say_nothing() -> None:
    assert len(render().of("PodDisruptionBudget")) == 1
    assert render(*values(**{"webhook.replicas": 1})).of("PodDisruptionBudget") == []

"""Every right that the chart grants, in full: a new one is a change here, with a reason beside it in the template."""

from typing import Any

import pytest

from helm_chart import NAMESPACE, Obj, Rendered, render, values

READ = {"get", "list", "watch"}
MAKE = READ | {"create", "patch"}
OWN = READ | {"create", "update", "delete"}

OPERATOR = {
    ("tierrouter.dev", "tierrouters"): READ,
    ("tierrouter.dev", "modelproviders"): READ,
    ("tierrouter.dev", "regressionsuites"): READ,
    ("tierrouter.dev", "routerrevisions"): READ | {"create", "deletecollection"},
    ("tierrouter.dev", "tierrouters/status"): {"patch"},
    ("tierrouter.dev", "modelproviders/status"): {"patch"},
    ("tierrouter.dev", "routerrevisions/status"): {"patch"},
    ("tierrouter.dev", "regressionsuites/status"): {"patch"},
    ("tierrouter.dev", "regressionruns"): READ | {"create", "delete"},
    ("tierrouter.dev", "regressionruns/status"): {"get", "patch"},
    ("batch", "jobs"): READ | {"create", "delete"},
    ("", "serviceaccounts"): {"get", "create"},
    ("rbac.authorization.k8s.io", "rolebindings"): {"get", "create"},
    ("", "configmaps"): MAKE | {"update", "deletecollection"},
    ("", "secrets"): MAKE | {"update"},
    ("", "pods"): {"get", "list", "patch"},
    ("apps", "deployments"): OWN,
    ("", "services"): OWN,
    ("networking.k8s.io", "networkpolicies"): OWN,
    ("policy", "poddisruptionbudgets"): OWN,
    ("", "persistentvolumeclaims"): MAKE,
    ("", "namespaces"): {"get", "list"},
    ("events.k8s.io", "events"): {"create"},
}
RESULTS = {
    ("tierrouter.dev", "regressionruns/status"): {"get", "patch"},
    ("", "pods"): {"get"},
}
WEBHOOK = {
    ("tierrouter.dev", "tierrouters"): {"list"},
    ("tierrouter.dev", "modelproviders"): {"list"},
    ("", "resourcequotas"): {"list"},
    ("", "limitranges"): {"list"},
    ("events.k8s.io", "events"): {"create"},
}
OWN_CONFIGURATIONS = {
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "tierrouter-webhook"): {"get", "patch"},
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "tierrouter-webhook"): {"get", "patch"},
}
OWN_CERTIFICATE = {
    ("", "secrets", "tierrouter-webhook-certificate"): {"get", "update"},
    ("", "secrets", ""): {"create"},
}
Grants = dict[Any, set[str]]


def granted(rendered: Rendered, account: str) -> dict[str, Grants]:
    """Where (a namespace; empty for all of the cluster) -> group, resource, name -> verbs, by bindings to the account."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    found: dict[str, Grants] = {}
    for binding in rendered.of("RoleBinding", "ClusterRoleBinding"):
        if binding["subjects"] != [subject]:
            continue
        where = binding["metadata"].get("namespace", "")
        reference = binding["roleRef"]
        (role,) = (
            each
            for each in rendered.of(reference["kind"])
            if each["metadata"]["name"] == reference["name"] and each["metadata"].get("namespace", "") == where
        )
        for rule in role["rules"]:
            for key in keys(rule):
                found.setdefault(where, {}).setdefault(key, set()).update(rule["verbs"])
    return found


def keys(rule: Obj) -> list[tuple[str, str, str]]:
    return [
        (group, resource, name)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    ]


def unnamed(grants: dict[tuple[str, str], set[str]]) -> Grants:
    return {(group, resource, ""): verbs for (group, resource), verbs in grants.items()}


def test_the_operator_has_these_rights_and_no_others() -> None:
    assert granted(render("--skip-tests"), "tierrouter-operator") == {"": unnamed(OPERATOR)}


def test_the_account_of_jobs_may_write_results_and_the_operator_may_let_it() -> None:
    role = render().one("ClusterRole", "-results")
    grants: Grants = {}
    for rule in role["rules"]:
        for key in keys(rule):
            grants.setdefault(key, set()).update(rule["verbs"])
    assert grants == unnamed(RESULTS)
    # Nobody can grant what they may not do.
    assert all(verbs <= OPERATOR[key] for key, verbs in RESULTS.items())


def test_the_webhook_has_these_rights_and_no_others() -> None:
    assert granted(render("--skip-tests"), "tierrouter-webhook") == {
        "": {**unnamed(WEBHOOK), **OWN_CONFIGURATIONS, ("", "namespaces", ""): {"get"}},
        NAMESPACE: OWN_CERTIFICATE,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook.certManager.enabled": True},
        {"webhook.certificate.existingSecret": "ours", "webhook.certificate.caBundle": "YQ=="},
    ],
    ids=["cert-manager", "existing"],
)
def test_a_webhook_that_makes_no_certificate_has_no_right_to_secrets_and_configurations(settings: Obj) -> None:
    assert granted(render(*values(**settings)), "tierrouter-webhook") == {
        "": {**unnamed(WEBHOOK), ("", "namespaces", ""): {"get"}}
    }


def test_with_watched_namespaces_rights_are_for_these_alone() -> None:
    rendered = render("--skip-tests", *values(watchNamespaces=["a", "b"]))
    assert granted(rendered, "tierrouter-operator") == {"a": unnamed(OPERATOR), "b": unnamed(OPERATOR)}
    named: Grants = {("", "namespaces", name): {"get"} for name in ("a", "b")}
    assert granted(rendered, "tierrouter-webhook") == {
        "": {**OWN_CONFIGURATIONS, **named},  # of these there are none inside of a namespace
        "a": unnamed(WEBHOOK),
        "b": unnamed(WEBHOOK),
        NAMESPACE: OWN_CERTIFICATE,
    }
    assert {"name": "TIERROUTER_OPERATOR_NAMESPACES", "value": "a b"} in rendered.container("operator")["env"]


def test_who_views_sees_and_who_edits_writes_what_is_theirs_to_write() -> None:
    rendered = render()
    view, edit = (rendered.one("ClusterRole", f"tierrouter-{name}") for name in ("view", "edit"))
    assert [rule["verbs"] for rule in view["rules"]] == [["get", "list", "watch"]]
    written = {resource for rule in edit["rules"] for resource in rule["resources"]}
    assert written == {"tierrouters", "modelproviders", "regressionsuites"}
    roles = {name for name in view["metadata"]["labels"] if "aggregate-to" in name}
    assert roles == {f"rbac.authorization.k8s.io/aggregate-to-{name}" for name in ("view", "edit", "admin")}
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]


def test_the_test_of_the_release_may_look_at_two_objects() -> None:
    assert granted(render(), "tierrouter-test") == {
        "": {("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "tierrouter-webhook"): {"get"}},
        NAMESPACE: {("apps", "deployments", "tierrouter-operator"): {"get"}},
    }


def test_no_account_and_no_right_is_made_that_was_not_wanted() -> None:
    rendered = render(
        *values(
            **{
                "rbac.create": False,
                "rbac.aggregateToUserRoles": False,
                "operator.serviceAccount": {"create": False, "name": "ours"},
                "webhook.serviceAccount": {"create": False, "name": "ours-too"},
            }
        )
    )
    assert rendered.of("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount") == []
    policy = rendered.one("ValidatingAdmissionPolicy", "-operator-makes-revisions")
    (validation,) = policy["spec"]["validations"]
    assert f"'system:serviceaccount:{NAMESPACE}:ours'" in validation["expression"]

"""Loading: which documents of which files make up the resources."""

from typing import Any

import pytest
from router_files import PROVIDER, ROUTER, changed, load, problems_with, text_of

from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.load import load_resources


def named(document: dict[str, Any], name: str, namespace: str | None = None) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return changed(document) | {"metadata": metadata}


def test_documents_may_stand_in_several_files() -> None:
    resources = load_resources([("a.yaml", text_of(ROUTER)), ("b.yaml", text_of(PROVIDER))])
    assert list(resources.routers) == [("default", "coding")]
    assert list(resources.providers) == [("", "vendor")]
    assert resources.warnings == ()


def test_documents_of_others_are_passed_over_with_a_warning() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"a": "b"}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}}
    warnings = load(ROUTER, secret, PROVIDER, deployment).warnings
    assert [warning.split(": ")[1] for warning in warnings] == ["Secret/keys", "Deployment/agent"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "TierRuter"}, 'kind: found "TierRuter", expected TierRouter or ModelProvider; did you mean'),
        (
            {"apiVersion": "tierrouter.dev/v1"},
            'apiVersion: found "tierrouter.dev/v1", expected tierrouter.dev/v1alpha1',
        ),
        ({"apiVersion": "tierrouter.io/v1alpha1"}, 'apiVersion: found "tierrouter.io/v1alpha1", expected'),
        ({"apiVersion": None}, "apiVersion: is missing"),
        ({"kind": 5}, "kind: is missing or no text"),
        ({"metadata": {"name": "x" * 41}}, "metadata.name: has 41 characters; at most 40"),
        ({"metadata": {}}, "metadata.name: is missing"),
        ({"spec": None}, "spec: is missing"),
        ({"spec": []}, "spec: found a list"),
    ],
)
def test_a_document_that_is_none_of_ours_says_what_would_be(change: dict[str, Any], expected: str) -> None:
    found = problems_with(ROUTER | change, PROVIDER)
    assert len(found) == 1
    assert expected in found[0]


def test_what_kubectl_prints_can_be_read_back() -> None:
    server = {
        "uid": "1-2",
        "resourceVersion": "7",
        "generation": 2,
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
        "labels": {"team": "a"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}\n"},
    }
    router = ROUTER | {"metadata": {"name": "coding", "namespace": "agents", **server}, "status": {"phase": "Ready"}}
    provider = PROVIDER | {"metadata": {"name": "vendor", "namespace": "agents", **server}}
    listed = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [router, provider]}
    for resources in (load(router, provider), load(listed)):
        assert resources.one_router().namespace == "agents"


def test_a_problem_in_a_list_has_its_own_line() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [ROUTER, changed(PROVIDER, colour="blue")]}
    text = text_of(listed)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "colour" in line)
    (problem,) = problems_with(listed)
    assert problem.startswith(f"coding.yaml:{line}: ModelProvider/vendor: spec.colour: ")


def test_a_name_stands_once() -> None:
    assert problems_with(ROUTER, PROVIDER, named(PROVIDER, "vendor", "agents")) == []
    (problem,) = problems_with(ROUTER, PROVIDER, PROVIDER)
    assert 'metadata.name: a ModelProvider named "vendor" stands above already' in problem


def test_a_provider_in_another_namespace_is_not_used_and_the_message_says_where_it_is() -> None:
    problems = problems_with(named(ROUTER, "coding", "agents"), named(PROVIDER, "vendor", "elsewhere"))
    assert "is in the namespace elsewhere, this router in agents" in problems[0]


def test_a_router_without_any_provider_is_told_to_add_one() -> None:
    assert "there is none at all; add its document to the file" in problems_with(ROUTER)[0]


def test_one_router_wants_exactly_one() -> None:
    with pytest.raises(ConfigurationError, match=r"^found no TierRouter, expected exactly one"):
        load(PROVIDER).one_router()
    two = load(ROUTER, named(ROUTER, "review", "agents"), PROVIDER)
    with pytest.raises(ConfigurationError, match=r"found 2 TierRouters \(default/coding, agents/review\)"):
        two.one_router()

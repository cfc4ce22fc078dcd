"""From `kubectl apply` to what sidecars mount, on a real API server."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from operators import running_operator, writes_of_the_operator

from control_plane import AuditLog, Cluster
from router_in_cluster import RouterInCluster, quiet
from tierrouter_core.contract import ACTIVATION, ALLOWED_HOSTS, DOCUMENT_FILE, STABLE_REVISION
from tierrouter_operator import reconcile


@pytest.fixture
async def served(cluster: Cluster, router: RouterInCluster) -> AsyncIterator[RouterInCluster]:
    """A router that an operator has published, with the operator running."""
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_settled()
        yield router


async def test_an_applied_router_is_published_and_says_so(served: RouterInCluster) -> None:
    (revision,) = await served.revisions()
    name = revision["metadata"]["name"]
    assert name == f"coding-{revision['spec']['documentDigest'][:10]}"
    active = await served.active()
    assert active["metadata"]["annotations"][STABLE_REVISION] == name
    document = await served.api.get(f"{served.core}/configmaps/{name}")
    assert document["immutable"] is True
    assert document["data"][DOCUMENT_FILE] == active["data"]["stable.json"]
    split = orjson.loads(active["data"]["split.json"])
    assert {"percent", "salt", "generation", "schema", "sha256"} <= split.keys()
    keys = await served.credentials()
    assert base64.b64decode(keys["openai.key"]) == b"key-of-openai"
    assert base64.b64decode(keys["openai.origin"]) == b"https://api.openai.com"
    status = (await served.get())["status"]
    assert status["activeRevision"] == name
    assert {each["type"] for each in status["conditions"]} == {
        "Ready",
        "ConfigPublished",
        "ProvidersReady",
        "SidecarsUpToDate",
        "SidecarsOutdated",
        "InjectionHealthy",
        "ModelServerReady",
        "BudgetsShared",
        "RolloutSettled",
    }
    assert revision["status"]["phase"] == "Active"
    provider = await served.api.get(f"{served.base}/modelproviders/openai")
    assert provider["status"]["conditions"][0]["status"] == "True"


async def test_no_key_stands_anywhere_but_in_the_secret(served: RouterInCluster) -> None:
    for collection in (f"{served.base}/tierrouters", f"{served.base}/routerrevisions", f"{served.core}/configmaps"):
        assert b"key-of-" not in orjson.dumps(await served.api.get(collection))


async def test_a_change_takes_seven_requests_and_then_there_are_none(served: RouterInCluster, audit: AuditLog) -> None:
    await quiet(0.5)
    mark = audit.mark()
    await served.threshold("file_count", 6)
    await served.until_served(file_count=6)
    await served.until_condition("Ready", "True")
    await quiet(1)
    writes = writes_of_the_operator(audit, mark, served.namespace)
    assert len(writes) <= 7, writes
    mark = audit.mark()
    await quiet(5)
    assert writes_of_the_operator(audit, mark, served.namespace) == []


async def test_a_restart_writes_nothing(cluster: Cluster, router: RouterInCluster, audit: AuditLog) -> None:
    await router.apply()
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.until_settled()
        await quiet(0.5)
    mark = audit.mark()
    async with running_operator(cluster.kubeconfig, router.namespace, resync_s=1):
        await quiet(3)
    assert writes_of_the_operator(audit, mark, router.namespace) == []


async def test_twenty_changes_are_twenty_revisions_and_then_ten(served: RouterInCluster) -> None:
    await served.patch(revisionHistoryLimit=25)
    for value in range(10, 29):
        await served.threshold("file_count", value)
        await served.until_served(file_count=value)
    revisions = await served.revisions()
    assert [each["spec"]["number"] for each in revisions] == list(range(1, 21))
    await served.patch(revisionHistoryLimit=10)

    async def are_ten() -> bool:
        return len(await served.revisions()) == 10

    await served.api.until(are_ten, "ten revisions remain")
    assert [each["spec"]["number"] for each in await served.revisions()] == list(range(11, 21))

    async def are_collected() -> bool:
        names = {each["metadata"]["name"] for each in (await served.api.get(f"{served.core}/configmaps"))["items"]}
        kept = {each["metadata"]["name"] for each in await served.revisions()}
        return {name for name in names if name.startswith("coding-")} - {"coding-active"} == kept

    await served.api.until(are_collected, "their documents went with them")


async def test_equal_inputs_make_no_revision(served: RouterInCluster) -> None:
    await served.patch(responseModel="Upstream")
    await served.api.patch(served.path, {"metadata": {"labels": {"team": "a"}}})
    await served.threshold("file_count", 6)
    await served.until_served(file_count=6)
    await served.threshold("file_count", 8)
    await served.until_served(file_count=8)
    assert len(await served.revisions()) == 2


async def test_kubectl_get_shows_what_a_revision_is(served: RouterInCluster) -> None:
    """The columns that the server prints, as kubectl asks for them."""
    url = f"{served.base}/routerrevisions"
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with served.api._session.get(url, headers=accept) as response:
        table = orjson.loads(await response.read())
    columns = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    (row,) = table["rows"]
    shown: dict[str, Any] = dict(zip(columns, row["cells"], strict=False))
    assert (shown["Router"], shown["Number"], shown["Phase"], shown["Origin"]) == ("coding", 1, "Active", "SpecChange")
    assert shown["Age"]


async def test_a_pin_rolls_back_and_holds(served: RouterInCluster) -> None:
    (first,) = await served.revisions()
    await served.threshold("file_count", 6)
    await served.until_served(file_count=6)
    pin = {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "TierRouter",
        "metadata": {"name": "coding"},
        "spec": {"pinnedRevision": first["metadata"]["name"]},
    }
    await served.api.request(
        "PATCH",
        served.path,
        pin,
        query={"fieldManager": "kubectl-tierrouter"},
        content_type="application/apply-patch+yaml",
    )
    await served.until_served(file_count=8)
    await served.until_condition("ConfigPublished", "True", "Pinned")
    await served.threshold("file_count", 3)
    await served.until_condition("ConfigPublished", "True", "Pinned")
    assert (await served.stable())["thresholds"]["file_count"] == 8
    activation = orjson.loads((await served.active())["metadata"]["annotations"][ACTIVATION])
    assert activation["reason"] == "Manual"
    await served.patch(pinnedRevision="")
    await served.until_served(file_count=3)


async def test_a_provider_and_its_secret_reach_the_routers_that_use_them(served: RouterInCluster) -> None:
    await served.put_secret("openai", text="rotated")

    async def is_rotated() -> bool:
        return base64.b64decode((await served.credentials()).get("openai.key", "")) == b"rotated"

    await served.api.until(is_rotated, "the new key is there")
    assert len(await served.revisions()) == 1
    await served.api.patch(f"{served.base}/modelproviders/openai", {"spec": {"baseURL": "https://eu.example.com/v1"}})

    async def is_moved() -> bool:
        providers = {each["name"]: each for each in (await served.stable())["providers"]}
        return providers["openai"]["baseUrl"] == "https://eu.example.com/v1"

    await served.api.until(is_moved, "the new address is in force")
    assert base64.b64decode((await served.credentials())["openai.origin"]) == b"https://eu.example.com"
    assert (await served.revisions())[-1]["spec"]["origin"]["type"] == "ProviderChange"


async def test_a_secret_that_is_named_only_later_is_read_then(cluster: Cluster, router: RouterInCluster) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.put_secret("elsewhere", text="other")
        await router.apply()
        await router.until_condition("Ready", "True")
        reference = {"spec": {"credential": {"secretRef": {"name": "elsewhere"}}}}
        await router.api.patch(f"{router.base}/modelproviders/openai", reference)

        async def is_other() -> bool:
            return base64.b64decode((await router.credentials()).get("openai.key", "")) == b"other"

        await router.api.until(is_other, "the other Secret's key is there")


async def test_a_missing_secret_is_named_and_its_key_comes_when_it_comes(
    cluster: Cluster, router: RouterInCluster
) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply(secrets=False)
        await router.until_condition("ProvidersReady", "False", "SecretMissing", says="there is no Secret openai")
        await router.until_condition("ConfigPublished", "True")
        assert (await router.stable())["router"] == "coding"
        for name in ("openai", "openrouter", "anthropic"):
            await router.put_secret(name)
        await router.until_condition("Ready", "True")


async def test_a_host_that_the_secret_does_not_allow_gets_no_key(served: RouterInCluster) -> None:
    await served.put_secret("openai", **{ALLOWED_HOSTS: "example.com"})
    await served.until_condition("ProvidersReady", "False", "HostNotAllowed", says="api.openai.com")

    async def has_no_key() -> bool:
        return "openai.key" not in await served.credentials()

    await served.api.until(has_no_key, "the key is gone")
    assert "openrouter.key" in await served.credentials()


async def test_two_routers_of_one_name_do_not_meet(cluster: Cluster, router: RouterInCluster) -> None:
    other_namespace = f"{router.namespace}-b"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other_namespace}}
    await router.api.create("/api/v1/namespaces", body)
    other = RouterInCluster(router.api, other_namespace)
    async with running_operator(cluster.kubeconfig, router.namespace, other_namespace):
        await router.apply()
        await other.apply()
        await router.until_condition("Ready", "True")
        await other.until_condition("Ready", "True")
        await other.threshold("file_count", 2)
        await other.until_served(file_count=2)
        assert (await router.stable())["thresholds"]["file_count"] == 8
    await router.api.delete(f"/api/v1/namespaces/{other_namespace}")


async def test_a_router_of_64_tiers_and_200_rules_is_published(served: RouterInCluster) -> None:
    spec = (await served.get())["spec"]
    tiers = spec["tiers"] + [{**spec["tiers"][0], "name": f"tier-{index}"} for index in range(59)]
    rules = [{"name": f"rule-{index}", "when": f"task.file_count > {index}", "tier": "deep"} for index in range(200)]
    await served.patch(tiers=tiers, rules=rules)
    await served.until_condition("Ready", "True")
    document = await served.stable()
    assert (len(document["tiers"]), len(document["rules"])) == (64, 200)


async def test_deleting_the_router_removes_every_child_with_the_operator_stopped(
    cluster: Cluster, router: RouterInCluster
) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("Ready", "True")
        await router.threshold("file_count", 6)
        await router.until_served(file_count=6)
        await router.until_condition("Ready", "True")
    children = await router.children()
    assert len(children) == 6, children
    await router.api.delete(router.path)
    for child in children:
        await router.api.gone(child, timeout_s=60)


async def test_a_router_that_is_made_again_at_once_is_published_when_the_old_children_are_gone(
    served: RouterInCluster,
) -> None:
    uid = (await served.get())["metadata"]["uid"]
    await served.api.delete(served.path)
    await served.apply()
    await served.until_condition("Ready", "True", timeout_s=60)
    assert (await served.get())["metadata"]["uid"] != uid
    reference = (await served.active())["metadata"]["ownerReferences"][0]
    assert reference["uid"] == (await served.get())["metadata"]["uid"]


async def test_a_namespace_can_be_deleted_while_the_operator_is_down(cluster: Cluster, router: RouterInCluster) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("Ready", "True")
    for path in await router.children():
        assert not (await router.api.get(path))["metadata"].get("finalizers")
    assert not (await router.get())["metadata"].get("finalizers")
    await router.api.delete(f"/api/v1/namespaces/{router.namespace}")
    await router.api.gone(f"/api/v1/namespaces/{router.namespace}", timeout_s=60)


async def test_events_tell_what_came_into_force(served: RouterInCluster) -> None:
    await served.threshold("file_count", 6)

    async def is_told() -> bool:
        events = (await served.api.get(f"/apis/events.k8s.io/v1/namespaces/{served.namespace}/events"))["items"]
        return any(event["reason"] == "RevisionCreated" and "file_count: 8 -> 6" in event["note"] for event in events)

    await served.api.until(is_told, "an event says so")


async def test_other_prices_of_equal_inputs_make_no_revision(
    cluster: Cluster, router: RouterInCluster, audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade of the price package: what was frozen stays, and nothing is even looked up."""
    await router.apply()
    path = f"{router.base}/modelproviders/openai"
    models = (await router.api.get(path))["spec"]["models"]
    unpriced = [{key: value for key, value in each.items() if key != "priceUSDPerMTok"} for each in models]
    await router.api.patch(path, {"spec": {"models": unpriced}})
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.until_condition("Ready", "True")
        await quiet(0.5)
    assert (await router.stable())["baseline"]["price"]["source"] == "genai-prices"
    asked: list[Any] = []
    monkeypatch.setattr(reconcile, "lookup_prices", lambda wanted, *_: asked.append(wanted) or {})
    mark = audit.mark()
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.patch(responseModel="Upstream")
        await router.until_condition("Ready", "True")
        assert asked == []
        await router.threshold("file_count", 6)
        condition = await router.until_condition("ConfigPublished", "False", "BaselinePriceMissing")
        assert asked, "a new revision has the prices of its day, which here are none"
        assert "stays in force" in condition["message"]
    assert len(await router.revisions()) == 1
    assert [each for each in writes_of_the_operator(audit, mark, router.namespace) if "routerrevisions" in each] == []

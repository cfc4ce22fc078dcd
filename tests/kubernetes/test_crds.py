"""What the CRDs promise beyond single cases: names, columns, merging, size."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from crd_install import FOLDER, install_crds

from control_plane import Api, Refused
from control_plane.api import APPLY
from crd_case import BASES, merged
from tierrouter_core.crds.definitions import DEFINITIONS

GROUP = "/apis/tierrouter.dev/v1alpha1"
EXAMPLE = Path(__file__).parents[2] / "examples" / "coding.yaml"


@pytest.fixture(autouse=True)
async def crds(api: Api) -> None:
    await install_crds(api)


def router(**spec: Any) -> dict[str, Any]:
    return merged(BASES["router"], {"spec": spec})


@pytest.mark.parametrize(
    "text", [pytest.param(path.read_text(), id=path.stem) for path in sorted(FOLDER.glob("*.yaml"))]
)
async def test_a_definition_is_stored_as_it_is_written_so_that_applying_it_again_is_no_conflict(
    api: Api, text: str
) -> None:
    # Helm after kubectl, say. What the API server drops as it stores would differ for ever.
    definition = yaml.load(text, Loader=yaml.CSafeLoader)
    url = await api.path_of(definition)
    somebody_else = {"fieldManager": "somebody-else", "dryRun": "All"}
    await api.request("PATCH", url, definition, query=somebody_else, content_type=APPLY)


async def test_the_short_names_are_taken_by_nothing_of_kubernetes(api: Api) -> None:
    groups = (await api.get("/apis"))["groups"]
    versions = [version["groupVersion"] for group in groups for version in group["versions"]]
    paths = ["/api/v1", *(f"/apis/{version}" for version in versions if not version.startswith("tierrouter.dev/"))]
    taken = {
        name
        for path in paths
        for resource in (await api.get(path))["resources"]
        for name in (resource["name"], resource["singularName"], *resource.get("shortNames", ()))
    }
    assert {"po", "rs", "pods"} <= taken, "the search is broken"
    ours = {each.short_name for each in DEFINITIONS}
    assert ours == {"tro", "mp", "rr", "rsuite", "rrun"}
    assert not ours & taken


async def test_discovery_knows_the_names_the_category_and_the_status_subresource(api: Api) -> None:
    found = {resource["name"]: resource for resource in (await api.get(GROUP))["resources"]}
    for each in DEFINITIONS:
        resource = found[each.plural]
        assert (resource["kind"], resource["shortNames"], resource["categories"], resource["namespaced"]) == (
            each.kind,
            [each.short_name],
            ["tierrouter-all"],
            True,
        )
        assert f"{each.plural}/status" in found


async def test_every_definition_is_established_and_structural(api: Api) -> None:
    for each in DEFINITIONS:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{each.name}"
        conditions = {entry["type"]: entry["status"] for entry in (await api.get(path))["status"]["conditions"]}
        assert conditions["NamesAccepted"] == "True"
        assert conditions["Established"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"


async def as_table(api: Api, path: str) -> dict[str, Any]:
    """What kubectl asks for when it prints a list."""
    connector = aiohttp.TCPConnector(ssl=api.access.tls)
    headers = {
        "Authorization": f"Bearer {api.access.token}",
        "Accept": "application/json;as=Table;g=meta.k8s.io;v=v1",
    }
    async with (
        aiohttp.ClientSession(api.access.server, connector=connector, headers=headers) as session,
        session.get(path, raise_for_status=True) as response,
    ):
        table: dict[str, Any] = await response.json()
        return table


@pytest.mark.parametrize(
    ("base", "status", "columns"),
    [
        (
            "router",
            {
                "activeRevision": "coding-0123456789",
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "reason": "Published",
                        "message": "",
                        "lastTransitionTime": "2026-01-31T23:59:59Z",
                    }
                ],
            },
            {"Ready": "True", "Mode": "Route", "Revision": "coding-0123456789"},
        ),
        ("provider", {}, {"Ready": None, "URL": "https://api.vendor.example/v1"}),
        (
            "revision",
            {"phase": "Active"},
            {"Router": "coding", "Number": 1, "Phase": "Active", "Origin": "SpecChange"},
        ),
        ("suite", {"lastRun": "nightly-1"}, {"Router": "coding", "Schedule": "0 3 * * *", "Last-Run": "nightly-1"}),
        ("run", {"phase": "Running"}, {"Suite": "nightly", "Phase": "Running", "Decision": None}),
        (
            "run",
            {
                "phase": "Decided",
                "decision": {"action": "Regress", "reason": "a slip", "lowPercent": "80.1", "revision": "coding-1"},
            },
            {"Decision": "Regress", "Low": "80.1", "High": None, "Tested": "coding-0123456789", "Made": "coding-1"},
        ),
    ],
)
async def test_kubectl_get_shows_what_matters(
    base: str, status: dict[str, Any], columns: dict[str, Any], api: Api, namespace: str
) -> None:
    document = BASES[base]
    (definition,) = (each for each in DEFINITIONS if each.kind == document["kind"])
    collection = f"{GROUP}/namespaces/{namespace}/{definition.plural}"
    await api.create(collection, document)
    await api.patch(f"{collection}/{document['metadata']['name']}/status", {"status": status})
    table = await as_table(api, collection)
    names = [column["name"] for column in table["columnDefinitions"]]
    shown = dict(zip(names, table["rows"][0]["cells"], strict=True))
    assert columns.items() <= shown.items()
    assert names[0] == "Name"
    assert names[-1] == "Age"


async def test_the_spec_and_the_status_are_written_apart(api: Api, namespace: str) -> None:
    path = f"{GROUP}/namespaces/{namespace}/tierrouters"
    await api.create(path, router() | {"status": {"sidecars": 7}})
    await api.patch(f"{path}/coding/status", {"spec": {"mode": "Off"}, "status": {"sidecars": 3}})
    stored = await api.get(f"{path}/coding")
    assert stored["status"] == {"sidecars": 3}
    assert stored["spec"]["mode"] == "Route"
    assert stored["metadata"]["generation"] == 1


async def test_defaults_are_filled_in_as_files_have_them(api: Api, namespace: str) -> None:
    created = await api.create(f"{GROUP}/namespaces/{namespace}/tierrouters", router(failover={}, thresholds=None))
    spec = created["spec"]
    assert spec["mode"] == "Route"
    assert spec["tiers"][0]["maxTokens"] == 8192
    assert spec["failover"]["totalTimeout"] == "10m"
    assert spec["revisionHistoryLimit"] == 10
    # What means something by its absence stays absent.
    assert not {"fallbackTier", "hints", "baselineModel", "pinnedRevision"} & spec.keys()


async def test_null_counts_as_left_out_as_in_files(api: Api, namespace: str) -> None:
    nulls: dict[str, Any] = {"mode": None, "rules": None, "fallbackTier": None, "session": None, "deepShare": None}
    document = router() | {"spec": router()["spec"] | nulls}
    created = await api.create(f"{GROUP}/namespaces/{namespace}/tierrouters", document)
    assert created["spec"]["mode"] == "Route"
    assert not created["spec"].keys() & (nulls.keys() - {"mode"})


async def test_the_example_is_accepted(api: Api, namespace: str) -> None:
    for document in yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")):
        (definition,) = (each for each in DEFINITIONS if each.kind == document["kind"])
        document["metadata"]["namespace"] = namespace
        await api.create(f"{GROUP}/namespaces/{namespace}/{definition.plural}", document)


async def test_a_router_as_large_as_allowed_is_within_the_cost_limits(api: Api, namespace: str) -> None:
    names = [f"tier-{n:02}-of-a-rather-large-router-indeed" for n in range(64)]
    last = names[-1]
    large = router(
        tiers=[
            {
                "name": name,
                "model": "small",
                "provider": "vendor",
                "fallbackTo": [each for each in names if each != name],
            }
            for name in names
        ],
        defaultTier=[{"tier": name, "weight": 1} for name in names],
        thresholds=[{"name": f"a_threshold_number_{n}", "value": n} for n in range(64)],
        rules=[
            {"name": f"rule-{n}", "when": f"task.file_count > {n} && {'true && ' * 50}true", "tier": last}
            for n in range(256)
        ],
        modelHints=[{"match": f"*model-{n}*", "tier": last} for n in range(128)],
        hints={"allow": names},
        budgets=[{"name": f"b{n}", "limitUSD": "5", "onExhausted": "Warn", "tiers": names} for n in range(64)],
    )
    await api.create(f"{GROUP}/namespaces/{namespace}/tierrouters", large)


async def test_a_provider_as_large_as_allowed_is_within_the_cost_limits(api: Api, namespace: str) -> None:
    above = [{"inputTokens": 1000 * n, "input": "1", "output": "2"} for n in range(1, 9)]
    models = [
        {
            "name": f"model-{n}",
            "dialects": ["OpenAIChat"],
            "priceUSDPerMTok": {"input": "1", "output": "2", "above": above},
        }
        for n in range(256)
    ]
    bundle = "-----BEGIN CERTIFICATE-----\n" + "M" * 190_000
    large = merged(BASES["provider"], {"spec": {"models": models, "caBundle": bundle}})
    await api.create(f"{GROUP}/namespaces/{namespace}/modelproviders", large)


async def applied_by(api: Api, manager: str, path: str, spec: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """A server-side apply that takes what it wants."""
    body = router(**spec) if whole else {**BASES["router"], "spec": spec}
    return await api.request("PATCH", path, body, query={"fieldManager": manager, "force": "true"}, content_type=APPLY)


async def test_a_rule_that_somebody_else_put_in_is_gone_with_the_next_apply(api: Api, namespace: str) -> None:
    path = f"{GROUP}/namespaces/{namespace}/tierrouters/coding"
    mine = {"rules": [{"name": "mine", "when": "true", "tier": "deep"}]}
    await applied_by(api, "me", path, mine)
    foreign = {"name": "foreign", "when": "true", "tier": "routine"}
    await api.patch(path, {"spec": {"rules": [foreign, *mine["rules"]]}})
    after = await applied_by(api, "me", path, mine)
    assert [rule["name"] for rule in after["spec"]["rules"]] == ["mine"]


async def test_thresholds_of_two_owners_stand_beside_each_other(api: Api, namespace: str) -> None:
    path = f"{GROUP}/namespaces/{namespace}/tierrouters/coding"
    await applied_by(api, "me", path, {"thresholds": [{"name": "a", "value": 1}]})
    await applied_by(api, "tuner", path, {"thresholds": [{"name": "b", "value": 2}]}, whole=False)
    after = await applied_by(api, "me", path, {"thresholds": [{"name": "a", "value": 3}]})
    assert {entry["name"]: entry["value"] for entry in after["spec"]["thresholds"]} == {"a": 3, "b": 2}


async def test_a_revision_that_was_removed_and_made_again_is_another_object(api: Api, namespace: str) -> None:
    collection = f"{GROUP}/namespaces/{namespace}/routerrevisions"
    first = await api.create(collection, BASES["revision"])
    with pytest.raises(Refused, match="spec never changes"):
        await api.replace(f"{collection}/coding-0123456789", merged(first, {"spec": {"number": 2}}))
    await api.delete(f"{collection}/coding-0123456789")
    second = await api.create(collection, merged(BASES["revision"], {"spec": {"number": 2}}))
    assert second["metadata"]["uid"] != first["metadata"]["uid"]

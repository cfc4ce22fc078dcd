"""Nothing stands in two places without a test that both say the same."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from helm_chart import CHART, Obj, render, values

ROOT = CHART.parents[1]
CRDS = sorted((ROOT / "crds").glob("*.yaml"))


def script(name: str) -> ModuleType:
    """A program of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed_definitions(*flags: str) -> dict[str, Obj]:
    return {each["metadata"]["name"]: each for each in render(*flags).of("CustomResourceDefinition")}


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_the_chart_installs_the_definitions_of_the_folder_crds(path: Path) -> None:
    wanted = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    installed = installed_definitions()
    assert len(installed) == len(CRDS)
    found = installed[wanted["metadata"]["name"]]
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found["metadata"].pop("labels")["app.kubernetes.io/component"] == "crds"
    assert found == wanted


def test_definitions_go_with_the_release_only_when_asked_for_and_are_left_out_when_asked_for() -> None:
    gone_with_it = installed_definitions(*values(**{"crds.keep": False}))
    assert len(gone_with_it) == len(CRDS)
    assert not any("annotations" in each["metadata"] for each in gone_with_it.values())
    assert installed_definitions(*values(**{"crds.install": False})) == {}


def test_the_manifests_are_what_the_chart_makes() -> None:
    manifests = script("manifests")
    wanted = manifests.manifests(manifests.rendered())
    found = {path.name: path.read_text() for path in (ROOT / "manifests").glob("*.yaml")}
    assert found == wanted, "run: make manifests"


def test_the_manifests_are_complete_and_their_namespace_comes_first() -> None:
    objects = [
        each
        for path in sorted((ROOT / "manifests").glob("*.yaml"))
        for each in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    ]
    known = {(each["kind"], each["metadata"]["name"]) for each in objects}
    chart = render("--skip-tests", *values(**{"crds.install": False}))
    assert known == {(each["kind"], each["metadata"]["name"]) for each in chart.objects} | {
        ("Namespace", "tierrouter-system")
    }
    first = next(n for n, each in enumerate(objects) if each["kind"] == "Namespace")
    assert not any(each["metadata"].get("namespace") for each in objects[:first])


def leaves(value: Any, path: str = "") -> set[str]:
    """Paths of a tree of values; what is empty or a list ends one."""
    if isinstance(value, dict) and value:
        return set().union(*(leaves(inner, f"{path}.{key}") for key, inner in value.items()))
    return {path}


def schema_leaves(node: Obj, definitions: dict[str, Obj], path: str = "") -> set[str]:
    while "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if "properties" not in node:
        return {path}
    return set().union(
        *(schema_leaves(inner, definitions, f"{path}.{key}") for key, inner in node["properties"].items())
    )


def test_every_value_has_a_default_and_a_schema() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    known = schema_leaves(schema, schema["definitions"]) - {".global"}

    def covers(wanted: str, path: str) -> bool:
        return path == wanted or path.startswith(f"{wanted}.") or wanted.startswith(f"{path}.")

    for path in leaves(defaults):
        assert any(covers(wanted, path) for wanted in known), f"values.schema.json does not know {path}"
    for wanted in known:
        assert any(covers(wanted, path) for path in leaves(defaults)), f"values.yaml does not have {wanted}"

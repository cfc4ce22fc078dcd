"""crds/ is what the declarations give, and every schema in it is bounded and small."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tierrouter_core.crds.definitions import DEFINITIONS, Definition, definitions_by_file
from tierrouter_core.crds.render import render

CRDS = Path(__file__).parents[3] / "crds"
# What `kubectl apply` keeps in an annotation may have 256 KiB with all others; half of that leaves room to grow.
MAX_BYTES = 128 * 1024
MAX_DESCRIPTION = 200
by_kind = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind)


def nodes(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside of a schema, itself included."""
    yield path, value
    for key, inner in value.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if key in value:
            yield from nodes(value[key], f"{path}[]")


def schemas(definition: Definition) -> list[tuple[str, dict[str, Any]]]:
    """Those of the spec and the status."""
    (version,) = definition.manifest()["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]["properties"]
    return [*nodes(root["spec"], "spec"), *nodes(root["status"], "status")]


@pytest.mark.parametrize(("name", "definition"), list(definitions_by_file()))
def test_the_file_is_what_the_declarations_give(name: str, definition: Definition) -> None:
    assert (CRDS / name).read_text(encoding="utf-8") == render(definition), "run: make crds"


def test_there_are_no_other_files() -> None:
    assert sorted(path.name for path in CRDS.iterdir()) == sorted(name for name, _ in definitions_by_file())


@by_kind
def test_a_definition_is_small_enough_for_a_client_side_apply(definition: Definition) -> None:
    assert len(render(definition).encode()) < MAX_BYTES


@by_kind
def test_the_text_reads_back_as_the_definition(definition: Definition) -> None:
    assert yaml.load(render(definition), Loader=yaml.CSafeLoader) == definition.manifest()


@by_kind
def test_everything_that_can_grow_has_a_bound(definition: Definition) -> None:
    for path, schema in schemas(definition):
        kind = schema.get("type")
        if kind == "string":
            assert "maxLength" in schema or "enum" in schema, path
        if kind == "array":
            assert {"maxItems", "x-kubernetes-list-type"} <= schema.keys(), path
        if kind == "integer":
            assert {"minimum", "maximum"} <= schema.keys(), path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path


@by_kind
def test_every_field_is_described_in_a_few_words(definition: Definition) -> None:
    for path, schema in schemas(definition):
        for key, inner in schema.get("properties", {}).items():
            assert 0 < len(inner.get("description", "")) <= MAX_DESCRIPTION, f"{path}.{key}"


@by_kind
def test_patterns_hold_for_the_whole_value(definition: Definition) -> None:
    for path, schema in schemas(definition):
        pattern = schema.get("pattern", "^$")
        assert pattern.startswith("^") and pattern.endswith("$"), path
        assert "(?=" not in pattern and "(?!" not in pattern and "(?<" not in pattern, f"{path}: RE2 has none of these"


@by_kind
def test_every_rule_has_a_message_of_one_line(definition: Definition) -> None:
    for path, schema in schemas(definition):
        for rule in schema.get("x-kubernetes-validations", []):
            assert rule["message"] and "\n" not in rule["message"] + rule["rule"], path


@by_kind
def test_a_status_has_no_defaults_so_that_its_writer_reads_back_what_it_wrote(definition: Definition) -> None:
    assert [path for path, schema in schemas(definition) if path.startswith("status") and "default" in schema] == []


@pytest.mark.parametrize("kind", ["RouterRevision", "RegressionRun"])
def test_no_field_of_an_immutable_spec_can_be_left_out_and_added_later(kind: str) -> None:
    (definition,) = (each for each in DEFINITIONS if each.kind == kind)
    for path, schema in schemas(definition):
        if path.startswith("spec") and "properties" in schema:
            assert sorted(schema["required"]) == sorted(schema["properties"]), path


def test_ordered_lists_are_atomic_and_the_others_are_merged_by_name() -> None:
    kinds = {
        path: schema["x-kubernetes-list-type"]
        for definition in DEFINITIONS[:2]
        for path, schema in schemas(definition)
        if "x-kubernetes-list-type" in schema
    }
    assert {path for path, kind in kinds.items() if kind == "map"} == {
        "spec.thresholds",
        "spec.budgets",
        "spec.models",
        "status.conditions",
    }
    assert {kinds[f"spec.{name}"] for name in ("tiers", "rules", "modelHints")} == {"atomic"}


@by_kind
def test_the_docs_name_the_short_name_and_every_column(definition: Definition) -> None:
    page = (CRDS.parent / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{definition.kind}` | "))
    _, short_name, _, columns = (cell.strip() for cell in row.strip("|").split(" | "))
    assert short_name == f"`{definition.short_name}`"
    named = [name for part in columns.split("wide: ") for name in part.strip("; ").split(", ")]
    assert sorted(named) == sorted(column.name for column in definition.columns)

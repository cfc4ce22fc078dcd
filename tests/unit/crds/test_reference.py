"""docs/crds.md has every field of every kind, as the API server is told of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tierrouter_core.crds.definitions import DEFINITIONS, Definition, definitions_by_file
from tierrouter_core.crds.reference import reference, rows_of, rules_of

PAGE = Path(__file__).parents[3] / "docs" / "crds.md"


def test_the_page_is_what_make_crds_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(each for _, each in definitions_by_file()), "run: make crds"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.kind)
def test_every_field_is_explained(definition: Definition) -> None:
    rows = list(rows_of(definition))
    assert len(rows) > 10 and len({row.path for row in rows}) == len(rows)
    assert [row.path for row in rows if not row.meaning.endswith(".")] == []


def test_a_row_says_type_default_bounds_and_meaning() -> None:
    (router,) = (each for each in DEFINITIONS if each.kind == "TierRouter")
    rows = {row.path: row for row in rows_of(router)}
    rank = rows["spec.tiers[].rank"]
    assert (rank.type, rank.default, rank.checks) == ("integer", "`1`", "0 to 1000")
    assert rows["spec.tiers"].default == "*required*"
    assert rows["spec.mode"].type == "`Route`, `Observe`, `Off`"
    assert "each `name` once" in rows["spec.thresholds"].checks
    assert "from 1ms to" in rows["spec.session.idleTimeout"].checks
    assert "\\|" in rows["spec.session.idleTimeout"].markdown


def test_rules_across_fields_are_listed_with_their_place() -> None:
    (router,) = (each for each in DEFINITIONS if each.kind == "TierRouter")
    rules = list(rules_of(router))
    assert ("spec.tiers[].spillTo", "a tier can't spill to itself; name another tier") in rules


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.kind)
def test_whatever_the_api_server_may_say_stands_on_the_page(definition: Definition) -> None:
    section = reference((definition,))
    messages = set(messages_of(definition.manifest()))
    assert messages and all(message in section for message in messages)


def messages_of(schema: Any) -> Iterator[str]:
    """Of every rule, however deep."""
    if isinstance(schema, dict):
        yield from (entry["message"] for entry in schema.get("x-kubernetes-validations", ()))
        for each in schema.values():
            yield from messages_of(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from messages_of(each)

"""docs/configuration.md says every field of both kinds as the declarations have it."""

from typing import Any

import pytest
from router_files import ROOT

from tierrouter_core.resources.fields import describe
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.router import TierRouter

DOCS = (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize(("cls", "heading"), [(TierRouter, "## TierRouter"), (ModelProvider, "## ModelProvider")])
def test_the_docs_hold_exactly_the_declared_fields(cls: type[Any], heading: str) -> None:
    section = DOCS.split(heading + "\n")[1].split("\n## ")[0]
    documented = [line for line in section.splitlines() if line.startswith("| `")]
    assert documented == [row.markdown_row for row in describe(cls)]


def test_every_field_has_a_meaning() -> None:
    for cls in (TierRouter, ModelProvider):
        assert all(
            row.doc.endswith(".") and "|" not in row.markdown_row.strip("| ").replace(" | ", "")
            for row in describe(cls)
        )

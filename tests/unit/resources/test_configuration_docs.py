"""docs/configuration.md and docs/kubernetes.md say every field of every kind as the declarations have it."""

from typing import Any

import pytest
from router_files import ROOT

from tierrouter_core.resources.fields import describe
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.regression import RegressionSuite
from tierrouter_core.resources.regression_run import RegressionRun
from tierrouter_core.resources.revision import RouterRevision
from tierrouter_core.resources.router import TierRouter
from tierrouter_core.resources.status import ProviderStatus, RouterStatus
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.variables import VARIABLES
from tierrouter_sidecar.compiling import compile_texts

SECTIONS: list[tuple[type[Any], str, str, str]] = [
    (TierRouter, "", "configuration.md", "TierRouter"),
    (ModelProvider, "", "configuration.md", "ModelProvider"),
    (RouterStatus, "status.", "kubernetes.md", "TierRouter status"),
    (ProviderStatus, "status.", "kubernetes.md", "ModelProvider status"),
    (RouterRevision, "", "kubernetes.md", "RouterRevision"),
    (RegressionSuite, "", "kubernetes.md", "RegressionSuite"),
    (RegressionRun, "", "kubernetes.md", "RegressionRun"),
]

DEFAULTS = {name: variable.default for name, variable in VARIABLES.items()}


@pytest.mark.parametrize(("cls", "prefix", "page", "heading"), SECTIONS)
def test_the_docs_hold_exactly_the_declared_fields(cls: type[Any], prefix: str, page: str, heading: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    documented = [line for line in section.splitlines() if line.startswith("| `")]
    assert documented == [row.markdown_row for row in describe(cls, prefix)]


def test_every_field_has_a_meaning() -> None:
    for cls, *_ in SECTIONS:
        assert all(
            row.doc.endswith(".") and "|" not in row.markdown_row.strip("| ").replace(" | ", "")
            for row in describe(cls)
        )


def test_the_file_to_begin_with_is_a_router_whose_rule_moves_a_turn_up() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    loaded = compile_texts([("small.yaml", text)], None)
    assert loaded.warnings == ()
    router = Router(loaded.document)
    (stuck,) = router.rules.all({**DEFAULTS, "session.tool_errors_in_a_row": 3})
    assert (stuck.matched, stuck.rule.tier, loaded.document.tiers["deep"].expensive) == (True, "deep", True)

"""Every claim of docs/security.md names the test that shows it, and that test is there."""

import ast
import re
from pathlib import Path

from tierrouter_sidecar import settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
CLAIMS = PAGE.partition("## Who, what, and the test\n")[2].partition("\n## ")[0]


def test_every_claim_names_a_test() -> None:
    rows = [line for line in CLAIMS.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    for row in rows:
        assert re.search(r"`tests/[\w/]+\.py::test_\w+` \|$", row), row


def test_every_test_that_is_named_is_there() -> None:
    for path, name in NAMED:
        functions = {
            node.name
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"{path}::{name}"


def test_the_bounds_are_those_of_the_code() -> None:
    bounds = PAGE.partition("## Bounds\n")[2].partition("\n## ")[0]
    assert f"{settings.MAX_BODY_BYTES // 2**20} MiB" in bounds
    assert f"| {settings.MAX_TURNS:,} |" in bounds
    assert f"{settings.MAX_HELD_BYTES // 2**20} MiB" in bounds
    assert f"| {settings.BODY_PATIENCE_S:g} s |" in bounds
    assert f"| {settings.HEAD_PATIENCE_S:g} s |" in bounds

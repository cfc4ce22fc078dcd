"""A router file is compiled in a child process, and whatever becomes of that is said in words."""

import sys
from pathlib import Path

import pytest

from tierrouter_core.errors import TierRouterError
from tierrouter_sidecar.compiling import CompileProcess

LARGER_THAN_A_PIPE = [("large.yaml", "# " + "x" * 4_000_000)]


@pytest.mark.parametrize(
    ("death", "expected"),
    [("echo MemoryError >&2; exit 1", "MemoryError"), ("kill -9 $$", "status -9")],
    ids=["it fails", "it is killed"],
)
def test_a_compiler_that_dies_while_it_is_given_a_large_file_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, death: str, expected: str
) -> None:
    dying = tmp_path / "python"
    dying.write_text(f"#!/bin/sh\n{death}\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(TierRouterError, match=f"the process that compiles the router failed: .*{expected}"):
        CompileProcess(LARGER_THAN_A_PIPE, None).result()

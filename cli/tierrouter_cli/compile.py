"""``tierrouter compile``: the document on stdout, what to know about it on stderr."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tierrouter_cli.exits import say, write_out
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts
from tierrouter_sidecar.state_dir import default_state_dir


def compile_files(paths: Sequence[Path]) -> None:
    """Compile router files; raises a TierRouterError with every problem."""
    cache = default_state_dir()
    stdin = sys.stdin.buffer if sys.stdin is not None else None
    loaded = compile_texts(read_texts(paths, stdin), cache if cache.is_dir() else None)
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    write_out(loaded.text + b"\n")
    say(f"revision {loaded.revision}, {len(loaded.text)} bytes")

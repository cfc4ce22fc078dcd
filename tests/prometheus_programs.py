"""promtool, Prometheus and Alertmanager, from PATH or from Debian's packages."""

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RULES = sorted((ROOT / "charts/tierrouter/files/rules").glob("*.yaml"))
"""The files that the chart ships."""


@cache
def programs() -> Path:
    """The folder that they are in. Skips the test where they can't be had; in CI, fails it."""
    found = subprocess.run([ROOT / "scripts/prometheus.sh"], capture_output=True, text=True, check=False)
    if found.returncode == 3 and os.environ.get("CI", "").lower() not in ("true", "1"):
        pytest.skip(found.stderr)
    assert found.returncode == 0, found.stderr
    return Path(found.stdout.strip())


def promtool(*arguments: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """promtool's answer, good or bad."""
    command = [programs() / "promtool", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)

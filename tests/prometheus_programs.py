"""promtool, Prometheus and Alertmanager, from PATH or from Debian's packages."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from provider import closed_port

ROOT = Path(__file__).resolve().parents[1]
RULES = sorted((ROOT / "charts/tierrouter/files/rules").glob("*.yaml"))
"""The files that the chart ships."""
_OPTIONS = {
    "prometheus": ("--storage.tsdb.path=", "--log.level=warn"),
    "alertmanager": ("--storage.path=", "--cluster.listen-address="),
}
_PATIENCE_S = 60.0


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


@dataclass(frozen=True)
class Running:
    """A program that answers at ``url``."""

    url: str
    address: str
    """Without the scheme."""
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        """It is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(name: str, folder: Path, settings: Mapping[str, Any]) -> Iterator[Running]:
    """``prometheus`` or ``alertmanager`` with these settings, ready; its files are in ``folder``."""
    config, log, address = folder / f"{name}.yaml", folder / f"{name}.log", f"127.0.0.1:{closed_port()}"
    config.write_text(yaml.safe_dump(dict(settings)))
    storage, *others = _OPTIONS[name]
    options = [f"--config.file={config}", f"{storage}{folder / name}", f"--web.listen-address={address}", *others]
    with log.open("wb") as said:
        command = [programs() / name, *options]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder)
    program = Running(f"http://{address}", address, process)
    try:
        _wait_for(program, log)
        yield program
    finally:
        program.kill()


def _wait_for(program: Running, log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not _is_ready(program):
        assert program.process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def _is_ready(program: Running) -> bool:
    try:
        with urllib.request.urlopen(f"{program.url}/-/ready", timeout=1):
            return True
    except OSError:
        return False

"""A real Prometheus that scrapes what a test names, every second; without the program its tests are skipped."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from provider import closed_port

_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
{jobs}
"""
_JOB = """
  - job_name: {name}
    file_sd_configs: [{{files: ["{targets}"], refresh_interval: 1s}}]
"""


class RunningPrometheus:
    """One that runs."""

    def __init__(self, url: str, targets: Path, process: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self._targets = targets
        self._process = process

    def kill(self) -> None:
        """It is gone."""
        self._process.kill()
        self._process.wait()

    def scrape(self, targets: Mapping[str, Mapping[str, str]]) -> None:
        """From now on these alone: addresses with the labels that scraping sets."""
        listed = [{"targets": [address], "labels": dict(labels)} for address, labels in targets.items()]
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps(listed))
        new.rename(self._targets)


@asynccontextmanager
async def running_prometheus(folder: Path, jobs: int = 1) -> AsyncIterator[RunningPrometheus]:
    """Prometheus, each of whose ``jobs`` scrapes all targets."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no Prometheus on this machine; Debian's package is called prometheus")
    targets, config = _laid_out(folder, jobs)
    log, port = folder / "prometheus.log", closed_port()
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: ASYNC220 (it starts, and is not waited for)
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while not await _is_ready(session, url):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.05)
        yield RunningPrometheus(url, targets, process)
    finally:
        process.kill()
        process.wait()


def _laid_out(folder: Path, jobs: int) -> tuple[Path, Path]:
    """Its files: what it scrapes, and its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    targets, config = folder / "targets.json", folder / "prometheus.yaml"
    targets.write_text("[]")
    names = [f"sidecars-{number}" for number in range(jobs)]
    config.write_text(_CONFIG.format(jobs="".join(_JOB.format(name=name, targets=targets) for name in names)))
    return targets, config


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False

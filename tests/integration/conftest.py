"""The command as a user starts it: ``tierrouter run`` in a process of its own.

Tests that only need a sidecar take the one in ``sidecar/conftest.py``, which starts in a hundredth of the time.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from provider import closed_port

START_LIMIT_S = 30.0
ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "from tierrouter_cli.main import main; main()"
_IMPORT_PATH = os.pathsep.join(str(ROOT / part) for part in ("core", "sidecar", "cli"))


@dataclass(frozen=True)
class RouterProcess:
    """A running ``tierrouter run``."""

    process: asyncio.subprocess.Process
    port: int
    admin_port: int
    state_dir: Path
    log: Path

    @property
    def origin(self) -> str:
        """What ``ANTHROPIC_BASE_URL`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What ``OPENAI_BASE_URL`` is set to."""
        return f"{self.origin}/v1"

    async def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Send a signal and wait; gives the exit status (negative: the signal that ended it)."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()


StartRouter = Callable[[str, Mapping[str, str]], Awaitable[RouterProcess]]


@pytest.fixture
async def start_router(tmp_path: Path) -> AsyncIterator[StartRouter]:
    """Start routers from a router file's text and the environment's keys; returns when ``/readyz`` is 200."""
    started: list[RouterProcess] = []

    async def start(text: str, environment: Mapping[str, str]) -> RouterProcess:
        folder = tmp_path / f"router{len(started)}"
        folder.mkdir()
        file, log = folder / "router.yaml", folder / "log"
        file.write_text(text)
        port, admin_port = closed_port(), closed_port()
        ports = ["--port", str(port), "--admin-port", str(admin_port)]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", _PROGRAM, "run", "-f", str(file), *ports, "--state-dir", str(folder / "state")),
                env={**os.environ, "PYTHONPATH": _IMPORT_PATH, **environment},
                stdout=output,
                stderr=output,
            )
        router = RouterProcess(process, port, admin_port, folder / "state", log)
        started.append(router)
        await _until_ready(router)
        return router

    yield start
    for router in started:
        if router.process.returncode is None:
            router.process.kill()
            await router.process.wait()


async def _until_ready(router: RouterProcess) -> None:
    loop = asyncio.get_running_loop()
    stop = loop.time() + START_LIMIT_S
    async with aiohttp.ClientSession() as session:
        while loop.time() < stop and router.process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{router.admin_port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.02)
    raise AssertionError(f"tierrouter run did not become ready; its log:\n{router.log.read_text()}")

"""``tierrouter`` commands in processes and process groups of their own, as a shell or a kubelet starts them."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from provider import ScriptedProvider, closed_port

# The router files that the sidecar's own tests use.
sys.path.append(str(Path(__file__).parent / "sidecar"))

from routers import SPARE_KEY, VENDOR_KEY, router_text

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "tierrouter_cli.main")
PATIENCE_S = 30.0
"""How long anything may take that is done in a second on a machine with nothing else to do."""
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}

# Keys, proxies and a terminal's width of the machine that the tests run on must not change what they see.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


def environment(**more: str) -> dict[str, str]:
    """A small environment in which the commands can be imported."""
    path = os.pathsep.join(str(ROOT / part) for part in ("core", "sidecar", "evaluation", "cli"))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": path, "COLUMNS": "80", "TIERROUTER_LOG_FORMAT": "text", **more}


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """What it printed."""
        return self.stdout.decode()

    @property
    def said(self) -> str:
        """Everything that it said, on both streams."""
        return self.text + self.stderr


def tierrouter(
    *arguments: str | Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    program: Sequence[str] = COMMAND,
    cwd: Path | None = None,
) -> Ran:
    """Run a command to its end. A traceback is never an answer, so there is none in any of them."""
    done = subprocess.run(
        [*program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment(**(variables or {})),
        timeout=PATIENCE_S,
        check=False,
        start_new_session=True,
        cwd=cwd,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr.decode())
    assert "Traceback" not in ran.said, ran.said
    return ran


@dataclass
class Served:
    """A ``tierrouter run`` or ``tierrouter sidecar`` that serves, or has served."""

    process: asyncio.subprocess.Process
    port: int
    admin_port: int
    state_dir: Path
    log_file: Path
    client: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def log(self) -> str:
        """Everything that it said so far."""
        return self.log_file.read_text()

    async def post(self, body: Any = CHAT, path: str = "/v1/chat/completions", **headers: str) -> "Answered":
        """Send a turn."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(self.url + path, json=body, headers=names) as response:
            return Answered(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read())

    async def get(self, path: str, **headers: str) -> "Answered":
        """Ask the admin port."""
        async with self.client.get(self.admin_url + path, headers=headers) as response:
            return Answered(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read())

    async def metric(self, series: str) -> float:
        """A series' value; 0 if there is none."""
        lines = (await self.get("/metrics")).body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(series + " ")), 0.0)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self.process.send_signal(number)

    async def ended(self, limit_s: float = PATIENCE_S) -> int:
        """Wait for its end; gives the exit status."""
        async with asyncio.timeout(limit_s):
            code = await self.process.wait()
        assert "Traceback" not in self.log, self.log
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal and wait."""
        self.send(number)
        return await self.ended()

    async def until_answering(self, path: str = "/readyz", status: int = 200) -> None:
        """Wait until the admin port answers so."""

        async def answers() -> bool:
            assert self.process.returncode is None, f"it ended with {self.process.returncode}:\n{self.log}"
            try:
                return (await self.get(path)).status == status
            except aiohttp.ClientConnectionError:
                return False

        await until(answers)


@dataclass(frozen=True)
class Answered:
    """An answer of the sidecar."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def tier(self) -> str | None:
        return self.headers.get("x-tierrouter-tier")


async def until(condition: Any, limit_s: float = PATIENCE_S) -> None:
    """Wait until ``condition()``, which may be a coroutine, is true."""
    async with asyncio.timeout(limit_s):
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(
    folder: Path,
    *arguments: str | Path,
    command: str = "run",
    variables: Mapping[str, str] | None = None,
    port: int | None = None,
    admin_port: int | None = None,
    state_dir: Path | None = None,
    stdout: int | None = None,
    wait: bool = True,
) -> AsyncIterator[Served]:
    """A sidecar for as long as the context is open; ended by force at its end if it has not ended before.

    Args:
        folder: where its log and, unless ``state_dir`` says otherwise, its state are.
        stdout: a file descriptor for its standard output, which goes to the log otherwise.
        wait: whether to wait until it is ready.
    """
    os.makedirs(folder, exist_ok=True)
    port, admin_port = port or closed_port(), admin_port or closed_port()
    state_dir = state_dir or folder / "state"
    log_file = folder / f"{command}-{time.monotonic_ns()}.log"
    options = ["--port", str(port), "--admin-port", str(admin_port), "--state-dir", str(state_dir)]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as client:
        with log_file.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(*COMMAND, command, *map(str, arguments), *options),
                env=environment(**(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
            )
        served = Served(process, port, admin_port, state_dir, log_file, client)
        try:
            if wait:
                await served.until_answering()
            yield served
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


KEYS = {"VENDOR_API_KEY": VENDOR_KEY, "SPARE_API_KEY": SPARE_KEY}


def router_file(folder: Path, provider: ScriptedProvider, **options: str) -> Path:
    """A router file with the design's five tiers, all at ``provider``."""
    file = folder / "router.yaml"
    file.write_text(router_text(provider.base_url, **options))
    return file

"""The processes that are measured: starting, readiness, memory, and which core each runs on."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import LoadError

ROOT = Path(__file__).resolve().parent.parent
_IMPORT_PATH = [ROOT / part for part in ("", "core", "sidecar", "cli", "tests")]
_START_LIMIT_S = 30.0
_POLL_S = 0.002

ROUTER_FILE = """\
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {{name: bench, namespace: bench}}
spec:
  mode: Route
  tiers:
    - {{name: routine, rank: 1, model: small, provider: mock, maxTokens: 8192}}
    - {{name: reasoning, rank: 2, model: medium, provider: mock, maxTokens: 4096, expensive: true}}
    - {{name: deep, rank: 3, model: large, provider: mock, maxTokens: 8192, expensive: true}}
  defaultTier: routine
  fallbackTier: routine
  baselineModel: medium
  thresholds:
    - {{name: file_count, value: 8, min: 1, max: 40, onRegression: -1, onPromotion: 1}}
    - {{name: planning_depth, value: 6, min: 2, max: 30, onRegression: -1, onPromotion: 1}}
    - {{name: tool_errors, value: 3, min: 1, max: 10, onRegression: -1, onPromotion: 1}}
  rules:
    - {{name: complex-planning, when: "task.planning_depth >= thresholds.planning_depth", tier: deep}}
    - {{name: output-flagged, when: "turn.output_flagged", tier: reasoning, escalate: true}}
    - {{name: stalled, when: "session.tool_errors_in_a_row >= thresholds.tool_errors", tier: reasoning, escalate: true}}
    - {{name: wide-change, when: "task.file_count > thresholds.file_count", tier: reasoning}}
  hints: {{allow: [routine, reasoning, deep]}}
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: mock, namespace: bench}}
spec:
  baseURL: {base_url}
  dialects: [AnthropicMessages, OpenAIChat, OpenAIResponses]
  credential: {{secretRef: {{name: bench, key: api-key}}}}
  models:
    - {{name: small, id: vendor/small, contextWindow: 262144, priceUSDPerMTok: {{input: "0.95", output: "4.00"}}}}
    - {{name: medium, id: vendor/medium, contextWindow: 400000, priceUSDPerMTok: {{input: "5.00", output: "30.00"}}}}
    - {{name: large, id: vendor/large, contextWindow: 400000, priceUSDPerMTok: {{input: "5.00", output: "25.00"}}}}
"""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core does what; None where the system can't pin or has only one."""

    gateway: int | None
    load: int | None
    every: frozenset[int] | None = None
    """All that this process might use before it was pinned."""

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first two cores that this process may use."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[1], frozenset(allowed)) if len(allowed) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that relays requests to the mock provider."""

    name: str
    command: Sequence[str]
    port: int
    ready_port: int
    """Where ``GET /readyz`` is 200 once it serves."""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Started:
    """A running target."""

    process: subprocess.Popen[bytes]
    ready_s: float
    """From starting the process to the first 200 of ``/readyz``."""


def proxies(upstream: str, folder: Path) -> tuple[Target, Target, Target]:
    """The bare proxy, the raw relay and TierRouter, all in front of ``upstream`` (an origin)."""
    bare, raw = free_port(), free_port()
    small = ["--upstream", upstream, "--port"]
    return (
        Target("bare", [sys.executable, "-m", "bench.bare_proxy", *small, str(bare)], bare, bare),
        Target("raw", [sys.executable, "-m", "bench.raw_relay", *small, str(raw)], raw, raw),
        tierrouter(ROUTER_FILE.format(base_url=f"{upstream}/v1"), folder),
    )


def tierrouter(router_file: str, folder: Path) -> Target:
    """TierRouter with the router and the providers of ``router_file``, whose keys are all ``BENCH_API_KEY``."""
    port, admin = free_port(), free_port()
    router = folder / "router.yaml"
    router.write_text(router_file)
    run = ["run", "-f", str(router), "--port", str(port), "--admin-port", str(admin), "--state-dir"]
    return Target(
        "tierrouter",
        [*_tierrouter_command(), *run, str(folder / "state")],
        port,
        admin,
        {"BENCH_API_KEY": "bench", "TIERROUTER_LOG_LEVEL": "WARNING"},
    )


def mock(port: int, events: int) -> Target:
    """The provider behind them all; it is ready when it accepts."""
    command = [sys.executable, "-m", "provider", "--fast", "--port", str(port), "--events", str(events)]
    return Target("mock", command, port, port)


@contextmanager
def started(target: Target, core: int | frozenset[int] | None, log: Path) -> Iterator[Started]:
    """Run ``target`` on ``core`` (or any of several) until the context closes; its output goes to ``log``."""
    environment = {**os.environ, **target.environment, "PYTHONPATH": os.pathsep.join(map(str, _IMPORT_PATH))}
    # As installed packages are: compiled once. Where the shell forbids it, every start would compile anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(log.parent / "pycache")
    with log.open("ab") as output, _pinned(core):
        began = time.perf_counter()
        process = subprocess.Popen(
            target.command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while not _is_ready(target):
            if process.poll() is not None or time.perf_counter() - began > _START_LIMIT_S:
                tail = log.read_bytes()[-2000:].decode(errors="replace")
                raise LoadError(f"{target.name} did not become ready (exit status {process.poll()}); its log:\n{tail}")
            time.sleep(_POLL_S)
        yield Started(process, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _pinned(core: int | frozenset[int] | None) -> Iterator[None]:
    """Children started inside run on ``core``, or on any of several."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} if isinstance(core, int) else core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_self(core: int | None) -> None:
    """Keep this process, the load generator, on ``core``."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and all its children."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
        return int(listed.stdout) * 1024
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    own = int(lines["VmRSS"].split()[0]) * 1024
    children: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, listing.read_text().split())
    return own + sum(map(resident_bytes, children))


def cpu_seconds(pid: int) -> float | None:
    """CPU time that a process has used so far, all its threads together; None where the system doesn't tell."""
    if not sys.platform.startswith("linux"):
        return None
    # The clock that clock_getcpuclockid(3) names, which Python lacks: in nanoseconds, where /proc counts in 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def free_port() -> int:
    """A port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(target: Target) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", target.ready_port), timeout=1) as probe:
            host = f"127.0.0.1:{target.ready_port}"
            probe.sendall(f"GET /readyz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            answer = probe.recv(64)
    except OSError:
        return False
    # The mock has no such path; that it answers is enough.
    return b" 200 " in answer or target.name == "mock"


def _tierrouter_command() -> list[str]:
    """The installed command, or the checkout's own."""
    beside = Path(sys.executable).parent / "tierrouter"
    found = str(beside) if beside.exists() else shutil.which("tierrouter")
    return [found] if found else [sys.executable, "-c", "from tierrouter_cli.main import main; main()"]

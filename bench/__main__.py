"""``python -m bench``: measure, print the tables, write the figures as JSON."""

import argparse
import asyncio
import importlib.metadata
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import load
from bench.budgets import Round, judge
from bench.client import LoadError
from bench.show import figures_table, verdicts_table
from bench.targets import (
    Cores,
    Started,
    Target,
    cpu_seconds,
    free_port,
    mock,
    pin_self,
    proxies,
    resident_bytes,
    started,
)

DIRECT = "direct"
"""Load straight at the mock: what the load generator itself can do."""


def main() -> int:
    """Exit status: 0 if every budget was kept, 1 if one was missed, 2 if there was nothing to measure."""
    options = _options()
    cores = Cores.of_this_machine()
    pin_self(cores.load)
    if cores.gateway is None:
        print("warning: processes can't be pinned to two cores here; the figures disturb one another", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="tierrouter-bench-") as folder:
            starts, rounds = _measure(options, cores, Path(folder))
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    verdicts = judge([*starts, *rounds])
    print(figures_table([*starts, *rounds], ["bare", "raw", "tierrouter", DIRECT]))
    print()
    print(verdicts_table(verdicts))
    results = {
        "machine": _machine(cores),
        "settings": vars(options) | {"out": None},
        "budgets": [verdict.as_json() for verdict in verdicts],
        "starts": starts,
        "rounds": rounds,
    }
    if options.out:
        Path(options.out).write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(verdict.kept for verdict in verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of load; in each every target is measured")
    parser.add_argument("--starts", type=int, default=5, help="how often every target is started; 0: not measured")
    parser.add_argument("--settle", type=float, default=1.5, help="seconds between ready and looking at idle memory")
    parser.add_argument("--requests", type=int, default=800, help="requests per round for the latencies of one client")
    parser.add_argument("--big-requests", type=int, default=60, help="requests per round of each 400 KB turn")
    parser.add_argument("--streams", type=int, default=40, help="streamed answers per round")
    parser.add_argument("--events", type=int, default=200, help="events of a streamed answer")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds of full load per round and target")
    parser.add_argument("--concurrency", type=int, default=32, help="connections of the full load")
    parser.add_argument("--body-bytes", type=int, default=400_000, help="size of the big turn")
    parser.add_argument("--quick", action="store_true", help="two rounds of less: for a look, not for figures")
    parser.add_argument("--out", metavar="FILE", help="write everything as JSON")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.starts, options.requests, options.seconds = 2, 2, 300, 1.0
    return options


def _measure(options: argparse.Namespace, cores: Cores, folder: Path) -> tuple[list[Round], list[Round]]:
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(started(mock(port, options.events), cores.load, folder / "mock.log"))
        targets = proxies(f"http://127.0.0.1:{port}", folder)
        # The first start of each compiles Python files and fills the disk cache: not counted.
        starts = [
            _starts(targets, cores, folder, options.settle) for _ in range(options.starts + 1 if options.starts else 0)
        ][1:]
        alive = {
            target.name: stack.enter_context(started(target, cores.gateway, folder / f"{target.name}.log"))
            for target in targets
        }
        ports = {target.name: target.port for target in targets} | {DIRECT: port}
        rounds = [_round(number, ports, alive, options) for number in range(options.rounds)]
    return starts, rounds


def _starts(targets: Sequence[Target], cores: Cores, folder: Path, settle_s: float) -> Round:
    figures: dict[str, dict[str, float]] = {}
    for target in targets:
        # On all cores, as a person starts it: the router compiles its file in a second process meanwhile.
        with started(target, cores.every, folder / f"{target.name}.log") as run:
            time.sleep(settle_s)
            figures[target.name] = {"start_s": run.ready_s, "idle_bytes": resident_bytes(run.process.pid)}
    return figures


def _round(number: int, ports: Mapping[str, int], alive: Mapping[str, Started], options: argparse.Namespace) -> Round:
    names = list(ports)
    turn = number % len(names)
    figures: dict[str, dict[str, float]] = {}
    # Another target goes first in every round, so that none is always the one on the warm machine.
    for name in names[turn:] + names[:turn]:
        run = alive.get(name)
        try:
            figures[name] = asyncio.run(_figures(ports[name], None if run is None else run.process.pid, options))
        except (LoadError, OSError) as error:
            raise LoadError(f"{name}: {error}") from error
        if run is not None:
            figures[name]["busy_bytes"] = resident_bytes(run.process.pid)
        print(f"round {number + 1}/{options.rounds}: {name} done", file=sys.stderr)
    return figures


async def _figures(port: int, pid: int | None, options: argparse.Namespace) -> dict[str, float]:
    figures: dict[str, float] = {}
    small = load.small()
    alone = await load.latencies(port, small, options.requests)
    figures["small_p50_s"] = load.percentile(alone, 50)
    figures["small_p99_s"] = load.percentile(alone, 99)
    for name, big in (("first", load.big_model_first), ("last", load.big_model_last)):
        before = _cpu(pid)
        times = await load.latencies(port, big(options.body_bytes), options.big_requests)
        figures |= _cpu_since(before, pid, f"big_{name}_cpu_s", load.WARM_UP + options.big_requests)
        figures[f"big_{name}_p50_s"] = load.percentile(times, 50)
    stream = await load.latencies(port, load.streamed(), options.streams)
    figures["stream_p50_s"] = load.percentile(stream, 50)
    before = _cpu(pid)
    done, took_s = await load.throughput(port, small, seconds=options.seconds, concurrency=options.concurrency)
    figures |= _cpu_since(before, pid, "small_cpu_s", done)
    figures["rps"] = done / took_s
    return figures


def _cpu(pid: int | None) -> float | None:
    return None if pid is None else cpu_seconds(pid)


def _cpu_since(before: float | None, pid: int | None, measure: str, requests: int) -> dict[str, float]:
    """CPU time per request, where the system tells: steadier than any latency on a machine that is busy."""
    now = _cpu(pid)
    return {} if before is None or now is None else {measure: (now - before) / requests}


def _machine(cores: Cores) -> dict[str, Any]:
    packages = ("aiohttp", "uvloop", "orjson")
    return {
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "python": platform.python_version(),
        "pinned": cores.gateway is not None,
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())

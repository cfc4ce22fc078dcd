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
from bench.targets import Cores, Started, Target, free_port, mock, pin_self, proxies, resident_bytes, started

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
    parser.add_argument("--starts", type=int, default=5, help="how often every target is started")
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
        starts = [_starts(targets, cores, folder, options.settle) for _ in range(options.starts + 1)][1:]
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
        try:
            figures[name] = asyncio.run(_figures(ports[name], options))
        except (LoadError, OSError) as error:
            raise LoadError(f"{name}: {error}") from error
        if name in alive:
            figures[name]["busy_bytes"] = resident_bytes(alive[name].process.pid)
        print(f"round {number + 1}/{options.rounds}: {name} done", file=sys.stderr)
    return figures


async def _figures(port: int, options: argparse.Namespace) -> dict[str, float]:
    alone = await load.latencies(port, load.small(), options.requests)
    first = await load.latencies(port, load.big_model_first(options.body_bytes), options.big_requests)
    last = await load.latencies(port, load.big_model_last(options.body_bytes), options.big_requests)
    stream = await load.latencies(port, load.streamed(), options.streams)
    rps = await load.throughput(port, load.small(), seconds=options.seconds, concurrency=options.concurrency)
    return {
        "small_p50_s": load.percentile(alone, 50),
        "small_p99_s": load.percentile(alone, 99),
        "big_first_p50_s": load.percentile(first, 50),
        "big_last_p50_s": load.percentile(last, 50),
        "stream_p50_s": load.percentile(stream, 50),
        "rps": rps,
    }


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

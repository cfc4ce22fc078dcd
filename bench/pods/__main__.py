"""`make bench-pods`: budgets of injection and of live changes, on the kind-* cluster that `make e2e` has installed on.

The node, the API server, the pods and this share one machine. Times are of its one clock: a sidecar says when it loaded
what it serves, an agent when its first line ran. Pods have to be reachable from here by their addresses.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from control_plane import Api, read_kubeconfig
from control_plane.access import current_context

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "e2e"))
from here import Here

PODS, CHANGES, STARTS = 20, 50, 50
RATE_PER_S, ADMISSIONS_S = 50, 20
BUDGETS = {
    "change served, p99": 1.0,
    "change served, worst": 5.0,
    "turns that failed": 0,
    "admission, p99": 0.050,
    "start delay, p50": 1.8,
    "start delay, p95": 3.0,
}
Obj = dict[str, Any]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]


async def changes(here: Here) -> Obj:
    """Change a threshold again and again under twenty pods that make turns; when did each sidecar load it?"""
    names = [f"agent-{number}" for number in range(PODS)]
    for name in names:
        await here.start(here.agent(name, env={"PAUSE_S": "0.5"}))
    addresses = {name: (await here.pod(name))["status"]["podIP"] for name in names}
    seconds = CHANGES * 3.0 + 30
    loops = [asyncio.create_task(here.does_for(name, seconds, "loop", str(seconds))) for name in names]
    await asyncio.sleep(20)
    delays: list[float] = []
    stragglers = 0
    async with aiohttp.ClientSession() as session:
        for number in range(CHANGES):
            began = time.time()
            await here.router.threshold("file_count", 1 + number % 39)
            deadline = began + 10
            waiting = dict(addresses)
            await asyncio.sleep(1.2)
            while waiting and time.time() < deadline:
                for name, address in tuple(waiting.items()):
                    async with session.get(f"http://{address}:9464/status") as answer:
                        loaded = datetime.fromisoformat((await answer.json())["loadedAt"]).timestamp()
                    if loaded > began:
                        delays.append(loaded - began)
                        del waiting[name]
                if waiting:
                    await asyncio.sleep(0.2)
            stragglers += len(waiting)
            await asyncio.sleep(max(0.0, began + 3.0 - time.time()))
    said = [line for loop in loops for line in await loop]
    return {
        "samples": len(delays),
        "never within 10 s": stragglers,
        "change served, p50": statistics.median(delays),
        "change served, p99": quantile(delays, 0.99),
        "change served, worst": max(delays),
        "turns": sum(each["turns"] for each in said),
        "turns that failed": sum(len(each["failures"]) for each in said),
        "why": sorted({failure for each in said for failure in each["failures"]})[:3],
    }


async def admissions(here: Here) -> Obj:
    """Dry-run creates at a steady rate, of a pod that is injected and of one that is not."""
    took: dict[str, list[float]] = {"true": [], "false": []}

    async def create(inject: str) -> None:
        began = time.perf_counter()
        path = f"{here.core}/pods"
        made = await here.api.request("POST", path, here.agent("dry", inject=inject), query={"dryRun": "All"})
        took[inject].append(time.perf_counter() - began)
        assert ("initContainers" in made["spec"]) is (inject == "true")

    for inject in ("false", "true"):
        began, tasks = time.perf_counter(), []
        for number in range(RATE_PER_S * ADMISSIONS_S):
            await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.perf_counter()))
            tasks.append(asyncio.create_task(create(inject)))
        await asyncio.gather(*tasks)
    return {
        "creates each": len(took["true"]),
        "create of an injected pod, p50": statistics.median(took["true"]),
        "admission, p99": quantile(took["true"], 0.99),
        "create of another pod, p99": quantile(took["false"], 0.99),
    }


async def starts(here: Here) -> Obj:
    """The same pod with and without a sidecar, one at a time: from its creation to the agent's first line."""
    took: dict[str, list[float]] = {"true": [], "false": []}
    for number in range(STARTS):
        for inject in ("true", "false"):
            name = f"start-{number}-{inject}"
            body = here.agent(name, inject=inject, restartPolicy="Never", terminationGracePeriodSeconds=0)
            body["spec"]["containers"][0]["args"] = ["-c", "import time; print(time.time())"]
            began = time.time()
            await here.api.create(f"{here.core}/pods", body)

            async def has_run(name: str = name) -> bool:
                statuses = (await here.pod(name)).get("status", {}).get("containerStatuses") or [{}]
                return "terminated" in statuses[0].get("state", {})

            await here.api.until(has_run, f"{name} has run", 60)
            took[inject].append(float((await here.logs(name, "agent")).split()[0]) - began)
            await here.api.delete(f"{here.core}/pods/{name}", gracePeriodSeconds="0")
    delays = [with_it - without for with_it, without in zip(took["true"], took["false"], strict=True)]
    return {
        "starts each": len(delays),
        "start with a sidecar, p50": statistics.median(took["true"]),
        "start without, p50": statistics.median(took["false"]),
        "start delay, p50": statistics.median(delays),
        "start delay, p95": quantile(delays, 0.95),
    }


async def main(parts: Sequence[str]) -> int:
    """Measure, print, and tell by the status whether a budget is missed."""
    kubeconfig = Path(os.environ["KUBECONFIG"])
    current_context(kubeconfig)
    missed = 0
    async with Api(await read_kubeconfig(kubeconfig)) as api:
        for part in parts:
            name = f"bench-{uuid4().hex[:6]}"
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await api.create("/api/v1/namespaces", body)
            try:
                here = Here(api, name)
                await api.until(
                    lambda here=here: api.get(f"{here.core}/serviceaccounts/default"), "there is an account"
                )
                await here.start_provider()
                await here.start_router()
                found = await {"changes": changes, "admissions": admissions, "starts": starts}[part](here)
            finally:
                await api.delete(f"/api/v1/namespaces/{name}")
            for what, value in found.items():
                budget = BUDGETS.get(what)
                is_kept = budget is None or value <= budget
                missed += not is_kept
                said = f"{value:.3f}" if isinstance(value, float) else json.dumps(value)
                print(
                    f"{what:34} {said:>10}"
                    + ("" if budget is None else f"  budget {budget}{'' if is_kept else '  MISSED'}")
                )
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.pods", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["admissions", "starts", "changes"])
    sys.exit(asyncio.run(main(parser.parse_args().parts)))

"""``make bench-operator``: the operator's budgets, measured on a real API server that shares the machine.

The operator is the process that users start; the API server, etcd and the controller manager are those of the tests.
Nothing is simulated but nodes: pods are objects whose status says Running.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console
from rich.table import Table

from control_plane import Api, Cluster, Refused, binaries, read_kubeconfig, start

ROOT = Path(__file__).parents[2]
GROUP = "/apis/tierrouter.dev/v1alpha1"
NAMESPACES = 100
ROUTERS_EACH = 10
PODS = 10_000
CHANGES = 500
WRITES = ("create", "update", "patch", "delete", "deletecollection")
_AT_ONCE = 16
Obj = dict[str, Any]

BUDGETS = {
    "change in force, p99": (250.0, "ms"),
    "requests per change": (7.0, ""),
    "1,000 routers created": (60.0, "s"),
    "restart, all converged": (10.0, "s"),
    "writes after a restart": (0.0, ""),
    "100 providers changed": (60.0, "s"),
    "resident memory": (250.0, "MB"),
    "resident memory with 10,000 pods": (330.0, "MB"),
}


class OperatorProcess:
    """``tierrouter operator``, started and measured."""

    def __init__(self, cluster: Cluster, log: Path) -> None:
        self._flags = ["--kubeconfig", str(cluster.kubeconfig), "--host", "127.0.0.1"]
        self._flags += ["--metrics-port", "19475", "--health-port", "19476"]
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [str(Path(sys.executable).with_name("tierrouter")), "operator", *self._flags]
            self.process = subprocess.Popen(command, stderr=log, stdout=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(15)
            self.process = None

    def resident_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def cpu_s(self) -> float:
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def documents(namespace: str, names: Iterable[str]) -> list[Obj]:
    """A Secret, the example's providers as one, and routers that use it."""
    example = list(yaml.safe_load_all((ROOT / "examples" / "coding.yaml").read_text()))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "all", "namespace": namespace},
        "stringData": {"api-key": "key"},
    }
    router = next(each for each in example if each["kind"] == "TierRouter")
    providers = {each["metadata"]["name"]: each for each in example if each["kind"] == "ModelProvider"}
    models = [model for each in providers.values() for model in each["spec"]["models"]]
    provider = {
        "apiVersion": router["apiVersion"],
        "kind": "ModelProvider",
        "metadata": {"name": "all", "namespace": namespace},
        "spec": {
            "baseURL": "https://models.example.com/v1",
            "dialects": ["OpenAIChat"],
            "credential": {"secretRef": {"name": "all"}},
            # Priced here: what is measured is the operator, not the look-up of prices.
            "models": [
                {**model, "dialects": [], "reject": [], "priceUSDPerMTok": {"input": "1", "output": "2"}}
                for model in models
            ],
        },
    }
    spec = {**router["spec"], "tiers": [{**tier, "provider": "all"} for tier in router["spec"]["tiers"]]}
    spec.pop("pinnedRevision", None)
    made = [{**router, "metadata": {"name": name, "namespace": namespace}, "spec": spec} for name in names]
    return [secret, provider, *made]


async def in_parallel(calls: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(call: Callable[[], Awaitable[Any]]) -> None:
        async with gate:
            await call()

    await asyncio.gather(*(one(call) for call in calls))


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = 300) -> float:
    """Seconds until it holds."""
    began = time.perf_counter()
    while not await holds():
        if time.perf_counter() - began > timeout_s:
            raise TimeoutError("it never converged")
        await asyncio.sleep(0.1)
    return time.perf_counter() - began


@asynccontextmanager
async def active_seen(api: Api, namespace: str) -> AsyncIterator[dict[str, asyncio.Future[float]]]:
    """Watches the active ConfigMap: resolves the future of a threshold's value when a document has it."""
    waiting: dict[str, asyncio.Future[float]] = {}

    async def watch() -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        query = {"watch": "true", "labelSelector": "tierrouter.dev/router"}
        async with api._session.get(path, params=query, timeout=None) as response:
            while line := await response.content.readuntil(b"\n"):
                seen = time.perf_counter()
                obj = orjson.loads(line)["object"]
                text = (
                    (obj.get("data") or {}).get("stable.json") if obj["metadata"]["name"].endswith("-active") else None
                )
                value = str(orjson.loads(text)["thresholds"]["file_count"]) if text else ""
                future = waiting.pop(value, None)
                if future is not None and not future.done():
                    future.set_result(seen)

    task = asyncio.create_task(watch())
    try:
        yield waiting
    finally:
        task.cancel()


async def measure_changes(api: Api, cluster: Cluster, count: int, figures: dict[str, float]) -> None:
    """One router, changed again and again at rest; from the request to the event of the new active ConfigMap."""
    namespace = "changes"
    await make_namespace(api, namespace)
    for document in documents(namespace, ["coding"]):
        await api.apply(document, namespace)
    active = f"/api/v1/namespaces/{namespace}/configmaps/coding-active"
    await until(lambda: api.exists(active))
    path = f"{GROUP}/namespaces/{namespace}/tierrouters/coding"
    thresholds = (await api.get(path))["spec"]["thresholds"]
    assert cluster.audit is not None
    await asyncio.sleep(4)
    mark, times = cluster.audit.mark(), []
    async with active_seen(api, namespace) as waiting:
        for number in range(count):
            # Never twice the same pair, so that each change is a revision of its own.
            value = 10 + number % 20
            for each in thresholds:
                if each["name"] == "file_count":
                    each["value"] = value
                elif each["name"] == "planning_depth":
                    each["value"] = 2 + number // 20
            seen = waiting[str(value)] = asyncio.get_running_loop().create_future()
            began = time.perf_counter()
            await api.patch(path, {"spec": {"thresholds": thresholds}})
            times.append((await asyncio.wait_for(seen, 30) - began) * 1000)
            await asyncio.sleep(0.1)
    await asyncio.sleep(4)
    requests = [
        each
        for each in cluster.audit.requests(mark, verb=WRITES)
        if each.user_agent == "tierrouter-operator" and each.namespace == namespace
    ]
    by_resource: dict[str, int] = {}
    for each in requests:
        by_resource[f"{each.verb} {each.resource}"] = by_resource.get(f"{each.verb} {each.resource}", 0) + 1
    times.sort()
    figures["change in force, p50"] = times[len(times) // 2]
    figures["change in force, p99"] = times[int(len(times) * 0.99)]
    figures["requests per change"] = len(requests) / count
    print(f"  requests over {count} changes: {dict(sorted(by_resource.items()))}")


async def make_namespace(api: Api, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await api.create("/api/v1/namespaces", body)
    await until(lambda: api.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"))


async def measure_many(api: Api, cluster: Cluster, operator: OperatorProcess, figures: dict[str, float]) -> None:
    """A thousand routers: made while nobody looks, then the operator starts."""
    spaces = [f"many-{number:03}" for number in range(NAMESPACES)]
    await in_parallel(lambda name=name: make_namespace(api, name) for name in spaces)
    made = [document for name in spaces for document in documents(name, [f"r{n}" for n in range(ROUTERS_EACH)])]
    for kind in ("Secret", "ModelProvider", "TierRouter"):
        await in_parallel(
            lambda document=document: api.apply(document, document["metadata"]["namespace"])
            for document in made
            if document["kind"] == kind
        )
    operator.start()
    began = time.perf_counter()
    await until(lambda: are_ready(api))
    figures["1,000 routers created"] = time.perf_counter() - began
    figures["processor time for it"] = operator.cpu_s()
    await asyncio.sleep(40)  # A resync included.
    figures["resident memory"] = operator.resident_mb()
    operator.stop()

    assert cluster.audit is not None
    mark = cluster.audit.mark()
    operator.start()
    began = time.perf_counter()
    await until(lambda: has_looked_at_all(NAMESPACES * ROUTERS_EACH))
    figures["restart, all converged"] = time.perf_counter() - began
    await asyncio.sleep(5)
    writes = [each for each in cluster.audit.requests(mark, verb=WRITES) if each.user_agent == "tierrouter-operator"]
    figures["writes after a restart"] = len(writes)

    began = time.perf_counter()
    change = {"spec": {"baseURL": "https://other.example.com/v1"}}
    await in_parallel(
        lambda name=name: api.patch(f"{GROUP}/namespaces/{name}/modelproviders/all", change) for name in spaces
    )
    await until(lambda: have_document(api, "https://other.example.com/v1"))
    figures["100 providers changed"] = time.perf_counter() - began


async def are_ready(api: Api) -> bool:
    ready = 0
    for item in await everything(api, f"{GROUP}/tierrouters"):
        conditions = (item.get("status") or {}).get("conditions") or ()
        ready += any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready >= NAMESPACES * ROUTERS_EACH


async def have_document(api: Api, url: str) -> bool:
    items = await everything(api, "/api/v1/configmaps", labelSelector="tierrouter.dev/router,!tierrouter.dev/revision")
    return sum(url in item["data"].get("stable.json", "") for item in items) >= NAMESPACES * ROUTERS_EACH


async def has_looked_at_all(count: int) -> bool:
    """Whether a freshly started operator has reconciled every router, by its own metrics."""
    import aiohttp

    try:
        async with aiohttp.ClientSession() as session, session.get("http://127.0.0.1:19475/metrics") as response:
            text = await response.text()
    except aiohttp.ClientError:
        return False
    lines = [line for line in text.splitlines() if line.startswith("tierrouter_operator_reconciles_total")]
    return sum(float(line.split()[-1]) for line in lines if 'kind="TierRouter"' in line) >= count


async def everything(api: Api, path: str, **query: str) -> list[Obj]:
    items: list[Obj] = []
    page = await api.get(path, limit="500", **query)
    while True:
        items += page["items"]
        following = page["metadata"].get("continue")
        if not following:
            return items
        page = await api.get(path, limit="500", **query, **{"continue": following})


async def measure_pods(api: Api, operator: OperatorProcess, figures: dict[str, float]) -> None:
    """Running pods of the routers, as objects."""

    async def pod(number: int) -> None:
        namespace = f"many-{number % NAMESPACES:03}"
        metadata = {"name": f"p{number}", "labels": {"tierrouter.dev/router": f"r{number % ROUTERS_EACH}"}}
        spec = {"containers": [{"name": "agent", "image": "agent"}], "nodeName": "none"}
        path = f"/api/v1/namespaces/{namespace}/pods"
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        await api.create(path, body)
        await api.patch(f"{path}/p{number}/status", {"status": {"phase": "Running"}})

    try:
        await in_parallel(lambda number=number: pod(number) for number in range(PODS))
    except Refused as refused:
        print(f"  pods could not be made: {refused}")
        return
    await asyncio.sleep(35)
    figures["resident memory with 10,000 pods"] = operator.resident_mb()


async def measure(cluster: Cluster, options: argparse.Namespace, log: Path) -> dict[str, float]:
    from crd_install import install_crds

    figures: dict[str, float] = {}
    operator = OperatorProcess(cluster, log)
    async with Api(await read_kubeconfig(cluster.kubeconfig)) as api:
        await install_crds(api)
        try:
            if "changes" in options.parts:
                operator.start()
                await measure_changes(api, cluster, options.changes, figures)
                operator.stop()
            if "many" in options.parts:
                await measure_many(api, cluster, operator, figures)
            if "pods" in options.parts:
                await measure_pods(api, operator, figures)
        finally:
            operator.stop()
    return figures


def main() -> int:
    """Exit status: 0 if every budget that was measured was kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["changes", "many", "pods"], help="changes, many, pods")
    parser.add_argument("--changes", type=int, default=CHANGES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "kubernetes")]
    with tempfile.TemporaryDirectory() as folder, start(binaries()) as cluster:
        figures = asyncio.run(measure(cluster, options, Path(folder) / "operator.log"))
    table = Table("what", "measured", "at most", "")
    missed = False
    for name, value in figures.items():
        limit, unit = BUDGETS.get(name, (None, "ms" if "p50" in name else "s"))
        is_kept = limit is None or value <= limit
        missed |= not is_kept
        shown = "" if limit is None else f"{limit:g} {unit}"
        table.add_row(name, f"{value:.1f} {unit}", shown, "" if limit is None else "kept" if is_kept else "MISSED")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

"""A real Prometheus and a real Alertmanager, with the rules and the relabelling that the chart gives them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from helm_chart import Rendered
from prometheus_programs import running

PATIENCE_S = 180.0
SECOND = "1s"
"""How often everything is scraped, evaluated and told of here: the rules' own times are as they are shipped."""

# What Prometheus Operator adds to a PodMonitor before its own relabelings.
_OPERATORS_RELABELLING = [
    {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
    for source, target in (("namespace", "namespace"), ("pod_container_name", "container"), ("pod_name", "pod"))
]


@dataclass(frozen=True)
class Pod:
    """A pod as service discovery sees it, though its sidecar is a process of this machine."""

    name: str
    admin_port: int
    labels: Mapping[str, str]
    namespace: str = "agents"

    def target(self) -> dict[str, Any]:
        """The entry of ``static_configs``: with the labels that ``kubernetes_sd_configs`` would find."""
        found = {
            "namespace": self.namespace,
            "pod_name": self.name,
            "pod_container_name": "tierrouter",
            "pod_container_port_number": "9464",
        }
        for name, value in self.labels.items():
            safe = "".join(each if each.isalnum() else "_" for each in name)
            found |= {f"pod_label_{safe}": value, f"pod_labelpresent_{safe}": "true"}
        labels = {f"__meta_kubernetes_{name}": value for name, value in found.items()}
        return {"targets": [f"127.0.0.1:{self.admin_port}"], "labels": labels}


def relabelling(monitor: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What Prometheus Operator makes of the chart's PodMonitor."""
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    snake = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    own = [{snake.get(key, key): value for key, value in each.items()} for each in endpoint["relabelings"]]
    return _OPERATORS_RELABELLING + own


@dataclass
class Monitoring:
    """The two, while they run."""

    prometheus_url: str
    alertmanager_url: str
    client: aiohttp.ClientSession
    notifications: list[dict[str, Any]] = field(default_factory=list)
    """What Alertmanager told its receiver, in that order."""

    async def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The value of each series, by its labels."""
        async with self.client.get(f"{self.prometheus_url}/api/v1/query", params={"query": expression}) as answer:
            found = await answer.json()
        assert found["status"] == "success", found
        return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in found["data"]["result"]}

    async def number(self, expression: str) -> float | None:
        """The value of the only series, or None."""
        values = list((await self.query(expression)).values())
        assert len(values) <= 1, values
        return values[0] if values else None

    async def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that Alertmanager has, by name."""
        async with self.client.get(f"{self.alertmanager_url}/api/v2/alerts") as answer:
            return {each["labels"]["alertname"]: each for each in await answer.json()}

    def told(self, alert: str) -> list[str]:
        """What the receiver was told of an alert: firing, resolved."""
        each_of = (each for told in self.notifications for each in told["alerts"])
        return [each["status"] for each in each_of if each["labels"]["alertname"] == alert]

    async def until(self, condition: Any, limit_s: float = PATIENCE_S) -> None:
        """Wait until ``await condition()`` is true."""
        async with asyncio.timeout(limit_s):
            while not await condition():
                await asyncio.sleep(0.2)


@asynccontextmanager
async def monitoring(folder: Path, chart: Rendered, pods: Sequence[Pod]) -> AsyncIterator[Monitoring]:
    """Both programs, until the context is left."""
    notifications: list[dict[str, Any]] = []
    (folder / "rules.yaml").write_text(yaml.safe_dump(chart.one("PrometheusRule", "-rules")["spec"]))
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(_receiving(notifications))
        telling = {
            "route": {"receiver": "test", "group_by": ["alertname"], "group_wait": "0s", "group_interval": SECOND},
            "receivers": [{"name": "test", "webhook_configs": [{"url": receiver}]}],
        }
        alertmanager = stack.enter_context(running("alertmanager", folder, telling))
        scraped = {
            "job_name": "podMonitor/tierrouter-system/tierrouter-sidecars/0",
            "static_configs": [pod.target() for pod in pods],
            "relabel_configs": relabelling(chart.one("PodMonitor", "-sidecars")),
        }
        scraping = {
            "global": {"scrape_interval": SECOND, "evaluation_interval": SECOND},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
            "scrape_configs": [scraped],
        }
        prometheus = stack.enter_context(running("prometheus", folder, scraping))
        client = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        yield Monitoring(prometheus.url, alertmanager.url, client, notifications)


@asynccontextmanager
async def _receiving(notifications: list[dict[str, Any]]) -> AsyncIterator[str]:
    """The address of a webhook that takes notifications down."""

    async def receive(request: web.Request) -> web.Response:
        notifications.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()

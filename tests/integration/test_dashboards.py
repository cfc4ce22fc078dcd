"""Every query of the dashboards and of Grafana's alerts, asked of a real Prometheus that has scraped a real sidecar.

The operator's figures come from its own registry, filled here: what it would see of a cluster is not the question.
"""

import asyncio
import functools
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import start_http_server
from tierrouter_process import CHAT, KEYS, PATIENCE_S, ROOT, Served, router_text, serving

from prometheus_programs import RULES, running
from provider import Answer, ScriptedProvider, Status, Tokens, closed_port
from provider.script import to_model
from tierrouter_core.observability import operator as m
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.measured import Sample

FILES = ROOT / "charts/tierrouter/files"
ROUTER = ("agents", "coding")
RANGE_S = 60
# What a person chose in the dashboard: everything, as Grafana writes it into queries.
CHOSEN = {
    **{f"${name}": ".*" for name in ("namespace", "router", "tier")},
    "$__range": f"{RANGE_S}s",
    "$__rate_interval": "10s",
}
QUERIES = [
    pytest.param(target, id=f"{path.stem}: {panel['title']}: {target['refId']}")
    for path in sorted((FILES / "dashboards").glob("*.json"))
    for panel in json.loads(path.read_text())["panels"]
    for target in panel.get("targets", ())
]
ALERTS = [
    pytest.param(rule, id=rule["title"])
    for group in yaml.safe_load((FILES / "grafana-alerts/tierrouter.yaml").read_text())["groups"]
    for rule in group["rules"]
]


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus, and the moment that is looked at."""

    url: str
    at: float = 0
    calm: float = 0
    """A moment when there were turns, and nothing had failed."""

    def ask(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Series. A query that can't be run fails the test, and so does one with a warning."""
        answer = call(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        assert answer["status"] == "success", f"{answer.get('error')}: {parameters['query']}"
        assert "warnings" not in answer
        return list(answer["data"]["result"])

    def now(self, query: str) -> list[dict[str, Any]]:
        return self.ask("query", query=query, time=str(self.at or time.time()))

    def over_time(self, query: str) -> list[dict[str, Any]]:
        return self.ask("query_range", query=query, start=str(self.at - 20), end=str(self.at), step="1")

    def wait_for_scrapes(self, job: str, times: int = 2) -> None:
        """Until each target of a job was read so many times more."""

        def read() -> float:
            return the(self.now(f'min(sum_over_time(up{{job="{job}"}}[10m])) or vector(0)'))

        wanted, until = read() + times, time.monotonic() + PATIENCE_S
        while read() < wanted:
            assert time.monotonic() < until, f"{job} is not scraped"
            time.sleep(0.2)


def the(series: list[dict[str, Any]]) -> float:
    """The value of the only series."""
    (only,) = series
    return float(only["value"][1])


def call(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


def filled(expr: str) -> str:
    for name, value in sorted(CHOSEN.items(), reverse=True):
        expr = expr.replace(name, value)
    assert "$" not in expr.replace("$1", ""), expr
    return expr


def operator_metrics() -> Metrics:
    """The operator's registry after a day in a cluster with one router."""
    metrics = Metrics()
    suite = (ROUTER[0], "nightly", ROUTER[1])
    metrics.keep_routers({ROUTER})
    metrics.show(
        [
            Sample(m.ROUTER_READY, ROUTER, 1),
            *(Sample(m.SIDECARS, (*ROUTER, state), n) for state, n in (("current", 3), ("lagging", 1))),
            Sample(m.PODS_NOT_INJECTED, ROUTER, 1),
            Sample(m.SUITE_LAST_RUN, suite, time.time() - 90_000),
            Sample(m.SUITE_OVERDUE, suite, 7300),
            *(Sample(m.TIER_ACCURACY, (*suite, tier), 0.9) for tier in ("local", "routine", "deep")),
            Sample(m.ROLLOUT_ACTIVE, ROUTER, 1),
            Sample(m.MODEL_SERVER_READY, (*ROUTER, "qwen3.6:27b"), 0),
        ]
    )
    return metrics


def router_of(vendor: ScriptedProvider, spare: ScriptedProvider) -> str:
    """A router with a budget, a deep share that is judged at once, and a rule that can't be evaluated."""
    more = (
        "  budgets: [{name: deep-session, scope: Session, window: 24h, limitUSD: '0.000001', tiers: [deep],"
        " onExhausted: Downgrade, downgradeTo: reasoning}]\n"
        "  deepShare: {maxPercent: 8, by: Turns, window: 24h, minPrompts: 1, action: Alert}\n"
    )
    rule = '    - {name: broken, when: "1 / task.file_count > 5", tier: local}\n'
    return router_text(vendor.base_url, spare.base_url, more=more).replace("  rules:\n", f"  rules:\n{rule}")


async def send(router: Served) -> None:
    """Turns of every sort that the dashboards tell apart."""
    say = router.post
    for session in ("a", "b"):
        for hint in ("routine", "local", "reasoning", "deep", "routine", "no-such-tier"):
            await say(x_tierrouter_session=session, x_tierrouter_hint=hint)
    await say(x_tierrouter_task='{"file_count": 9}')
    too_long = [{"role": "user", "content": "word " * 100_000}]
    await say({"model": "auto", "messages": too_long}, x_tierrouter_hint="local")
    await say({"model": "auto"})


async def drive(folder: Path, admin_port: int, prometheus: Prometheus) -> Prometheus:
    """Real turns through a real sidecar while it is scraped."""
    scraped = functools.partial(asyncio.to_thread, prometheus.wait_for_scrapes, "tierrouter-sidecar")
    async with ScriptedProvider() as vendor, ScriptedProvider() as spare:
        for provider in (vendor, spare):
            provider.always(Answer(usage=Tokens(input=20_000, cached=15_000, output=500, reasoning=100)))
        file = folder / "router.yaml"
        file.write_text(router_of(vendor, spare))
        async with serving(folder, "-f", file, variables=KEYS, admin_port=admin_port) as router:
            # What a series begins with is no growth of it, so everything happens twice, with scrapes between.
            await scraped()
            await send(router)
            await scraped()
            calm = time.time()
            for round_ in range(2):
                await send(router)
                vendor.script(*[Status(503)] * (3 if round_ == 1 else 1), when=to_model("moonshotai/kimi-k2.6"))
                for _ in range(3):
                    await router.post(CHAT)
                await scraped()
            return replace(prometheus, at=time.time(), calm=calm)


def scraping(admin_port: int, operator_port: int) -> dict[str, Any]:
    """As the chart's monitors would have it; a second pod of the same figures stands for a run of a suite."""
    target = f"127.0.0.1:{admin_port}"
    labels = {"namespace": ROUTER[0], "router": ROUTER[1]}
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": [
            {
                "job_name": "tierrouter-sidecar",
                "static_configs": [
                    {"targets": [target], "labels": {**labels, "pod": "agent-1"}},
                    {"targets": [target], "labels": {**labels, "pod": "run-1", "purpose": "regression"}},
                ],
            },
            {
                "job_name": "tierrouter-operator",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{operator_port}"]}],
            },
        ],
    }


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    admin_port, operator_port = closed_port(), closed_port()
    metrics = operator_metrics()
    exposed, _ = start_http_server(operator_port, "127.0.0.1", metrics.registry)
    try:
        with running("prometheus", folder, scraping(admin_port, operator_port)) as program:
            asked = Prometheus(program.url)
            asked.wait_for_scrapes("tierrouter-operator")
            for label in ("Regress", "Promote", "Nothing"):
                metrics.happened(m.REGRESSION_DECISIONS, *ROUTER, label)
            for label in ("promoted", "rolled_back"):
                metrics.happened(m.ROLLOUTS, *ROUTER, label)
            yield asyncio.run(drive(folder, admin_port, asked))
    finally:
        exposed.shutdown()
        exposed.server_close()


@pytest.mark.parametrize("target", QUERIES)
def test_a_panel_shows_what_has_happened(prometheus: Prometheus, target: dict[str, Any]) -> None:
    query = filled(target["expr"])
    series = prometheus.now(query) if target["instant"] else prometheus.over_time(query)
    assert series, query
    values = [point[1] for each in series for point in ([each["value"]] if target["instant"] else each["values"])]
    assert set(values) - {"NaN", "+Inf", "-Inf"}, query


def panel(board: str, title: str) -> str:
    (found,) = [
        each
        for each in json.loads((FILES / f"dashboards/{board}.json").read_text())["panels"]
        if each["title"] == title
    ]
    return filled(found["targets"][0]["expr"])


def test_the_fleet_says_the_same_as_the_rules_that_alert(prometheus: Prometheus) -> None:
    by_router = prometheus.now(panel("fleet", "Deep share, by router"))
    recorded = prometheus.now("router:tierrouter_deep_turns:ratio_increase30m")
    assert the(by_router) == pytest.approx(the(recorded), rel=0.05)
    assert the(recorded) > 0.05


def test_a_router_is_held_to_the_limit_that_it_says_itself(prometheus: Prometheus) -> None:
    (allowed,) = prometheus.now("router:tierrouter_deep_share_limit:ratio")
    assert allowed["metric"]["of"] == "turns"
    assert the([allowed]) == 0.08
    part = the(prometheus.now(panel("fleet", "Deep share, of its limit")))
    share = the(prometheus.now(panel("fleet", "Deep share")))
    assert part == pytest.approx(share / 0.08, rel=0.05)
    assert part > 1


def test_what_regression_runs_spend_is_in_a_figure_of_its_own(prometheus: Prometheus) -> None:
    pods = {"Spent": "agent-1", "Spent by regression runs": "run-1"}
    for title, pod in pods.items():
        of_pod = the(prometheus.now(f'sum(increase(tierrouter_cost_usd_total{{pod="{pod}"}}[{RANGE_S}s]))'))
        assert the(prometheus.now(panel("fleet", title))) == pytest.approx(of_pod)
        assert of_pod > 0


def test_where_nothing_has_failed_yet_the_share_is_nothing_and_not_unknown(prometheus: Prometheus) -> None:
    calm = replace(prometheus, at=prometheus.calm)
    assert the(calm.now(panel("router", "Turns"))) > 0
    for title in ("Turns that failed", "Failovers per turn"):
        assert the(calm.now(panel("fleet", title))) == 0


def test_what_is_not_in_order_is_said_in_words(prometheus: Prometheus) -> None:
    said = {each["metric"]["what"] for each in prometheus.now(panel("fleet", "Not in order now"))}
    assert {
        "vendor is left alone",
        "sidecar is lagging",
        "without a sidecar",
        "the model server is not ready",
        "expensive tiers have more than deepShare allows",
    } <= said


@pytest.mark.parametrize("rule", ALERTS)
def test_grafanas_alerts_find_what_prometheus_alerts_find(prometheus: Prometheus, rule: dict[str, Any]) -> None:
    found = prometheus.now(rule["data"][0]["model"]["expr"])
    name = rule["title"].partition(" ")[0]
    active = prometheus.now(f'ALERTS{{alertname="{name}"}}')
    labels = rule["labels"].items()

    def about(series: list[dict[str, Any]]) -> set[frozenset[tuple[str, str]]]:
        drop = {"__name__", "alertname", "alertstate", *rule["labels"]}
        return {frozenset((k, v) for k, v in each["metric"].items() if k not in drop) for each in series}

    assert about(found) == about([each for each in active if labels <= each["metric"].items()])

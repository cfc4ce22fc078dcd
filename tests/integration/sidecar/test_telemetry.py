"""OTLP and StatsD, where somebody asks for them: by real receivers, and never at a turn's expense."""

import asyncio
import contextlib
import gzip
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from reliability import CHAT, MESSAGES, PATHS, RESPONSES
from routers import router_text
from test_failover import ASK
from test_turn_lines import MARK, TRACE, everywhere

from provider import Answer, Status, Tokens, closed_port
from tierrouter_core.names import Outcome
from tierrouter_core.spend.row import TurnRow
from tierrouter_sidecar.errors import StartError
from tierrouter_telemetry.ended_turn import EndedTurn
from tierrouter_telemetry.sinks import open_sinks

TURN = Answer(text="ok", usage=Tokens(input=1000, cached=400, output=10))


@dataclass
class Receiver:
    """An OTLP collector: it reads what comes, and keeps it."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    points: dict[tuple[str, frozenset[tuple[str, str]]], Any] = field(default_factory=dict)
    """The newest of each series, by name and attributes."""
    resources: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    delay_s: float = 0.0
    status: int = 200

    async def take(self, http: web.Request) -> web.Response:
        body = await http.read()
        body = gzip.decompress(body) if http.headers.get("content-encoding") == "gzip" else body
        self.raw.append(body)
        await asyncio.sleep(self.delay_s)
        if self.status != 200:
            return web.Response(status=self.status)
        if http.path == "/v1/traces":
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes(of_resource.resource))
                self.spans += [span for scope in of_resource.scope_spans for span in scope.spans]
        else:
            assert http.path == "/v1/metrics"
            for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (metric for scope in of_resource.scope_metrics for metric in scope.metrics):
                    for point in metric.histogram.data_points:
                        self.points[metric.name, frozenset(attributes(point).items())] = point
        return web.Response(content_type="application/x-protobuf")


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


@pytest.fixture
async def receiver(monkeypatch) -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    yield found
    await runner.cleanup()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_turn_is_a_span_and_two_metrics_by_the_genai_conventions(receiver, start, provider, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    provider.always(TURN)
    sidecar = await start(router_text(provider.base_url), otel=True, pod="agent-1")
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-session": "s-1", **TRACE})
    await until(lambda: receiver.spans and receiver.points)
    (span,) = receiver.spans
    assert span.name == "chat kimi-k2-6"
    assert span.kind == 3, "client"
    assert span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    (row,) = await sidecar.rows()
    assert (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6 == row.duration_ms
    said = attributes(span)
    assert said.pop("gen_ai.response.time_to_first_chunk") == row.ttft_ms / 1000
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vendor",
        "gen_ai.request.model": "auto",
        "gen_ai.response.model": "kimi-k2-6",
        "gen_ai.conversation.id": "s-1",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "tierrouter.turn": got.header("x-tierrouter-turn"),
        "tierrouter.tier": "routine",
        "tierrouter.agent": "main",
        "tierrouter.revision": got.header("x-tierrouter-revision"),
        "tierrouter.outcome": "answered",
        "tierrouter.reason": "Default",
        "tierrouter.attempts": 1,
        "tierrouter.cost_usd": float(row.cost_usd),
    }
    resource = receiver.resources[0]
    assert (resource["service.name"], resource["k8s.pod.name"]) == ("tierrouter", "agent-1")
    assert resource["deployment.environment.name"] == "test"
    common = {
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "vendor"),
        ("gen_ai.request.model", "kimi-k2-6"),
        ("gen_ai.response.model", "kimi-k2-6"),
        ("tierrouter.tier", "routine"),
    }
    sums = {key: (point.count, point.sum) for key, point in receiver.points.items()}
    assert sums == {
        ("gen_ai.client.operation.duration", frozenset(common)): (1, row.duration_ms / 1000),
        ("gen_ai.client.token.usage", frozenset({*common, ("gen_ai.token.type", "input")})): (1, 1000),
        ("gen_ai.client.token.usage", frozenset({*common, ("gen_ai.token.type", "output")})): (1, 10),
    }


async def test_a_turn_that_failed_is_an_error_with_its_outcome(receiver, start, provider):
    provider.always(Status(400, message="no"))
    sidecar = await start(router_text(provider.base_url), otel=True)
    await sidecar.post(PATHS[CHAT], ASK[CHAT])
    await until(lambda: receiver.spans)
    (span,) = receiver.spans
    assert span.status.code == 2
    assert attributes(span)["error.type"] == "upstream_error"


async def test_nothing_that_was_said_leaves_and_names_of_clients_are_no_series(receiver, start, provider):
    provider.always(
        lambda request: Status(400, message=f"no: {MARK}") if len(provider.requests) % 2 else Answer(text=[MARK])
    )
    sidecar = await start(router_text(provider.base_url, mode="Observe"), otel=True)
    for number in range(10):
        for dialect in (CHAT, MESSAGES, RESPONSES):
            await sidecar.post(PATHS[dialect], {**everywhere(dialect), "model": f"unheard-of-{number}"})
    await until(lambda: len(receiver.spans) == 30 and len(receiver.points) >= 3)
    assert not [body for body in receiver.raw if MARK.encode() in body or MARK[:30].encode() in body]
    assert not [key for key in receiver.points if "unheard" in str(key)]
    assert len(receiver.points) <= 8


@pytest.mark.parametrize("trouble", ["nobody listens", "it is slow", "it fails"])
async def test_whatever_becomes_of_the_receiver_turns_are_served_and_the_end_comes(
    receiver, start, provider, monkeypatch, trouble
):
    provider.always(TURN)
    if trouble == "nobody listens":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    receiver.delay_s = 3.0 if trouble == "it is slow" else 0.0
    receiver.status = 503 if trouble == "it fails" else 200
    sidecar = await start(router_text(provider.base_url), otel=True)
    got = await asyncio.gather(*(sidecar.post(PATHS[CHAT], ASK[CHAT]) for _ in range(50)))
    assert {each.status for each in got} == {200}
    assert len(await sidecar.rows(50)) == 50


async def test_what_is_left_is_sent_at_the_end(receiver, monkeypatch):
    for variable in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.setenv(variable, "3600000")
    sinks = open_sinks(otel=True, statsd="", pod="")
    row = TurnRow(turn_id="1f", time="2026-03-01T00:00:00.000Z", tier="deep", output_tokens=5, outcome=Outcome.ANSWERED)
    sinks.ended(EndedTurn(row, "opus", 1.0))
    await asyncio.to_thread(sinks.close)
    assert [attributes(span)["tierrouter.turn"] for span in receiver.spans] == ["1f"]
    assert {name for name, _ in receiver.points} == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}


async def test_without_being_asked_for_nothing_is_sent(receiver, start, provider):
    sidecar = await start(router_text(provider.base_url))
    await sidecar.post(PATHS[CHAT], ASK[CHAT])
    await sidecar.rows()
    assert receiver.raw == []


def test_without_being_asked_for_nothing_of_it_is_loaded():
    program = "import sys, tierrouter_sidecar.server; print([name for name in sys.modules if 'opentelemetry' in name])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; http/protobuf alone is supported",
        ),
        ("OTEL_TRACES_EXPORTER", "jaeger", "OTEL_TRACES_EXPORTER is jaeger; otlp and none are supported"),
    ],
)
async def test_what_is_not_supported_is_said_at_the_start(start, provider, monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartError, match=said):
        await start(router_text(provider.base_url), otel=True)


async def test_statsd_gets_a_datagram_for_each_turn(start, provider):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        provider.always(TURN)
        sidecar = await start(router_text(provider.base_url), statsd=f"127.0.0.1:{listening.getsockname()[1]}")
        await sidecar.post(PATHS[CHAT], ASK[CHAT])
        (row,) = await sidecar.rows()
        said = listening.recv(65536).decode().split("\n")
    tags = "|#tier:routine,model:kimi-k2-6"
    assert said == [
        f"tierrouter.turns:1|c{tags},outcome:answered",
        f"tierrouter.tokens:600|c{tags},kind:input",
        f"tierrouter.tokens:400|c{tags},kind:cache_read",
        f"tierrouter.tokens:10|c{tags},kind:output",
        f"tierrouter.cost_usd:{row.cost_usd}|c{tags}",
        f"tierrouter.baseline_cost_usd:{row.baseline_cost_usd}|c",
        f"tierrouter.time_to_first_token:{row.ttft_ms}|ms{tags}",
        f"tierrouter.turn_duration:{row.duration_ms}|ms{tags}",
    ]


async def test_statsd_that_nobody_listens_to_costs_no_turn(start, provider):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    sidecar = await start(router_text(provider.base_url), statsd=f"127.0.0.1:{port}")
    for _ in range(5):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).status == 200


def told_to_statsd(port: int, listening: socket.socket, *turns: EndedTurn) -> list[bytes]:
    """What arrives of turns; the last of them is told while somebody listens."""
    sinks = open_sinks(otel=False, statsd=f"127.0.0.1:{port}", pod="")
    for turn in turns[:-1]:
        sinks.ended(turn)
    listening.bind(("127.0.0.1", port))
    listening.settimeout(1)
    sinks.ended(turns[-1])
    sinks.close()
    got = []
    with contextlib.suppress(TimeoutError):
        while True:
            got.append(listening.recv(65536))
    return got


def ended_turn(model: str) -> EndedTurn:
    row = TurnRow(
        turn_id="1f",
        time="2026-03-01T00:00:00.000Z",
        tier="t" * 40,
        outcome=Outcome.UPSTREAM_ERROR,
        input_tokens=10**8,
        cache_read_tokens=10**8,
        cache_write_tokens=10**8,
        output_tokens=10**8,
        cost_usd=Decimal("1234.123456789"),
        baseline_cost_usd=Decimal("1234.123456789"),
        ttft_ms=99_999,
        duration_ms=99_999,
    )
    return EndedTurn(row, model, 1.0)


def test_statsd_that_comes_back_misses_no_turn_that_is_told_from_then_on():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        got = told_to_statsd(closed_port(), listening, ended_turn("a"), ended_turn("b"))
    assert b"model:b" in got[0]


def test_no_datagram_is_longer_than_any_network_takes_and_no_line_is_broken():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        got = told_to_statsd(closed_port(), listening, ended_turn("m" * 128))
    assert len(got) == 2 and all(len(each) <= 1432 for each in got)
    lines = [line for each in got for line in each.decode().split("\n")]
    assert [line.partition(":")[0].removeprefix("tierrouter.") for line in lines] == [
        *("turns", *["tokens"] * 4, "cost_usd", "baseline_cost_usd", "time_to_first_token", "turn_duration"),
    ]
    assert all(f"model:{'m' * 128}" in line for line in lines if "|#" in line)


def test_no_name_ends_a_tag_or_a_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        (got,) = told_to_statsd(closed_port(), listening, ended_turn("a,b|c#d:e\nf\rg\x1bh"))
    assert b"model:a_b_c_d_e_f_g_h," in got


@pytest.mark.parametrize("address", ["8125", "host:", ":8125", "host:0", "host:port", "127.0.0.1:70000"])
async def test_what_is_no_address_is_said_at_the_start(start, provider, address):
    with pytest.raises(StartError, match=r"is no address; write HOST:PORT"):
        await start(router_text(provider.base_url), statsd=address)

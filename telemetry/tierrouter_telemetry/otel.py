"""Turns as spans and metrics of OpenTelemetry's GenAI conventions, by OTLP over HTTP; numbers and names alone.

The SDK's own threads export; a turn only puts its span into a queue that is bounded. Imported only on demand.
"""

import os
import threading
import time
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from tierrouter_core import __version__
from tierrouter_core.names import Outcome
from tierrouter_core.wire.trace_context import Trace
from tierrouter_telemetry.ended_turn import EndedTurn
from tierrouter_telemetry.errors import TelemetryError

_OPERATION = "chat"
_PROTOCOL = "http/protobuf"
_CLOSING_S = 2.0
_NS = 1_000_000_000
# The buckets that the conventions advise.
_TOKENS = tuple(float(4**power) for power in range(14))
_SECONDS = tuple(0.01 * 2**power for power in range(14))


class OpenTelemetry:
    """Two providers of its own; whatever else in the process uses OpenTelemetry has others."""

    def __init__(self, traces: TracerProvider | None, metrics: MeterProvider | None) -> None:
        self._traces, self._metrics = traces, metrics
        self._tracer = None if traces is None else traces.get_tracer("tierrouter", __version__)
        meter = None if metrics is None else metrics.get_meter("tierrouter", __version__)
        self._tokens = self._duration = None
        if meter is not None:
            self._tokens = meter.create_histogram(
                "gen_ai.client.token.usage",
                "{token}",
                "Number of input and output tokens used.",
                explicit_bucket_boundaries_advisory=_TOKENS,
            )
            self._duration = meter.create_histogram(
                "gen_ai.client.operation.duration",
                "s",
                "GenAI operation duration.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            )

    @classmethod
    def from_environment(cls, pod: str) -> "OpenTelemetry":
        """As ``OTEL_*`` say; raises TelemetryError for what is not supported."""
        for kind in ("", "TRACES_", "METRICS_"):
            name = f"OTEL_EXPORTER_OTLP_{kind}PROTOCOL"
            if os.environ.get(name, _PROTOCOL) != _PROTOCOL:
                raise TelemetryError(f"{name} is {os.environ[name]}; {_PROTOCOL} alone is supported")
        own = {"service.name": "tierrouter", "service.version": __version__}
        if pod:
            own["k8s.pod.name"] = pod
        resource = Resource.create().merge(Resource(own)).merge(OTELResourceDetector().detect())
        traces = metrics = None
        if _is_wanted("OTEL_TRACES_EXPORTER"):
            traces = TracerProvider(resource=resource, shutdown_on_exit=False)
            traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        if _is_wanted("OTEL_METRICS_EXPORTER"):
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        return cls(traces, metrics)

    def ended(self, turn: EndedTurn) -> None:
        """Hand it to the SDK."""
        row = turn.row
        common: dict[str, str] = {
            "gen_ai.operation.name": _OPERATION,
            "gen_ai.provider.name": row.provider,
            "gen_ai.request.model": turn.model,
            "gen_ai.response.model": turn.model,
            "tierrouter.tier": row.tier,
        }
        failed = {} if row.outcome is Outcome.ANSWERED else {"error.type": str(row.outcome)}
        if self._duration is not None:
            self._duration.record(row.duration_ms / 1000, {**common, **failed})
        whole_input = row.input_tokens + row.cache_read_tokens + row.cache_write_tokens + row.cache_write_1h_tokens
        if self._tokens is not None and whole_input + row.output_tokens:
            self._tokens.record(whole_input, {**common, "gen_ai.token.type": "input"})
            self._tokens.record(row.output_tokens, {**common, "gen_ai.token.type": "output"})
        if self._tracer is None:
            return
        began_ns = int(turn.began_s * _NS)
        span = self._tracer.start_span(
            f"{_OPERATION} {turn.model}",
            _parent(turn.trace),
            SpanKind.CLIENT,
            {**common, **failed, **_of_span(turn, whole_input)},
            start_time=began_ns,
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began_ns + row.duration_ms * 1_000_000)

    def close(self) -> None:
        """Export what is left, for two seconds at most: the SDK itself waits for a receiver that is gone for long."""
        ways = [each.shutdown for each in (self._traces, self._metrics) if each is not None]
        closing = [threading.Thread(target=way, daemon=True) for way in ways]
        for thread in closing:
            thread.start()
        end_s = time.monotonic() + _CLOSING_S
        for thread in closing:
            thread.join(max(0.0, end_s - time.monotonic()))


def _of_span(turn: EndedTurn, whole_input: int) -> Mapping[str, str | int | float]:
    """What one turn's span says and no metric may: it is different each time."""
    row = turn.row
    written = row.cache_write_tokens + row.cache_write_1h_tokens
    said: dict[str, str | int | float] = {
        "gen_ai.request.model": row.requested_model or turn.model,
        "gen_ai.conversation.id": row.session,
        "gen_ai.usage.input_tokens": whole_input,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cache_read_tokens,
        # What release 0.1.0 of the conventions calls it, and what it was called before.
        "gen_ai.usage.cache_write.input_tokens": written,
        "gen_ai.usage.cache_creation.input_tokens": written,
        "tierrouter.turn": row.turn_id,
        "tierrouter.agent": row.agent,
        "tierrouter.revision": row.revision,
        "tierrouter.outcome": str(row.outcome),
        "tierrouter.reason": row.reason.partition(":")[0],
        "tierrouter.attempts": row.attempts,
    }
    if row.cost_usd is not None:
        said["tierrouter.cost_usd"] = float(row.cost_usd)
    if row.ttft_ms is not None:
        said["gen_ai.response.time_to_first_chunk"] = row.ttft_ms / 1000
    return said


def _parent(trace: Trace | None) -> Context:
    """Empty, and not the current one: no turn belongs to another's trace."""
    if trace is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    there = SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(there), Context())


def _is_wanted(variable: str) -> bool:
    wanted = os.environ.get(variable, "otlp")
    if wanted not in ("otlp", "none"):
        raise TelemetryError(f"{variable} is {wanted}; otlp and none are supported")
    return wanted == "otlp"

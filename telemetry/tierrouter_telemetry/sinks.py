"""Where turns are told of beside Prometheus, if somebody asks for it: OTLP and StatsD."""

import logging
from collections.abc import Sequence
from typing import Protocol

from tierrouter_telemetry.ended_turn import EndedTurn
from tierrouter_telemetry.errors import TelemetryError

log = logging.getLogger("tierrouter")


class Sink(Protocol):
    """Somewhere to tell."""

    def ended(self, turn: EndedTurn) -> None:
        """Take it; never waits."""

    def close(self) -> None:
        """Tell what is left, within a few seconds."""


class Sinks:
    """All that there are; most often none. What goes wrong in one is its own affair, and said once."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)
        self._has_failed = False

    def __bool__(self) -> bool:
        return bool(self._sinks)

    def ended(self, turn: EndedTurn) -> None:
        """Tell all of them."""
        for sink in self._sinks:
            try:
                sink.ended(turn)
            except Exception:
                # A turn must not fail because somebody is to be told of it.
                if not self._has_failed:
                    log.exception("a defect in the router: a turn can't be told of to %s", type(sink).__name__)
                self._has_failed = True

    def close(self) -> None:
        """Close all of them."""
        for sink in self._sinks:
            sink.close()


def open_sinks(*, otel: bool, statsd: str, pod: str) -> Sinks:
    """What was asked for.

    Args:
        otel: OTLP, as the standard variables ``OTEL_*`` say.
        statsd: ``HOST:PORT``; empty for none.
        pod: the pod's name; empty outside of one.

    Raises:
        TelemetryError: it can't be had.
    """
    sinks: list[Sink] = []
    if statsd:
        from tierrouter_telemetry.statsd import StatsD

        sinks.append(StatsD.to(statsd))
    if otel:
        # Loading the SDK takes a sidecar as long as all the rest, so those who ask for it alone pay for it.
        try:
            from tierrouter_telemetry.otel import OpenTelemetry
        except ImportError as error:
            raise TelemetryError(
                f"--otel needs packages that are not installed ({error.name}): pip install 'tierrouter[otel]'"
            ) from None
        sinks.append(OpenTelemetry.from_environment(pod))
    return Sinks(sinks)

"""Turns as lines of StatsD, with tags as DogStatsD has them, one datagram a turn, or two where names are long.

A socket that never blocks is all the buffer there is: what the kernel does not take is lost, as UDP is.
"""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from tierrouter_telemetry.ended_turn import EndedTurn
from tierrouter_telemetry.errors import TelemetryError

MAX_BYTES: Final = 1432
"""Of a datagram: so many no network cuts."""


class StatsD:
    """Sends to one address, which is looked up once."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    @classmethod
    def to(cls, address: str) -> "StatsD":
        """``HOST:PORT``, ``[::1]:PORT``; raises TelemetryError where that is no address."""
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise TelemetryError(f'--statsd: "{address}" is no address; write HOST:PORT, such as 127.0.0.1:8125')
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            family, kind, protocol, _, where = found[0]
            connected = socket.socket(family, kind, protocol)
            connected.setblocking(False)
            connected.connect(where)
        except OSError as error:
            raise TelemetryError(f"--statsd: {address} can't be reached: {error.strerror or error}") from None
        return cls(connected)

    def ended(self, turn: EndedTurn) -> None:
        """Send it."""
        for datagram in datagrams(lines(turn)):
            try:
                self._socket.send(datagram)
            except ConnectionRefusedError:
                # Nobody had listened to the one before; whether somebody does now is only known by sending this one.
                with contextlib.suppress(OSError):
                    self._socket.send(datagram)
            except OSError:
                # Lost, as UDP is.
                continue

    def close(self) -> None:
        """Nothing is left to send."""
        self._socket.close()


def datagrams(said: Iterable[str]) -> Iterator[bytes]:
    """As many lines in each as there is room for; none is broken."""
    held = b""
    for line in said:
        more = line.encode(errors="replace")
        if held and len(held) + 1 + len(more) > MAX_BYTES:
            yield held
            held = b""
        held = held + b"\n" + more if held else more
    if held:
        yield held


def lines(turn: EndedTurn) -> Iterator[str]:
    """What is said of a turn."""
    row = turn.row
    tags = f"|#tier:{_tag(row.tier)},model:{_tag(turn.model)}"
    yield f"tierrouter.turns:1|c{tags},outcome:{row.outcome}"
    kinds = (
        ("input", row.input_tokens),
        ("cache_read", row.cache_read_tokens),
        ("cache_write", row.cache_write_tokens + row.cache_write_1h_tokens),
        ("output", row.output_tokens),
    )
    for kind, tokens in kinds:
        if tokens:
            yield f"tierrouter.tokens:{tokens}|c{tags},kind:{kind}"
    if row.cost_usd:
        yield f"tierrouter.cost_usd:{row.cost_usd:f}|c{tags}"
    if row.baseline_cost_usd:
        yield f"tierrouter.baseline_cost_usd:{row.baseline_cost_usd:f}|c"
    if row.ttft_ms is not None:
        yield f"tierrouter.time_to_first_token:{row.ttft_ms}|ms{tags}"
    yield f"tierrouter.turn_duration:{row.duration_ms}|ms{tags}"


def _tag(text: str) -> str:
    """Names may hold what ends a tag or a line."""
    return "".join("_" if each in ",|#:" or not each.isprintable() else each for each in text) or "none"

"""From an answer's events to the writes that carry them: keep-alives, failures, cuts. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from provider.answer import Delivery, Ending


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes to be written at once."""

    data: bytes
    delay_s: float = 0.0
    """How long to wait before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written, and what happens then."""

    writes: tuple[Write, ...]
    ending: Ending


def plan(delivery: Delivery, events: Sequence[bytes], *, ping: bytes, error: bytes = b"") -> Plan:
    """Say how ``events`` travel.

    ``ping`` is the dialect's keep-alive and ``error`` the failure sent where ``delivery`` asks for one.
    """
    keep_alive = delivery.ping or ping
    sent = list(events)
    if delivery.error_after_events is not None:
        sent = [*sent[: delivery.error_after_events], error]
    if delivery.garbage_after_events is not None:
        sent.insert(delivery.garbage_after_events, delivery.garbage)
    if delivery.cut_after_events is not None:
        sent = sent[: delivery.cut_after_events]
    writes = [Write(keep_alive)] * delivery.pings_before
    for index, event in enumerate(sent):
        writes.append(Write(event, delivery.event_delay_s if index else delivery.body_delay_s))
        if delivery.ping_every and (index + 1) % delivery.ping_every == 0:
            writes.append(Write(keep_alive))
    if delivery.cut_after_bytes is not None:
        writes = _first_bytes(writes, delivery.cut_after_bytes)
    if delivery.write_bytes:
        writes = [piece for write in writes for piece in _split(write, delivery.write_bytes)]
    return Plan(tuple(writes), delivery.ending)


def _first_bytes(writes: Sequence[Write], limit: int) -> list[Write]:
    kept: list[Write] = []
    for write in writes:
        if limit <= 0:
            break
        kept.append(Write(write.data[:limit], write.delay_s))
        limit -= len(write.data)
    return kept


def _split(write: Write, size: int) -> list[Write]:
    pieces = [write.data[start : start + size] for start in range(0, len(write.data), size)]
    return [Write(piece, 0.0 if index else write.delay_s) for index, piece in enumerate(pieces)]

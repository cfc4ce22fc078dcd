"""A circuit: whether a provider's model is asked, and since when not. Values in, values out; the caller has the clock.

Closed, it is asked. After too many failures it is *open*: left alone for the cool-down, which doubles with every try
that fails, up to four times. Where the provider itself names a time (``Retry-After``), it is *throttled* until then.
When the time is over it is *half open*: one turn tries it, and what becomes of that closes it or opens it again.

A failure counts one and an answer takes a half back, so that a provider which fails every other turn is left alone
too, and one that fails every tenth never is. All times carry some jitter, so that many sidecars don't come back at
once, and never end before the time that the provider named.
"""

from dataclasses import replace
from enum import StrEnum

from tierrouter_core.failover.failure import Failure, FailureKind, LeftAlone
from tierrouter_core.value_class import keyword_value_class

COME_BACK_S = 1.0
"""How long others wait while one turn tries a half-open circuit."""
_MOST_COOL_DOWNS = 4
_FIRST_THROTTLE_S = 2.0
_LONGEST_THROTTLE_S = 60.0
"""Where a provider throttles without naming a time: doubled from the first to the longest."""
_LONGEST_NAMED_S = 3600.0
_SHORTEST_NAMED_S = 1.0
"""A shorter time that is named again and again is no time: a date by a clock that is wrong, or a zero."""
_QUOTA_S = 600.0
_CREDENTIAL_S = 30.0
"""A key may be put right at any moment."""
_NO_MODEL_S = 60.0
_ANSWER_TAKES_BACK = 0.5


class CircuitState(StrEnum):
    """Whether a provider's model is asked, as ``/status`` says it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    THROTTLED = "throttled"
    OUT_OF_QUOTA = "out_of_quota"
    UNAUTHORIZED = "unauthorized"
    NO_MODEL = "no_model"


_STATES = {
    FailureKind.QUOTA: CircuitState.OUT_OF_QUOTA,
    FailureKind.CREDENTIAL: CircuitState.UNAUTHORIZED,
    FailureKind.NO_MODEL: CircuitState.NO_MODEL,
    FailureKind.THROTTLED: CircuitState.THROTTLED,
    FailureKind.OVERLOADED: CircuitState.THROTTLED,
}


@keyword_value_class
class Circuit:
    """What is remembered of one provider's model."""

    failures: float = 0.0
    """Failures less what answers took back; at the limit it opens."""
    left_alone: CircuitState = CircuitState.CLOSED
    """Why it is left alone, or was."""
    until_s: float = 0.0
    """Until when, by the caller's clock."""
    in_a_row: int = 0
    """How often it was left alone without an answer in between."""
    trying: bool = False
    """One turn tries it after that time."""
    why: str = ""
    """The last failure, for a person."""

    def state(self, now_s: float) -> CircuitState:
        """What it is now."""
        if self.left_alone is CircuitState.CLOSED or now_s < self.until_s:
            return self.left_alone
        return CircuitState.HALF_OPEN

    def wait_s(self, now_s: float) -> float:
        """How long it is still left alone; 0 where it may be asked."""
        state = self.state(now_s)
        if state is CircuitState.HALF_OPEN:
            return COME_BACK_S if self.trying else 0.0
        return max(0.0, self.until_s - now_s)


CLOSED = Circuit()


@keyword_value_class
class CircuitSettings:
    """``failover.circuit`` of a router."""

    failures: int = 3
    cool_down_s: float = 15.0


def asked(circuit: Circuit, now_s: float) -> Circuit:
    """It is asked; where it is half open, by the one turn that tries it."""
    if circuit.state(now_s) is not CircuitState.HALF_OPEN or circuit.trying:
        return circuit
    return replace(circuit, trying=True)


def let_go(circuit: Circuit) -> Circuit:
    """Who asked it went away without an answer; another may try."""
    return replace(circuit, trying=False) if circuit.trying else circuit


def answered(circuit: Circuit, now_s: float) -> Circuit:
    """It has answered; while it is left alone that was a turn from before, and says nothing."""
    state = circuit.state(now_s)
    if state is CircuitState.HALF_OPEN or (state is CircuitState.CLOSED and not circuit.failures):
        return CLOSED
    if state is not CircuitState.CLOSED:
        return circuit
    return Circuit(failures=max(0.0, circuit.failures - _ANSWER_TAKES_BACK))


def failed(circuit: Circuit, failure: Failure, now_s: float, settings: CircuitSettings, jitter: float) -> Circuit:
    """It has failed; ``jitter`` is drawn from [0, 1)."""
    if failure.treatment.health is LeftAlone.NO:
        return let_go(circuit)
    # Turns that were under way when it was left alone fail too; that is one time, not many.
    was_alone = circuit.left_alone is not CircuitState.CLOSED and now_s < circuit.until_s
    in_a_row = circuit.in_a_row + (not was_alone)
    named = _named_wait_s(in_a_row, failure, jitter)
    if named is not None:
        until_s = max(now_s + named, circuit.until_s)
        return Circuit(left_alone=_STATES[failure.kind], until_s=until_s, in_a_row=in_a_row, why=failure.message)
    if was_alone:
        return circuit
    failures = circuit.failures + 1
    if circuit.left_alone is CircuitState.CLOSED and failures < settings.failures:
        return Circuit(failures=failures, why=failure.message)
    cool_down_s = settings.cool_down_s * min(2 ** (in_a_row - 1), _MOST_COOL_DOWNS)
    return Circuit(
        left_alone=CircuitState.OPEN,
        until_s=now_s + cool_down_s * (1 + 0.25 * jitter),
        in_a_row=in_a_row,
        why=failure.message,
    )


def _named_wait_s(in_a_row: int, failure: Failure, jitter: float) -> float | None:
    """How long the provider is to be left alone where that needs no count; None where it does."""
    named = failure.wait_s
    match failure.kind:
        case FailureKind.THROTTLED:
            doubled = min(_FIRST_THROTTLE_S * 2 ** min(in_a_row - 1, 10), _LONGEST_THROTTLE_S)
            no_time = named is None or (named < _SHORTEST_NAMED_S and in_a_row > 1)
            wait_s = doubled if named is None or no_time else named
        case FailureKind.OVERLOADED if named is not None:
            wait_s = min(named, _LONGEST_THROTTLE_S)
        case FailureKind.QUOTA:
            wait_s = named if named is not None else _QUOTA_S
        case FailureKind.CREDENTIAL:
            wait_s = _CREDENTIAL_S
        case FailureKind.NO_MODEL:
            wait_s = _NO_MODEL_S
        case _:
            return None
    # At most a second late, so that turns come back soon after it.
    return min(wait_s, _LONGEST_NAMED_S) + min(0.1 * wait_s, 0.8) * jitter

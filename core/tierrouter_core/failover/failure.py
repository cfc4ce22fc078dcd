"""What can happen to a call to a provider, and what each of it means: one table."""

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from typing import Final

from tierrouter_core.names import Dialect
from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire.failures import Meaning


class FailureKind(StrEnum):
    """How a call failed: the label ``kind`` of ``tierrouter_attempt_errors_total``."""

    UNREACHABLE = "unreachable"
    """No connection: refused, no route, or an unknown name. That is known at once."""
    TLS = "tls"
    TIMEOUT = "timeout"
    """No connection, or no headers, in time."""
    LATE = "late"
    """Headers, and then no first token in time."""
    STALLED = "stalled"
    """Nothing more came, for too long."""
    CUT = "cut"
    """The connection was reset or closed, or the answer ended, before it was complete."""
    MALFORMED = "malformed"
    """What came is not the provider's dialect."""
    THROTTLED = "throttled"
    QUOTA = "quota"
    """What was paid for is used up: waiting a little does not help."""
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    BUSY = "busy"
    """408 or 409: the same again may go."""
    CREDENTIAL = "credential"
    REDIRECT = "redirect"
    """It is never followed: the key would go with it."""
    NO_MODEL = "no_model"
    """The provider does not have the model (404)."""
    CONTEXT_LENGTH = "context_length"
    """The turn is longer than the model's window."""
    TOO_LARGE = "too_large"
    FILTERED = "filtered"
    """The provider refuses what the turn is about."""
    PREFILL = "prefill"
    """The provider does not go on with an answer that was begun."""
    REASONING = "reasoning"
    """The provider refuses what its own model thought before: the same without it may go."""
    OPTION = "option"
    """The provider refuses a field that we had added: the same without it may go."""
    REJECTED = "client_error"
    """The provider refuses the request as it is."""
    UNFIT = "unfit"
    """Not asked: the tier can't be given the turn."""
    OUTRUN = "outrun"
    """Another tier, asked as a hedge, or hedged by this one, had its first token sooner."""
    STOPPED = "stopped"
    """It was this process that broke it off: it is stopping."""
    AWAY = "away"
    """Not asked: the provider is left alone."""


class Onward(Enum):
    """Where a turn goes that failed here."""

    NEXT = auto()
    """To the next tier."""
    LARGER = auto()
    """To a tier with a larger window, and to no other."""
    FLAGGED = auto()
    """To the tier that the rules name for a turn whose output was flagged, and to no other."""
    NOWHERE = auto()
    """It would fail elsewhere too."""


class LeftAlone(Enum):
    """What a failure does to the health of a provider's model."""

    NO = auto()
    COUNTED = auto()
    """It is a failure of the circuit."""
    MODEL = auto()
    """This model is left alone until the time that the provider named."""
    PROVIDER = auto()
    """All models of this provider are."""


@keyword_value_class
class Treatment:
    """What a kind of failure means."""

    again: bool = False
    """The same is worth another try, after a moment."""
    onward: Onward = Onward.NEXT
    health: LeftAlone = LeftAlone.NO
    shown: Meaning | None = Meaning.WAIT
    """What the client is told where nobody else serves the turn; None: what the provider itself said."""


_COUNTED = Treatment(health=LeftAlone.COUNTED)
_AGAIN = Treatment(again=True, health=LeftAlone.COUNTED)
_AS_SAID = Treatment(shown=None)

TREATMENTS: Final[Mapping[FailureKind, Treatment]] = {
    FailureKind.UNREACHABLE: _AGAIN,
    FailureKind.TLS: Treatment(health=LeftAlone.COUNTED, shown=Meaning.FINAL),
    # What was waited for in vain is not waited for twice.
    FailureKind.TIMEOUT: _COUNTED,
    FailureKind.LATE: _COUNTED,
    FailureKind.STALLED: _COUNTED,
    FailureKind.CUT: _AGAIN,
    FailureKind.MALFORMED: _AGAIN,
    FailureKind.THROTTLED: Treatment(again=True, health=LeftAlone.MODEL),
    FailureKind.QUOTA: Treatment(health=LeftAlone.PROVIDER, shown=Meaning.FINAL),
    FailureKind.OVERLOADED: _COUNTED,
    FailureKind.SERVER_ERROR: _AGAIN,
    FailureKind.BUSY: Treatment(again=True),
    FailureKind.CREDENTIAL: Treatment(health=LeftAlone.PROVIDER, shown=Meaning.FINAL),
    FailureKind.REDIRECT: Treatment(health=LeftAlone.COUNTED, shown=Meaning.FINAL),
    FailureKind.NO_MODEL: Treatment(health=LeftAlone.MODEL, shown=Meaning.FINAL),
    FailureKind.CONTEXT_LENGTH: Treatment(onward=Onward.LARGER, shown=None),
    FailureKind.TOO_LARGE: _AS_SAID,
    FailureKind.FILTERED: Treatment(onward=Onward.FLAGGED, shown=None),
    FailureKind.PREFILL: _AS_SAID,
    FailureKind.REASONING: Treatment(again=True, onward=Onward.NOWHERE, shown=None),
    FailureKind.OPTION: Treatment(again=True, shown=None),
    FailureKind.REJECTED: Treatment(onward=Onward.NOWHERE, shown=None),
    FailureKind.UNFIT: Treatment(shown=Meaning.NOT_SERVABLE),
    FailureKind.OUTRUN: Treatment(onward=Onward.NOWHERE, shown=Meaning.WAIT),
    FailureKind.STOPPED: Treatment(onward=Onward.NOWHERE, shown=Meaning.DRAINING),
    FailureKind.AWAY: Treatment(),
}


@keyword_value_class
class Said:
    """A provider's own answer to a call that failed, for the client to read."""

    status: int
    dialect: Dialect
    """That it is in."""
    headers: tuple[tuple[str, str], ...] = ()
    """Those that a client may see."""
    body: bytes = b""
    """Without the key."""


@keyword_value_class
class Failure:
    """What happened to one call, or why there was none."""

    kind: FailureKind
    message: str
    """What was wrong and where, for a person."""
    status: int = 0
    """The HTTP status; 0 where none came."""
    wait_s: float | None = None
    """How long the provider wants to be left alone, as far as it says."""
    said: Said | None = None
    """What the provider said, where the client may read it."""
    words: str = ""
    """The provider's own about it, for who judges it; they may quote a key, so nobody is shown them."""
    final: bool = False
    """Of AWAY: it is not worth coming back for, as billing or a credential is not."""

    @property
    def treatment(self) -> Treatment:
        """What it means."""
        return TREATMENTS[self.kind]

    @property
    def shown(self) -> Meaning | None:
        """What the client is told where nobody else serves the turn; None: what the provider itself said."""
        if self.final:
            return Meaning.FINAL
        shown = self.treatment.shown
        # It was said inside an answer that seemed well.
        return Meaning.BAD_REQUEST if shown is None and self.said is None else shown

"""From a client's bytes and headers to a turn that can be decided: what the sidecar and ``explain`` share."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tierrouter_core.names import HINT_HEADER, TASK_HEADER, Dialect, TurnKind
from tierrouter_core.printable import printable
from tierrouter_core.routing.task_header import read_task
from tierrouter_core.routing.turn import Turn
from tierrouter_core.routing.variables import Value, defaults
from tierrouter_core.signals.reading import read_on
from tierrouter_core.signals.state import Signals
from tierrouter_core.signals.variables import variables_of
from tierrouter_core.value_class import value_class
from tierrouter_core.wire.call_class import call_kind, context_was_compacted
from tierrouter_core.wire.identity import Identity, identify
from tierrouter_core.wire.prompt_id import kind_by_prompt, prompt_id
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.signed_thinking import carries_signed_thinking
from tierrouter_core.wire.token_estimate import estimate
from tierrouter_core.wire.weighing import Weighed, weigh

MAIN_AGENT = "main"


@value_class
class Measured:
    """How long a request is."""

    weighed: Weighed
    tokens: int
    """Input tokens, estimated."""


class Measuring:
    """How long a request is, found out when it is first asked: most turns never are, and reading 400 KB takes time."""

    __slots__ = ("_found", "_measure")

    def __init__(self, measure: Callable[[], Measured]) -> None:
        self._measure = measure
        self._found: Measured | None = None

    def __call__(self) -> Measured:
        if self._found is None:
            self._found = self._measure()
        return self._found


def measured_by_average(request: Request, identity: Identity) -> Measured:
    """As long as it is where nothing is known of the session or its model."""
    weighed = weigh(request)
    return Measured(weighed, estimate(weighed))


def signals_of_it_alone(request: Request, identity: Identity) -> Signals:
    """What the request itself tells of its task, where nothing is known of the session."""
    return read_on(request).signals


@value_class
class ReadTurn:
    """A request that was understood."""

    request: Request
    identity: Identity
    turn: Turn
    measured: Measuring
    notices: tuple[str, ...] = ()
    """What was ignored, for ``x-tierrouter-notice``."""

    @property
    def conversation(self) -> tuple[str, str]:
        """What is remembered apart: a session's agents have a context each."""
        return (self.identity.session, self.identity.agent)


@value_class
class Asked:
    """A request, and whose it is."""

    request: Request
    identity: Identity
    prompt: str = ""
    """The id that the agent gives the prompt; empty where it gives none."""
    begins: bool | None = None
    """Whether a prompt begins with it, by such ids; None where they don't tell."""


def continuing(asked: Asked, before: str) -> Asked:
    """``asked`` as a turn of a conversation whose last prompt had the id ``before``, empty where that is not known."""
    request = asked.request
    if not asked.prompt or not before or request.kind in (TurnKind.UTILITY, TurnKind.COMPACTION):
        return asked
    kind = kind_by_prompt(request.kind, asked.prompt, before)
    if kind is not request.kind:
        request = replace(request, kind=kind)
    return replace(asked, request=request, begins=kind is TurnKind.USER)


def read_asked(
    dialect: Dialect, headers: Mapping[str, str], body: bytes, salt: bytes, kind: TurnKind | None = None
) -> Asked:
    """Read a request as far as it says who asks: that may decide by which configuration it is read on.

    Arguments and errors as in :func:`read_turn`.
    """
    request = read_request(dialect, body)
    kind = kind or call_kind(request, headers)
    if kind is not None:
        request = replace(request, kind=kind)
    return Asked(request, identify(request, headers, salt), prompt_id(request, headers))


def read_turn(
    dialect: Dialect,
    headers: Mapping[str, str],
    body: bytes,
    salt: bytes,
    kind: TurnKind | None = None,
    measure: Callable[[Request, Identity], Measured] = measured_by_average,
    signals: Callable[[Request, Identity], Signals] = signals_of_it_alone,
    *,
    by_length: bool = True,
    by_signals: bool = True,
    now_s: float = 0.0,
) -> ReadTurn:
    """Read a request.

    Args:
        headers: by lower-case name.
        salt: makes derived session keys pseudonymous, and is what reasoning is sealed with.
        kind: the turn's kind where the endpoint alone says it.
        measure: estimates its tokens, by what may be known of its session.
        signals: what is known of the task, this request included.
        by_length: whether ``turn.context_tokens`` matters; else it keeps its default.
        by_signals: whether the signals do.
        now_s: by any clock that all turns share.

    Raises:
        MalformedRequestError: the body or a header makes no sense; the message is for the client.
    """
    asked = read_asked(dialect, headers, body, salt, kind)
    return turn_of(asked, headers, salt, measure, signals, by_length=by_length, by_signals=by_signals, now_s=now_s)


def turn_of(
    asked: Asked,
    headers: Mapping[str, str],
    salt: bytes,
    measure: Callable[[Request, Identity], Measured] = measured_by_average,
    signals: Callable[[Request, Identity], Signals] = signals_of_it_alone,
    *,
    by_length: bool = True,
    by_signals: bool = True,
    now_s: float = 0.0,
) -> ReadTurn:
    """The rest of :func:`read_turn`."""
    request, identity = asked.request, asked.identity
    dialect = request.dialect
    subagent = identity.agent != MAIN_AGENT
    measured = Measuring(lambda: measure(request, identity))
    variables: dict[str, Value] = defaults()
    variables["turn.kind"] = str(request.kind)
    variables["turn.agent"] = "subagent" if subagent else MAIN_AGENT
    if by_length:
        variables["turn.context_tokens"] = measured().tokens
    if by_signals:
        variables.update(variables_of(signals(request, identity)))
    variables["turn.has_images"] = request.has_images
    variables["turn.dialect"] = str(dialect)
    variables["turn.requested_model"] = request.model
    notices: tuple[str, ...] = ()
    known: Mapping[str, Value] = {}
    if TASK_HEADER in headers:
        known, unknown = read_task(headers[TASK_HEADER])
        variables.update(known)
        notices = tuple(f"{TASK_HEADER}: {printable(name)} is not known and was ignored" for name in unknown[:5])
    turn = Turn(
        dialect=dialect,
        requested_model=request.model,
        hint=headers.get(HINT_HEADER),
        kind=request.kind,
        session=identity.session,
        subagent=subagent,
        has_tools=request.has_tools,
        signed_thinking=request.kind is TurnKind.TOOL_LOOP and carries_signed_thinking(request, salt),
        prompt="" if request.kind is TurnKind.COMPACTION else asked.prompt,
        compacted=context_was_compacted(headers),
        variables=variables,
        stated=frozenset(known),
        now_s=now_s,
        context_tokens=lambda: measured().tokens,
    )
    return ReadTurn(request, identity, turn, measured, notices)

"""A request as one target gets it: as it is but for a few edits, in another dialect, or not at all."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from tierrouter_core.names import Dialect, Reason
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.targets import Target, profile_of_target, spoken
from tierrouter_core.routing.turn import Turn
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.begun import is_begun
from tierrouter_core.wire.claude import takes_system_messages
from tierrouter_core.wire.edits import STREAM_OPTIONS, Edited, EditPlan, edit_request
from tierrouter_core.wire.model import Document, Image
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.translate import Refused, Translated, first_path, translate_request

_INCLUDE_USAGE = "includeUsage"
LEAST_ROOM_TOKENS = 1024
"""What is asked for as output however full the window seems: our count of the input may be off."""

Fit = Edited | Translated | Refused


def dialect_for(request: Request, target: Target) -> Dialect:
    """The dialect in which ``target`` gets ``request``."""
    model = target.model
    wanted = None if model is None else spoken(model, request.dialect, has_tools=request.has_tools)
    return request.dialect if wanted is None else wanted


def gives_thinking_back(request: Request, target: Target) -> bool:
    """Whether ``target`` gets, in ``request``, what was thought before; translated, few models do."""
    dialect = dialect_for(request, target)
    if dialect is request.dialect or dialect is Dialect.MESSAGES:
        return True
    return dialect is Dialect.CHAT and bool(profile_of_target(target).reasoning_field)


@keyword_value_class
class Circumstances:
    """What a request does not say itself, and its translation depends on."""

    seal_key: bytes = b""
    """Proves what was thought before."""
    session: str = ""
    input_tokens: int = 0
    """An estimate, by which the output cap is kept within the window."""
    replays_reasoning: bool = True


CircumstancesOf = Callable[[Target], Circumstances]
"""They are asked for only where a request is translated, which most are not."""


def fit(request: Request, target: Target, circumstances: CircumstancesOf) -> Fit:
    """``request`` as ``target`` gets it."""
    dialect = dialect_for(request, target)
    if dialect is not request.dialect:
        return translate_request(request, dialect, _wanted(target, circumstances(target)))
    capabilities = {} if target.model is None else target.model.capabilities
    if request.media.images and capabilities.get("vision") is False:
        return Refused(first_path(request, Image), "the model takes no images")
    if request.media.documents and capabilities.get("pdf") is False:
        return Refused(first_path(request, Document), "the model takes no documents")
    if is_begun(request) and not profile_of_target(target).prefill:
        return Refused("messages", "the last is an answer, and the model does not go on with one")
    return edit_request(request, _plan(target))


def as_it_is(request: Request, target: Target) -> Edited:
    """``request`` for a call that only its own dialect has: never translated."""
    return edit_request(request, _plan(target))


@value_class
class Placed:
    """A decision that takes into account what each tier can be given."""

    decision: Decision
    fit: Fit | None = None
    """The request as the first target gets it; None where nobody does."""


def place(router: Router, turn: Turn, state: SessionState, request: Request, circumstances: CircumstancesOf) -> Placed:
    """Decide who serves a request; a tier that can't be given it is left out, and it is decided again."""
    decision = router.decide(turn, state)
    unfit: dict[str, str] = {}
    too_long: dict[str, str] = {}
    while decision.targets:
        target = decision.targets[0]
        if target.tier_name not in too_long:
            overflow = _overflow(turn, request, target)
            if overflow and target.tier is not None:
                too_long[target.tier_name] = overflow
                elsewhere = router.decide(replace(turn, unfit=unfit, too_long_for=too_long), state)
                if elsewhere.targets and elsewhere.targets[0].tier_name not in too_long:
                    decision = elsewhere
                    continue
                # It is too long for all: the provider's own words make the agent compact.
        fitted = fit(request, target, circumstances)
        if not isinstance(fitted, Refused):
            return Placed(decision, fitted)
        if fitted.final or target.tier_name in unfit:
            # Nobody is to serve it, or it goes to what was asked for, whatever that can take (Observe and Off).
            return Placed(replace(decision, targets=(), reason=Reason.NOT_SERVABLE, detail=str(fitted)), fitted)
        unfit[target.tier_name] = str(fitted)
        decision = router.decide(replace(turn, unfit=unfit, too_long_for=too_long), state)
    return Placed(decision)


def _overflow(turn: Turn, request: Request, target: Target) -> str:
    """By how much a request is longer than the target's window; empty where it fits, or may fit."""
    window = None if target.model is None else target.model.context_window
    # A token has more than a byte, nearly always: most requests need not be counted.
    if window is None or request.size <= window:
        return ""
    tokens = turn.context_tokens()
    return f"its window has {window} tokens, the turn some {tokens}" if tokens + LEAST_ROOM_TOKENS > window else ""


def _plan(target: Target) -> EditPlan:
    model, tier = target.model, target.tier
    return EditPlan(
        model_id=target.model_id,
        cap=None if model is None else model.max_output_tokens,
        tier_max_tokens=0 if tier is None else tier.max_tokens,
        clamp=tier is not None and tier.clamp,
        request_defaults=target.provider.request_defaults,
        inject_usage=_reports_when_asked(target),
        folds_system=_refuses_system_messages(target),
    )


def _wanted(target: Target, circumstances: Circumstances) -> Wanted:
    model, tier = target.model, target.tier
    seal_key, session = circumstances.seal_key, circumstances.session
    caps = [] if model is None or model.max_output_tokens is None else [model.max_output_tokens]
    default = 4096 if tier is None else tier.max_tokens
    if tier is not None and tier.clamp:
        caps.append(tier.max_tokens)
    if model is not None and model.context_window:
        # Servers that count the cap in would refuse the turn. One that is too long is theirs to refuse, in words that
        # agents know.
        caps.append(max(LEAST_ROOM_TOKENS, model.context_window - circumstances.input_tokens))
    cap = min(caps, default=None)
    return Wanted(
        model_id=target.model_id,
        profile=profile_of_target(target),
        cap=cap,
        default_cap=default if cap is None else min(default, cap),
        request_defaults=target.provider.request_defaults,
        include_usage=_reports_when_asked(target),
        hosted="Strip" if tier is None else tier.hosted_tools,
        seal_key=seal_key,
        replays_reasoning=circumstances.replays_reasoning,
        cache_key=hashlib.sha256(seal_key + session.encode()).hexdigest()[:32] if session else "",
    )


def _refuses_system_messages(target: Target) -> bool:
    stated = None if target.model is None else target.model.capabilities.get("midSystem")
    return (takes_system_messages(target.model_id) if stated is None else stated) is False


def _reports_when_asked(target: Target) -> bool:
    return target.model is None or target.model.capabilities.get(_INCLUDE_USAGE, True) is not False


def not_asked_for_usage(target: Target) -> Target:
    """``target`` as one whose ModelProvider says that it does not take ``stream_options``."""
    if target.model is None:
        return target
    capabilities = {**target.model.capabilities, _INCLUDE_USAGE: False}
    return replace(target, model=replace(target.model, capabilities=capabilities))


def asks_for_usage(fitted: Edited | Translated, request: Request) -> bool:
    """Whether ``fitted`` carries ``stream_options`` that the client had not written."""
    if isinstance(fitted, Edited):
        return STREAM_OPTIONS in fitted.edits
    return fitted.target is Dialect.CHAT and request.stream

"""Who serves a prompt that begins: by a pinned model hint, the rules, another model hint, or the session.

A session that serves on a tier of higher rank comes down where that pays, prompt caches considered, or at once where
each prompt is decided anew.
"""

import fnmatch
import hashlib
import re
from dataclasses import replace

from tierrouter_core.document.model import Document, ModelHint, Tier
from tierrouter_core.names import Reason
from tierrouter_core.printable import printable
from tierrouter_core.routing.decision import Choice, by_rule
from tierrouter_core.routing.rules import Evaluation, RuleSet
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.switching import Switch, switch
from tierrouter_core.routing.turn import Turn

ModelHints = tuple[tuple[re.Pattern[str], ModelHint], ...]


def model_hints_of(document: Document) -> ModelHints:
    """The document's model hints with what tells whether each fits a requested model."""
    return tuple((re.compile(fnmatch.translate(hint.match), re.IGNORECASE), hint) for hint in document.model_hints)


def model_hint_for(hints: ModelHints, requested_model: str) -> ModelHint | None:
    """The first model hint that fits; None where none does."""
    return next((hint for pattern, hint in hints if pattern.match(requested_model)), None)


def at_safe_point(
    document: Document, rules: RuleSet, hints: ModelHints, turn: Turn, state: SessionState
) -> tuple[Choice, tuple[Evaluation, ...]]:
    """Who serves ``turn``, and the rules that could not be evaluated."""
    hinted = model_hint_for(hints, turn.requested_model)
    asked = printable(turn.requested_model)
    if hinted is not None and hinted.pin:
        return Choice(hinted.tier, Reason.PINNED_MODEL, f"{asked} matches the pinned hint {hinted.match}"), ()
    matched, errors = rules.first_match(turn.variables)
    if matched is not None:
        return by_rule(matched, Reason.RULE), errors
    if hinted is not None:
        return Choice(hinted.tier, Reason.MODEL_HINT, f"{asked} matches the model hint {hinted.match}"), errors
    return _by_session(document, turn, state), errors


def _by_session(document: Document, turn: Turn, state: SessionState) -> Choice:
    chosen = _home(document, turn, state)
    if document.session.affinity != "Session":
        return chosen
    current = document.tiers.get(state.current)
    if current is None or current.rank <= document.tiers[chosen.tier].rank:
        return chosen
    return _down(document, turn, state, current, chosen)


def _down(document: Document, turn: Turn, state: SessionState, current: Tier, chosen: Choice) -> Choice:
    """Whether a session that was raised comes down again: where it pays, and where it may still be paid for."""
    found = _price_of(document, turn, state, current.name, chosen.tier)
    if found is None:
        return chosen
    told = f"{chosen.tier} ${found.go_usd:.2f}, {current.name} ${found.stay_usd:.2f} over the next calls"
    if not found.pays:
        return Choice(current.name, Reason.WARM_CACHE, f"it has the conversation in its cache: {told}")
    budget = document.session.switch_budget_percent / 100 * state.steady_usd
    if state.switches_usd + found.price_usd > budget and found.price_usd > 0:
        spent = f"${state.switches_usd:.2f} of ${budget:.2f}"
        detail = f"optional switches have cost {spent}, the one to {chosen.tier} is ${found.price_usd:.2f}"
        return Choice(current.name, Reason.SWITCH_BUDGET, detail)
    return replace(chosen, detail=f"{chosen.detail}: {told}", price_usd=found.price_usd)


def _price_of(document: Document, turn: Turn, state: SessionState, stay: str, go: str) -> Switch | None:
    """What it costs to go on with ``turn`` on the tier ``go`` in place of ``stay``; None where it is not known."""
    tiers = document.tiers
    return switch(
        document.model_of(tiers[stay]),
        document.model_of(tiers[go]),
        turn.context_tokens(),
        turn.now_s,
        state.warm.get(stay),
        state.warm.get(go),
    )


def _home(document: Document, turn: Turn, state: SessionState) -> Choice:
    settings = document.session
    if turn.subagent and settings.subagent_tier:
        return Choice(settings.subagent_tier, Reason.DEFAULT, "subagents have this tier")
    if settings.affinity == "Session" and state.home in document.tiers:
        return Choice(state.home, Reason.SESSION, "the session began on this tier", becomes_home=True)
    split = document.default_tier
    if len(split) == 1:
        return Choice(split[0][0], Reason.DEFAULT, "no rule applies, this is the default tier", becomes_home=True)
    return _drawn(document, turn.session)


def _drawn(document: Document, session: str) -> Choice:
    split = document.default_tier
    total = sum(weight for _, weight in split)
    position = _split_position(document.router, session) * total
    drawn, weight = split[-1]
    for drawn, weight in split:  # noqa: B007 (the loop ends on the entry that holds the position)
        if position < weight:
            break
        position -= weight
    detail = f"the session falls into this {weight} of {total} of the split"
    return Choice(drawn, Reason.SPLIT, detail, becomes_home=True)


def _split_position(router: str, session: str) -> float:
    """Where a session falls in a split, in [0, 1): the same for a session for ever, even over sessions."""
    value = hashlib.sha256(f"{router}\0{session}".encode()).digest()[:8]
    return int.from_bytes(value) / 2**64

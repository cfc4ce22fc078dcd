"""What is remembered of a session once a tier has answered."""

from dataclasses import replace

from tierrouter_core.document.model import Document
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.routing.switching import Warm, call_usd


def after_answer(
    document: Document, state: SessionState, tier: str, *, context: int, output: int, now_s: float
) -> SessionState:
    """``state`` after ``tier`` has answered a turn: whose cache is warm, and what it would cost never to come down.

    Args:
        context: tokens of the turn's whole input.
        output: tokens of the answer.
        now_s: by the clock of all turns.
    """
    now = Warm(context, now_s)
    state = replace(state, current=tier, warm={**state.warm, tier: now})
    steady = document.tiers.get(state.steady_tier)
    served = document.tiers.get(tier)
    if served is None:
        return state
    if steady is None or served.rank > steady.rank:
        steady, state = served, replace(state, steady_tier=tier, steady=None)
    cost_usd = call_usd(document.model_of(steady), context, output, now_s, state.steady)
    return replace(state, steady=now, steady_usd=state.steady_usd + cost_usd)


def merged(state: SessionState, before: SessionState, known: SessionState, *, arrived_s: float) -> SessionState:
    """``state`` after a turn, where another turn of the same conversation has ended since it was decided.

    Who serves is what the turn says that came last, whichever ended last: else a slow one would take a loop back to
    where it was before. What was spent and cached is that of both.

    Args:
        state: after this turn, as if it had been alone.
        before: what it was decided by.
        known: what is remembered by now.
        arrived_s: when this turn came, by the clock of all turns.
    """
    if known is before or known is NEW_SESSION:
        return state
    is_last = all(warm.at_s <= arrived_s for warm in known.warm.values())
    newest, other = (state, known) if is_last else (known, state)
    return replace(
        newest,
        # An answer that was flagged meanwhile is news for the next turn.
        flagged=newest.flagged or (known.flagged and not before.flagged),
        warm={**other.warm, **newest.warm},
        switches_usd=known.switches_usd + state.switches_usd - before.switches_usd,
        steady_usd=known.steady_usd + state.steady_usd - before.steady_usd,
    )

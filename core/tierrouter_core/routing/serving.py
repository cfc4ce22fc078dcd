"""What is remembered of a session once a tier has answered."""

from dataclasses import replace

from tierrouter_core.document.model import Document
from tierrouter_core.routing.session_state import SessionState
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

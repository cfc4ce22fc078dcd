"""What is remembered of a session once a tier has answered."""

from dataclasses import replace

from tierrouter_core.document.model import Document
from tierrouter_core.routing.decide import SessionState
from tierrouter_core.routing.switching import Warm, call_usd


def after_answer(
    document: Document, state: SessionState, tier: str, *, context: int, output: int, now_s: float
) -> SessionState:
    """``state`` after ``tier`` has answered a turn: whose cache is warm, and what it would all have cost at home.

    Args:
        context: tokens of the turn's whole input.
        output: tokens of the answer.
        now_s: by the clock of all turns.
    """
    now = Warm(context, now_s)
    state = replace(state, current=tier, warm={**state.warm, tier: now})
    home = document.tiers.get(state.home)
    if home is None:
        return state
    cost_usd = call_usd(document.model_of(home), context, output, now_s, state.steady)
    return replace(state, steady=now, steady_usd=state.steady_usd + cost_usd)

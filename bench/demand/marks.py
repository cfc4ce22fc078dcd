"""Which prompts need the expensive tier, drawn by lot: no policy chooses for itself where quality matters."""

from collections.abc import Callable, Sequence

from tierrouter_core.replay.calls import ReplayCall

SHARE = 0.178
"""Of the prompts; the share of turns that the article's router sent to its expensive tiers."""


def marked(calls: Sequence[ReplayCall], tier: str, draw: Callable[[], float], share: float = SHARE) -> list[ReplayCall]:
    """``calls`` with a hint at ``tier`` on each call of the prompts that need it.

    Args:
        draw: an even number in [0, 1), asked for once per prompt, in the order in which prompts begin.
    """
    needs: dict[tuple[str, str, int], bool] = {}
    out = []
    for call in calls:
        key = (call.session, call.agent, call.prompt_idx)
        if key not in needs:
            needs[key] = draw() < share
        out.append(call._replace(hint=tier) if needs[key] else call)
    return out

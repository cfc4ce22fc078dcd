"""Who serves where the chosen tier is capped: one whose budget or share is used up."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tierrouter_core.caps.cap import Cap
from tierrouter_core.document.model import Tier
from tierrouter_core.names import Reason
from tierrouter_core.routing.decision import Choice
from tierrouter_core.routing.turn import Turn

_ASKED_FOR: Final = frozenset({Reason.HINT, Reason.REQUESTED_MODEL, Reason.PINNED_MODEL})


def within_caps(tiers: Mapping[str, Tier], turn: Turn, choice: Choice, current: str) -> Choice:
    """``choice``, or who serves where its tier is capped.

    Caps act where a prompt or an escalation would begin; a prompt in progress goes on, until its grace is spent.

    Args:
        current: the tier that the open loop is on; empty where none is.
    """
    wanted = choice
    for _ in tiers:
        cap = turn.caps.get(choice.tier)
        if cap is None or (choice.tier == current and not cap.stops):
            return choice
        if cap.yields_to_hint and (wanted.reason in _ASKED_FOR or wanted.essential):
            return choice
        if not cap.instead:
            if not current or choice.tier == current:
                return replace(choice, cap=cap)
            # An escalation that nobody pays for does not begin; what is under way goes on, unless it is stopped itself.
            choice = Choice(current, Reason.TOOL_LOOP, cap.detail)
            continue
        name = cap.instead
        if current and choice.tier != current and tiers[name].rank < tiers[current].rank:
            name = current
        choice = Choice(name, cap.reason, f"{cap.detail}; {wanted.tier} was chosen ({wanted.detail})", cap=cap)
    # They point at one another: the last of them serves.
    return choice


def held_back(caps: Mapping[str, Cap], tier: str, *, begins: bool) -> Cap | None:
    """The budget that keeps ``tier`` from serving where another was chosen and can't; None where none does.

    A share of the expensive tiers keeps nobody from that: it asks for a hint where there is a choice.

    Args:
        begins: whether a prompt begins; one in progress goes on until its grace is spent.
    """
    cap = caps.get(tier)
    return cap if cap is not None and not cap.yields_to_hint and (begins or cap.stops) else None

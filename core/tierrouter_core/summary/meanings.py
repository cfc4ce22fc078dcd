"""What reasons mean, for people who don't know the words yet; docs/routing.md has more."""

from collections.abc import Mapping
from typing import Final

from tierrouter_core.names import Reason

MEANINGS: Final[Mapping[str, str]] = {
    Reason.FORCED: "a suite measures this tier",
    Reason.HINT: "the agent asked for the tier",
    Reason.UNKNOWN_HINT: "the agent asked for a tier that there is not",
    Reason.REQUESTED_MODEL: "the agent asked for the model itself",
    Reason.RULE: "a rule was true",
    Reason.ESCALATION: "a rule raised the work in progress",
    Reason.MODEL_HINT: "the requested model's name says so",
    Reason.PINNED_MODEL: "the requested model is pinned to the tier",
    Reason.TOOL_LOOP: "a tool loop stays where it began",
    Reason.SESSION: "the session stays where it was",
    Reason.DEFAULT: "nothing asked for another tier",
    Reason.SPLIT: "drawn by lot for the session",
    Reason.WARM_CACHE: "going back would cost more than it saves",
    Reason.SWITCH_BUDGET: "switches have cost enough",
    Reason.UTILITY: "a call beside the conversation",
    Reason.OVERFLOW: "the other window is too small",
    Reason.BUDGET: "a budget is used up",
    Reason.DEEP_SHARE: "expensive tiers have had their share",
    Reason.DIALECT: "the other tier can't take the request",
    Reason.FAILOVER: "another tier failed",
    Reason.HEDGE: "another tier was slow",
    Reason.OBSERVE: "served as asked, only observed",
    Reason.OFF: "served as asked, routing is off",
    Reason.NOT_SERVABLE: "no tier could take the request",
}


def meaning_of(reason: str) -> str:
    """A few words; empty for a reason that this version does not know."""
    return MEANINGS.get(reason, "")

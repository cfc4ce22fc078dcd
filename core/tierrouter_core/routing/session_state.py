"""What is remembered of a conversation from one turn to the next."""

from collections.abc import Mapping
from dataclasses import field

from tierrouter_core.routing.switching import Warm
from tierrouter_core.value_class import value_class


@value_class
class SessionState:
    """What is remembered of one agent of one session."""

    home: str = ""
    """The tier that the session began with and returns to."""
    current: str = ""
    """The tier that serves the prompt in progress."""
    flagged: bool = False
    """The last answer was a refusal, or was filtered."""
    warm: Mapping[str, Warm] = field(default_factory=dict)
    """By tier: what its model may have in its prompt cache."""
    switches_usd: float = 0.0
    """What optional switches have cost so far."""
    steady_usd: float = 0.0
    """What the session would have cost if it had never come down again."""
    steady_tier: str = ""
    """The tier that would serve it then: of those that have served it the one of highest rank."""
    steady: Warm | None = None
    """What that tier's cache would hold then."""
    prompt: str = ""
    """The agent's id of the prompt in progress; empty where it gives none."""
    asked_for: bool = False
    """The agent has asked for the current tier, so it stays until the prompt ends."""
    compacted: bool = False
    """The last call compacted the conversation: no cache holds what comes next."""


NEW_SESSION = SessionState()

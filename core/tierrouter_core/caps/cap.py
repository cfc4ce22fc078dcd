"""A tier that may not serve now, as the decision sees it."""

from tierrouter_core.names import Reason
from tierrouter_core.value_class import keyword_value_class


@keyword_value_class
class Cap:
    """Why a tier may not begin a prompt, nor take an escalation."""

    reason: Reason
    """``Budget`` or ``DeepShare``."""
    detail: str
    """In words, with the numbers."""
    instead: str = ""
    """The tier that serves then; empty where the turn is refused."""
    stops: bool = False
    """A prompt in progress has spent its grace too."""
    yields_to_hint: bool = False
    """A hint, and a rule that is essential, may still have the tier."""
    reset_s: float | None = None
    """When there is room again, in seconds since the epoch; None where nobody can tell."""

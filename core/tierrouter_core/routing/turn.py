"""A turn as the decision sees it."""

from collections.abc import Callable, Mapping
from dataclasses import field

from tierrouter_core.caps.cap import Cap
from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.routing.variables import Value
from tierrouter_core.value_class import keyword_value_class


@keyword_value_class
class Turn:
    """A turn as the decision sees it."""

    dialect: Dialect
    requested_model: str
    hint: str | None
    """As sent in ``x-tierrouter-hint``; None if absent."""
    kind: TurnKind
    session: str
    subagent: bool = False
    has_tools: bool = False
    signed_thinking: bool = False
    """The open tool loop holds thinking with a signature."""
    variables: Mapping[str, Value]
    stated: frozenset[str] = frozenset()
    """Of them those that the agent has set itself."""
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Tiers that can't take this turn, as was found by trying to translate it, and why."""
    too_long_for: Mapping[str, str] = field(default_factory=dict)
    """Tiers whose window is too small for it, and by how much."""
    prompt: str = ""
    """The agent's id of the prompt that it belongs to; empty where it gives none."""
    compacted: bool = False
    """The agent says that it has just compacted the conversation."""
    caps: Mapping[str, Cap] = field(default_factory=dict)
    """By tier: what keeps it from beginning a prompt, or an escalation."""
    now_s: float = 0.0
    """By any clock that all turns share."""
    context_tokens: Callable[[], int] = lambda: 0
    """Its input in tokens, estimated when it is asked for."""

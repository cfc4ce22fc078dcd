"""Who goes on with a prompt that has begun: the tier that it is on, or one of higher rank.

Inside a tool loop a switch throws away the cache: upward only, and not where thinking is signed. After a compaction
nothing is open and no cache is warm.
"""

from collections.abc import Mapping

from tierrouter_core.document.model import Rule, Tier
from tierrouter_core.names import Reason, TurnKind
from tierrouter_core.printable import printable
from tierrouter_core.routing.decision import Choice, by_rule
from tierrouter_core.routing.rules import Evaluation, RuleSet
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.turn import Turn

_SHRUNK = 0.5
"""Of its length before: a conversation that is shorter than that was compacted, whatever its agent says."""


def is_after_compaction(turn: Turn, state: SessionState) -> bool:
    """Whether a prompt goes on after its conversation was compacted, with no tool loop open and no hint in force."""
    if turn.kind is not TurnKind.AUTOMATIC or state.asked_for:
        return False
    if state.compacted or turn.compacted:
        return True
    before = state.warm.get(state.current)
    return before is not None and turn.context_tokens() < _SHRUNK * before.tokens


def in_loop(
    tiers: Mapping[str, Tier],
    rules: RuleSet,
    turn: Turn,
    current: str,
    hinted: Choice | None,
    *,
    pinned: bool,
    signed: bool,
) -> tuple[Choice, tuple[Evaluation, ...]]:
    """Who serves ``turn`` of a prompt that ``current`` serves, and the rules that could not be evaluated.

    Args:
        hinted: what the turn itself asks for.
        pinned: the requested model is pinned to a tier, so that no rule is asked.
        signed: the loop holds thinking that only the vendor of ``current`` accepts.
    """
    rank = tiers[current].rank
    if hinted is not None and hinted.reason is Reason.HINT and tiers[hinted.tier].rank > rank:
        return (_kept(current, hinted.tier) if signed else hinted), ()
    if turn.kind is not TurnKind.TOOL_LOOP:
        return Choice(current, Reason.TOOL_LOOP, f"the turn is {turn.kind}, {current} serves it to its end"), ()

    if pinned:
        asked = printable(turn.requested_model)
        return Choice(current, Reason.TOOL_LOOP, f"a tool loop is open, and {asked} is pinned, so no rule moves it"), ()

    def upward(rule: Rule) -> bool:
        return rule.escalate and tiers[rule.tier].rank > rank

    matched, errors = rules.first_match(turn.variables, among=upward)
    if matched is None:
        return Choice(current, Reason.TOOL_LOOP, f"a tool loop is open, {current} serves it to its end"), errors
    if signed:
        return _kept(current, matched.rule.tier), errors
    return by_rule(matched, Reason.ESCALATION), errors


def _kept(current: str, wanted: str) -> Choice:
    """The current tier, where another is wanted that can't go on with signed thinking."""
    detail = f"the open tool loop carries thinking that {current}'s vendor has signed; {wanted} has to wait for its end"
    return Choice(current, Reason.TOOL_LOOP, detail)

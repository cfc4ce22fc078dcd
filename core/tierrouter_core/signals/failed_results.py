"""Whether a turn came with the result of a tool that had failed, as far as its own request tells."""

from tierrouter_core.names import TurnKind
from tierrouter_core.signals.facts import Returned, facts_of, is_of_model
from tierrouter_core.signals.outcomes import went_wrong
from tierrouter_core.wire._content import SYSTEM_ROLES, entries_of
from tierrouter_core.wire.request import Request


def came_with_a_failed_tool(request: Request) -> bool:
    """Whether one of the results that the client added after the model's last words is an error."""
    if request.kind is not TurnKind.TOOL_LOOP:
        return False
    entries = entries_of(request.dialect, request.parsed)
    begin = len(entries)
    while begin and (
        entries[begin - 1].get("role") in SYSTEM_ROLES or not is_of_model(request.dialect, entries[begin - 1])
    ):
        begin -= 1
    newest = [entry for entry in entries[begin:] if entry.get("role") not in SYSTEM_ROLES]
    facts = facts_of(request.dialect, newest)
    return any(isinstance(fact, Returned) and went_wrong(fact.text, said=fact.failed) for fact in facts)

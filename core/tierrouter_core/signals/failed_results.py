"""Whether a turn came with the result of a tool that had failed, as far as its own request tells."""

from typing import Any

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.signals.facts import Returned, facts_of, is_of_model
from tierrouter_core.signals.outcomes import went_wrong
from tierrouter_core.wire._content import SYSTEM_ROLES
from tierrouter_core.wire.request import Request


def came_with_a_failed_tool(request: Request) -> bool:
    """Whether one of the results that the client added after the model's last words is an error."""
    if request.kind is not TurnKind.TOOL_LOOP:
        return False
    entries = request.parsed.get("input" if request.dialect is Dialect.RESPONSES else "messages")
    newest: list[dict[str, Any]] = []
    # From the end, and no further than needed: every turn is asked, and conversations are long.
    entries = entries if isinstance(entries, list) else []
    for entry in reversed(entries):
        if not isinstance(entry, dict) or entry.get("role") in SYSTEM_ROLES:
            continue
        if is_of_model(request.dialect, entry):
            break
        newest.append(entry)
    facts = facts_of(request.dialect, newest)
    return any(isinstance(fact, Returned) and went_wrong(fact.text, said=fact.failed) for fact in facts)

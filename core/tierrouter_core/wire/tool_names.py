"""Names and ids of tools and calls on the way to another dialect, and the names' way back.

Everything here is a function of the request alone: a conversation's calls are named alike on every turn, so that
nothing has to be remembered, and what a provider has cached stays what it was.
"""

import base64
import hashlib
import re
from collections.abc import Iterable

from tierrouter_core.value_class import value_class
from tierrouter_core.wire.model import Call, Message, Prompt, Result, Role, Tool, ToolKind, Untranslatable

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_OF_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MESSAGES_ID = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
_LONGEST_OPENAI_ID = 64


@value_class
class Named:
    """A tool by the name that the client knows."""

    name: str
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION


def flat_name(name: str, namespace: str = "") -> str:
    """The name that every dialect takes: itself where it can be, else with a hash in place of what is too long."""
    wanted = f"{namespace}__{name}" if namespace else name
    if _NAME.fullmatch(wanted):
        return wanted
    digest = hashlib.sha256(f"{namespace}\0{name}".encode()).hexdigest()[:8]
    return _NOT_OF_A_NAME.sub("_", wanted)[: _LONGEST_NAME - 9] + "_" + digest


def names_back(tools: Iterable[Tool], *, keeps_custom: bool) -> dict[str, Named]:
    """By the name that the provider sees, the tools whose calls have to look otherwise to the client.

    ``keeps_custom``: the provider knows custom tools itself. Raises Untranslatable for two tools of one name.
    """
    back: dict[str, Named] = {}
    seen: dict[str, Tool] = {}
    for tool in tools:
        flat = flat_name(tool.name, tool.namespace)
        other = seen.setdefault(flat, tool)
        if other is not tool:
            raise Untranslatable("tools", f"two tools would both be called {flat}")
        wraps = tool.kind is not ToolKind.FUNCTION and not (keeps_custom and tool.kind is ToolKind.CUSTOM)
        if wraps or flat != tool.name:
            back[flat] = Named(tool.name, tool.namespace, tool.kind if wraps else ToolKind.FUNCTION)
    return back


def messages_id(id_: str) -> str:
    """A call's id as Messages takes it."""
    return id_ if _MESSAGES_ID.fullmatch(id_) else _hashed(id_)


def openai_id(id_: str) -> str:
    """A call's id as the OpenAI dialects take it."""
    return id_ if 0 < len(id_) <= _LONGEST_OPENAI_ID else _hashed(id_)


def _hashed(id_: str) -> str:
    return "tr_" + base64.b32encode(hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest()).decode()[:26]


def check_pairs(prompt: Prompt) -> None:
    """Every call must have its result, and every result its call, as all vendors demand.

    Raises Untranslatable with the id; a result is never made up.
    """
    open_calls: dict[str, Call] = {}
    for message in prompt.messages:
        if message.role is Role.SYSTEM:
            continue
        for part in message.parts:
            kind = type(part)
            if kind is Result:
                assert isinstance(part, Result)
                if part.call_id not in open_calls:
                    raise Untranslatable(part.at, f"the result of {part.call_id or 'no id'} answers no call before it")
                del open_calls[part.call_id]
        if message.role is Role.ASSISTANT:
            for part in message.parts:
                if isinstance(part, Call):
                    open_calls[part.id] = part
        elif open_calls:
            _missing(open_calls)
    if open_calls:
        _missing(open_calls)


def _missing(open_calls: dict[str, Call]) -> None:
    call = next(iter(open_calls.values()))
    raise Untranslatable(call.at, f"the call {call.id} of {call.name} has no result")


def in_call_order(results: list[Result], before: Message | None) -> list[Result]:
    """``results`` in the order of the calls in the message before them, as Chat's templates want them."""
    if len(results) < 2 or before is None:
        return results
    order = {part.id: position for position, part in enumerate(before.parts) if isinstance(part, Call)}
    return sorted(results, key=lambda result: order.get(result.call_id, len(order)))

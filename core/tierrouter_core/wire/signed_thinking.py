"""Whether an open tool loop carries thinking that its vendor has signed, which no other model can go on with."""

from typing import Any

from tierrouter_core.names import Dialect
from tierrouter_core.wire._content import SYSTEM_ROLES, blocks_of, entries_of
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.sealed import is_sealed, unseal

SIGNING_VENDOR = "anthropic"
"""The vendor whose models want their thinking back, byte for byte, as long as a tool loop is open."""


def carries_signed_thinking(request: Request, seal_key: bytes) -> bool:
    """Whether the model's answers since the user's last words hold signed thinking.

    In Messages a signature may be any vendor's: whose it is says the model that serves the session. What came by
    another dialect is sealed and says it itself; ``seal_key`` is what such seals were made with.
    """
    if request.dialect is Dialect.CHAT or not request.media.reasoning:
        return False
    for entry in reversed(entries_of(request.dialect, request.parsed)):
        if request.dialect is Dialect.RESPONSES:
            if entry.get("type", "message") == "message" and entry.get("role") == "user":
                return False
            if entry.get("type") == "reasoning" and _is_signed(entry.get("encrypted_content"), seal_key, native=False):
                return True
            continue
        if entry.get("role") in SYSTEM_ROLES:
            continue
        blocks = blocks_of(entry.get("content"))
        if entry.get("role") != "assistant":
            if not any(block.get("type") == "tool_result" for block in blocks):
                return False
        elif any(_is_signed(_proof(block), seal_key, native=True) for block in blocks):
            return True
    return False


def _proof(block: dict[str, Any]) -> Any:
    match block.get("type"):
        case "thinking":
            return block.get("signature")
        case "redacted_thinking":
            return block.get("data")
    return None


def _is_signed(proof: Any, seal_key: bytes, *, native: bool) -> bool:
    if not isinstance(proof, str) or not proof:
        return False
    if not is_sealed(proof):
        return native
    sealed = unseal(seal_key, proof)
    # OpenRouter's form of it has OpenRouter's name before the vendor's.
    return sealed is not None and sealed.vendor.rpartition(":")[2] == SIGNING_VENDOR and bool(sealed.proof)

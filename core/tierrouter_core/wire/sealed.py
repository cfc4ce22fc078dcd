"""A vendor's reasoning on its way through another dialect, and back to the same vendor.

Clients give back what stands in a field for their own vendor's proof: Messages' ``signature``, Responses'
``encrypted_content``. There a foreign vendor's reasoning travels as ``tr1.`` + base64url(JSON) + ``.`` + HMAC, so that
it returns to the vendor it came from and to no other, and only as we gave it out.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from tierrouter_core.value_class import value_class

PREFIX = "tr1."
_MAC_DIGITS = 16


@value_class
class Sealed:
    """That reasoning is ``vendor``'s, and what the vendor itself wants to see again.

    The text is not in it: it stands beside it, readable, and comes back with it.
    """

    vendor: str
    proof: str = ""
    id: str = ""
    redacted: bool = False


def is_sealed(proof: str) -> bool:
    """Whether a proof is one of our seals."""
    return proof.startswith(PREFIX)


def seal(key: bytes, reasoning: Sealed) -> str:
    """``reasoning`` as the client is to give it back."""
    facts: dict[str, Any] = {"v": 1, "origin": reasoning.vendor}
    said = (("proof", reasoning.proof), ("id", reasoning.id), ("redacted", reasoning.redacted))
    facts |= {name: value for name, value in said if value}
    body = base64.urlsafe_b64encode(orjson.dumps(facts)).decode()
    return f"{PREFIX}{body}.{_mac(key, body)}"


def unseal(key: bytes, proof: str) -> Sealed | None:
    """What ``proof`` holds; None where it isn't ours, or not as we made it."""
    body, _, mac = proof.removeprefix(PREFIX).rpartition(".")
    if not is_sealed(proof) or not hmac.compare_digest(mac.encode(), _mac(key, body).encode()):
        return None
    try:
        facts = orjson.loads(base64.urlsafe_b64decode(body))
        return Sealed(
            str(facts["origin"]),
            str(facts.get("proof", "")),
            str(facts.get("id", "")),
            bool(facts.get("redacted")),
        )
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, AttributeError):
        return None


def _mac(key: bytes, body: str) -> str:
    return hmac.new(key, body.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_MAC_DIGITS]

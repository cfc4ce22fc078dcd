"""OpenRouter's ``reasoning_details``: what a model thought, with what its vendor needs to take it back.

They come in pieces, and have to go back whole and in order, as they came.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from tierrouter_core.wire.counts import details, items

_PIECES = ("text", "summary", "data", "signature")
"""Fields that come in pieces."""
_PROOFS = ("signature", "data")


def thought_in(given: list[Any]) -> str:
    """The readable part."""
    texts = [details(detail).get("text") or details(detail).get("summary") for detail in given]
    return "".join(text for text in texts if isinstance(text, str))


class ReasoningDetails:
    """Puts the pieces of one train of thought together."""

    def __init__(self) -> None:
        self._details: dict[object, dict[str, Any]] = {}

    @property
    def taken(self) -> bool:
        """Whether there are any."""
        return bool(self._details)

    def take(self, given: list[Any]) -> None:
        """More pieces; those of one detail have the same index, and the same type."""
        for position, piece in enumerate(map(details, given)):
            index = piece.get("index")
            key = (index if isinstance(index, int) else position, str(piece.get("type")))
            known = self._details.setdefault(key, {})
            for name, value in piece.items():
                before = known.get(name)
                if name in _PIECES and isinstance(value, str) and isinstance(before, str):
                    known[name] = before + value
                elif value is not None or name not in known:
                    known[name] = value

    def proof(self) -> str:
        """All of it as JSON text, and forget it; empty where nothing in it proves anything."""
        whole, self._details = list(self._details.values()), {}
        return orjson.dumps(whole).decode() if any(_proves(detail) for detail in whole) else ""


def _proves(detail: Mapping[str, Any]) -> bool:
    return any(isinstance(detail.get(name), str) and detail[name] for name in _PROOFS)


def details_of(proof: str) -> list[Any]:
    """The details that a proof is."""
    try:
        return items(orjson.loads(proof))
    except orjson.JSONDecodeError:
        return []

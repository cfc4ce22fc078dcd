"""Which sessions try a canary: ``split.json``, and the rule by which anybody can tell where a session falls.

A session is in the canary where the first 8 bytes of SHA-256 over ``salt``, a zero byte and the session's id, in UTF-8
and taken as a big-endian number, are below ``percent`` / 100 of 2^64. Nothing is drawn, so every process says the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.errors import DocumentError

SPLIT_SCHEMA: Final = "1.0"
_WHOLE: Final = 2**64


@dataclass(frozen=True, slots=True)
class Split:
    """What a bundle says of its canary."""

    percent: int
    """Of the sessions that start, how many try it: 0 to 100."""
    salt: str
    generation: int
    """The bundle's number."""
    since: str = ""
    """When the canary began, as its writer says; part of what tells one trial of a revision from another."""

    def trial(self, canary: str) -> str:
        """The trial's id: the same for as long as this canary lasts, whatever its percentage is."""
        return "/".join((canary, self.salt, self.since))

    def takes(self, session: str) -> bool:
        """Whether a session falls to the canary."""
        return position(self.salt, session) * 100 < self.percent * _WHOLE

    def as_json(self) -> dict[str, Any]:
        """For ``/status``."""
        told = {"percent": self.percent, "salt": self.salt, "generation": self.generation}
        return {**told, "since": self.since} if self.since else told


def position(salt: str, session: str) -> int:
    """Where a session falls, in [0, 2^64)."""
    data = f"{salt}\0{session}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8])


def split_to_bytes(split: Split) -> bytes:
    """``split.json``."""
    body = {**split.as_json(), "schema": SPLIT_SCHEMA}
    return canonical_json({**body, "sha256": digest(canonical_json(body))})


def split_from_bytes(data: bytes) -> Split:
    """The inverse of :func:`split_to_bytes`; fields that it does not know are ignored.

    Raises:
        DocumentError: it is empty, cut, changed by hand, of another major version, or makes no sense.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DocumentError(f"the split is not JSON ({error}); the operator writes it") from None
    if not isinstance(body, dict):
        raise DocumentError("the split is not a JSON object; the operator writes it")
    said = body.pop("sha256", None)
    if said != digest(canonical_json(body)):
        raise DocumentError("the split's sha256 is not that of its content: it was cut or changed by hand")
    schema = body.get("schema")
    if not isinstance(schema, str) or schema.partition(".")[0] != SPLIT_SCHEMA.partition(".")[0]:
        raise DocumentError(f"the split has schema {schema!r:.20}, this version reads {SPLIT_SCHEMA}")
    return _checked(body)


def _checked(body: Mapping[str, Any]) -> Split:
    percent, salt, generation = body.get("percent"), body.get("salt"), body.get("generation")
    if type(percent) is not int or not 0 <= percent <= 100:
        raise DocumentError(f"the split's percent is {percent!r:.20}; a whole number from 0 to 100 is allowed")
    if not isinstance(salt, str):
        raise DocumentError(f"the split's salt is {salt!r:.20}; a text is allowed")
    if type(generation) is not int:
        raise DocumentError(f"the split's generation is {generation!r:.20}; a whole number is allowed")
    since = body.get("since", "")
    return Split(percent, salt, generation, since if isinstance(since, str) else str(since))

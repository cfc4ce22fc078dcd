"""A spec that is proposed for a router and waits for a person: the annotation ``tierrouter.dev/proposal``.

It is meant for the spec that it was made from: where that has changed since, it would take the change back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.errors import DocumentError
from tierrouter_core.resources.inputs import HOLDS_OR_KEEPS_REVISIONS

MAX_PROPOSAL_BYTES: Final = 128 * 1024
"""Of the annotation: all annotations of an object may have 256 KiB together."""
_NONCE: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed, and why."""

    spec: Mapping[str, Any]
    """A TierRouter's ``spec``."""
    made_from: str
    """:func:`asked_digest` of the spec that the router had."""
    message: str
    """What to expect of it, in one sentence for people."""
    expected: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs: ``expected`` of a tuned policy, with ``floor`` and ``baseline_model``."""

    @property
    def nonce(self) -> str:
        """Tells one proposal from another."""
        return digest(proposal_text(self).encode())[:_NONCE]

    def fits(self, spec: Mapping[str, Any]) -> bool:
        """Whether ``spec``, a router's, is what it was made from."""
        return asked_digest(spec) == self.made_from

    def brought_to(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The proposed spec, with what ``spec`` says of how revisions are held, kept and rolled out."""
        kept = {key: value for key, value in spec.items() if key in HOLDS_OR_KEEPS_REVISIONS}
        return {**{key: value for key, value in self.spec.items() if key not in HOLDS_OR_KEEPS_REVISIONS}, **kept}


def asked_digest(spec: Mapping[str, Any]) -> str:
    """Digest of what a spec, as the API server has it, says of routing."""
    return digest(canonical_json({key: value for key, value in spec.items() if key not in HOLDS_OR_KEEPS_REVISIONS}))


def proposal_text(proposal: Proposal) -> str:
    """The annotation."""
    return canonical_json(
        {
            "spec": proposal.spec,
            "madeFrom": proposal.made_from,
            "message": proposal.message,
            "expected": proposal.expected,
        }
    ).decode()


def proposal_from(text: str) -> Proposal | None:
    """The annotation, read; None where there is none. Raises DocumentError for what is no proposal."""
    if not text:
        return None
    try:
        found = orjson.loads(text)
        spec, expected = found["spec"], found.get("expected") or {}
        if not isinstance(spec, dict) or not isinstance(expected, dict):
            raise TypeError("spec and expected have to be objects")
        return Proposal(spec=spec, made_from=str(found["madeFrom"]), message=str(found["message"]), expected=expected)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DocumentError(f"it is no proposal: {said}") from None

"""A configuration as it was read, wherever it came from."""

from dataclasses import dataclass

from tierrouter_core.document.model import Document


@dataclass(frozen=True, slots=True)
class Loaded:
    """A validated document with its name."""

    document: Document
    revision: str
    warnings: tuple[str, ...] = ()
    text: bytes = b""
    """The document's canonical bytes."""

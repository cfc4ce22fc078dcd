"""A configuration as it was read, wherever it came from."""

from dataclasses import dataclass

from tierrouter_core.document.model import Document
from tierrouter_core.rollout.split import Split


@dataclass(frozen=True, slots=True)
class Loaded:
    """A validated document with its name, and what is tried beside it."""

    document: Document
    revision: str
    warnings: tuple[str, ...] = ()
    text: bytes = b""
    """The document's canonical bytes."""
    split: Split | None = None
    """Which sessions try the canary; also where there is none."""
    canary: "Loaded | None" = None
    canary_refused: str = ""
    """Why a canary that is there is left out; empty where it is not."""

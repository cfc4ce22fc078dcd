"""What keeps a suite's runs from beginning, or a run from being decided."""

from dataclasses import dataclass

from tierrouter_core.regression.words import RunReason


@dataclass(frozen=True, slots=True)
class Hindrance:
    """A reason, and all there is to say about it."""

    reason: RunReason
    message: str

"""What keeps something that was asked for from being done, as a word for programs and a sentence for people."""

from collections.abc import Sequence
from dataclasses import dataclass

from tierrouter_core.contract import ConditionReason
from tierrouter_core.errors import ConfigurationError

_SAID_AT_MOST = 8
_MAX_MESSAGE = 8_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason, and all there is to say about it."""

    reason: ConditionReason
    message: str


def in_one_message(sentences: Sequence[str]) -> str:
    """The sentences as one text that fits into a condition."""
    said = list(sentences[:_SAID_AT_MOST])
    if len(sentences) > _SAID_AT_MOST:
        said.append(f"and {len(sentences) - _SAID_AT_MOST} more")
    text = "; ".join(said)
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"


def problems_of(error: ConfigurationError) -> str:
    """Every problem of a configuration, in one message."""
    return in_one_message([str(problem) for problem in error.problems])

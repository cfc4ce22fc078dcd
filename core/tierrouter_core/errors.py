"""The core's errors. A message says what was wrong, where, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass


class TierRouterError(Exception):
    """Anything that TierRouter can explain; what is not one of these is a defect."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in what a user wrote."""

    source: str
    """File name as the user gave it, with the line where known: ``coding.yaml:12``."""
    document: str
    """``TierRouter/coding``, or ``document 2`` where it has no usable name."""
    path: str
    """Field path as the user would write it: ``spec.tiers[2].rank``; empty for the whole document."""
    message: str
    """What was found and what is allowed."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.document, self.path, self.message) if part)


class ConfigurationError(TierRouterError):
    """A router file that can't be used; holds every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DocumentError(TierRouterError):
    """A compiled document that this version can't read."""


class RuleError(TierRouterError):
    """A rule's expression that does not compile."""


class ForcedTierError(TierRouterError):
    """A tier or model was forced that the document does not have."""


class MalformedRequestError(TierRouterError):
    """A client's request that can't be understood; the message is for the client."""


class ResultsError(TierRouterError):
    """Benchmark results that a policy can't be tuned from."""


class StateError(TierRouterError):
    """What a suite's runs handed on that can't be read, or is too long."""

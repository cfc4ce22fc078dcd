"""One look at a sidecar, or at all of a namespace: what was seen, and what could not be."""

from dataclasses import dataclass
from typing import Protocol

from tierrouter_core.errors import TierRouterError
from tierrouter_core.summary.model import Summary


class LookError(TierRouterError):
    """Nothing could be seen; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One sidecar of a namespace."""

    name: str
    summary: Summary | None
    """None where it did not answer."""
    why: str = ""
    """Why it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at once."""

    where: str
    """An address, or a namespace."""
    total: Summary
    pods: tuple[Pod, ...] | None = None
    """Of a namespace; None for one sidecar that was asked itself."""
    left_out: int = 0
    """Pods of suites, whose turns nobody's work depends on."""


class Source(Protocol):
    """What can be looked at again and again."""

    async def look(self) -> Look:
        """As it is now; raises LookError."""

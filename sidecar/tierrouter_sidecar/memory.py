"""What a process that has become quiet gives back to its machine.

An allocator keeps what the busiest moment took, for the next one; so does Python in its lists of free objects; and
rings of garbage wait for a collector that is told to come seldom. To give it back after each turn would make large
turns a tenth slower. Nobody waits for a sidecar that has had nothing to do for a while.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable
from typing import Protocol

LOOKED_EVERY_S = 10.0
"""Two looks in a row that find no turn, and none between them, make a process quiet."""


class Busy(Protocol):
    """What has turns."""

    @property
    def in_flight(self) -> int:
        """How many are under way."""

    @property
    def begun(self) -> int:
        """How many there have been."""


def give_back() -> None:
    """Collect what is garbage, and let the system have the pages that are free. Takes some milliseconds."""
    gc.collect()
    if _trim is not None:
        _trim(0)


async def give_back_when_quiet(turns: Busy, every_s: float = LOOKED_EVERY_S) -> None:
    """Do it once in each quiet time that follows a turn, until cancelled."""
    given_at = turns.begun
    idle_at: int | None = given_at
    while True:
        await asyncio.sleep(every_s)
        # Not by the number alone: a long turn that has just ended began before the look before this one.
        before, idle_at = idle_at, None if turns.in_flight else turns.begun
        if idle_at is not None and idle_at == before and idle_at != given_at:
            give_back()
            given_at = idle_at


def _trimmer() -> Callable[[int], int] | None:
    """``malloc_trim(3)``, which only glibc has."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


_trim = _trimmer()

"""Tasks whose outcome flips from night to night while the model stays the same: they tell of themselves, not of it.

They are named, and set aside where a candidate is tested against the incumbent, which their flips would only blur.
Whether a task is set aside is decided by *earlier* nights alone: what it did tonight may not decide whether tonight
counts, or failures could be picked out. At most one task in twenty is set aside.

A tier's accuracy counts them all the same, and so does the proof that a candidate is not worse. Flaky tasks are the
hard ones, and a model that gets worse fails at these first: with them left out, half of a slip would not be seen.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from tierrouter_core.canonical import digest
from tierrouter_core.regression.results import TaskOutcome, TaskResult

NIGHTS: Final = 8
"""How many are remembered."""
FLIPS: Final = 3
"""How often an outcome has changed in them, at least: a model that gets worse, or better, changes it once."""
MOST_SHARE: Final = 0.05
"""Of a cell's tasks."""
_KEY: Final = 8
_LETTER: Final = {TaskOutcome.RESOLVED: "1", TaskOutcome.UNRESOLVED: "0", TaskOutcome.ERROR: "."}


@dataclass(frozen=True, slots=True)
class Memory:
    """What tasks did in the last nights, with one model."""

    nights: int = 0
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """By a task's key: a letter a night, newest last; ``1`` resolved, ``0`` not, ``.`` nobody knows. A task that was
    resolved in all of them is left out."""


@lru_cache(maxsize=65_536)
def key_of(task: str) -> str:
    """What a task is remembered by, for an id can be long: 8 hex characters."""
    return digest(task.encode())[:_KEY]


@lru_cache(maxsize=16_384)
def flips(outcomes: str) -> int:
    """How often the outcome changed."""
    known = outcomes.replace(".", "")
    return sum(one != other for one, other in pairwise(known))


def set_aside(tasks: Iterable[TaskResult], memory: Memory) -> frozenset[str]:
    """Ids of the tasks that are set aside tonight; those that flip most, where there are too many."""
    ids = [task.task for task in tasks]
    shaky = sorted(
        ((flips(memory.outcomes[key]), task) for task in ids if (key := key_of(task)) in memory.outcomes),
        key=lambda found: (-found[0], found[1]),
    )
    most = int(len(ids) * MOST_SHARE)
    return frozenset([task for count, task in shaky if count >= FLIPS][:most])


def remembered(memory: Memory, tasks: Collection[TaskResult], most: int) -> Memory:
    """The memory with one more night; at most so many tasks, those that flip most first."""
    tonight = {key_of(task.task): _LETTER[task.outcome] for task in tasks}
    outcomes = {}
    for key in memory.outcomes.keys() | {key for key, letter in tonight.items() if letter == "0"}:
        # One that was not tried before counts as resolved until then: at most one flip too many.
        before = memory.outcomes.get(key, "1" * memory.nights)
        outcomes[key] = (before + tonight.get(key, "."))[-NIGHTS:]
    kept = sorted(
        ((flips(letters), key, letters) for key, letters in outcomes.items() if "0" in letters),
        key=lambda found: (-found[0], found[1]),
    )[:most]
    return Memory(
        min(memory.nights + 1, NIGHTS), {key: letters for _, key, letters in sorted(kept, key=lambda k: k[1])}
    )

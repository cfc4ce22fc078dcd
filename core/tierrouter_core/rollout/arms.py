"""What is counted of the two sides of a trial, so that sessions can be compared and not only turns.

A session's turns are alike: one with a broken tool fails again and again. So the turns of a hundred sessions tell as
much as a hundred sessions do, and for each figure x of a session with n turns the sums of x, of x² and of x·n are kept,
beside those of n and n². They tell how much sessions differ, they can be added up over sidecars in any order, and they
take as little room for a million sessions as for one. All are whole numbers: no order of adding changes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MOST: Final = 2**63 - 1
"""What JSON's readers can be sure to read."""
MICROS_PER_UNIT: Final = 100
"""Cost is compared in units of $0.0001, so that squares stay small."""


class Figure(StrEnum):
    """What is counted of each turn, by its name in JSON."""

    ERRORS = "errors"
    """The turn failed for the client."""
    FALLBACKS = "fallbacks"
    """Another tier stood in for the one that was decided on."""
    ESCALATIONS = "escalations"
    TOOL_ERRORS = "toolErrors"
    """It came with the result of a tool that had failed."""
    DEEP_TURNS = "deepTurns"
    """A tier that is marked expensive served."""
    COST = "costUsdE4"
    """In units of $0.0001."""


FIGURES: Final = tuple(Figure)
COST_PLACE: Final = FIGURES.index(Figure.COST)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one figure, over sessions."""

    total: int = 0
    squares: int = 0
    products: int = 0
    """Of the figure and the session's turns."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side: every session of it."""

    sessions: int = 0
    turns: int = 0
    turns_squared: int = 0
    unpriced: int = 0
    """Turns whose cost is not known."""
    sums: tuple[Sums, ...] = (Sums(),) * len(FIGURES)
    """As :data:`FIGURES`."""

    def of(self, figure: Figure) -> Sums:
        """One figure's."""
        return self.sums[FIGURES.index(figure)]

    def __add__(self, other: "Arm") -> "Arm":
        """Both together."""
        return arm_from_numbers([mine + its for mine, its in zip(self.numbers(), other.numbers(), strict=True)])

    def numbers(self) -> list[int]:
        """All of it in a fixed order."""
        told = [self.sessions, self.turns, self.turns_squared, self.unpriced]
        for sums in self.sums:
            told += (sums.total, sums.squares, sums.products)
        return told


NOTHING: Final = Arm()
_NUMBERS: Final = len(NOTHING.numbers())


@dataclass(frozen=True, slots=True)
class Arms:
    """Both sides of one trial."""

    stable: Arm = NOTHING
    canary: Arm = NOTHING

    def __add__(self, other: "Arms") -> "Arms":
        """Both together."""
        return Arms(self.stable + other.stable, self.canary + other.canary)

    @property
    def turns(self) -> int:
        """Of both."""
        return self.stable.turns + self.canary.turns


def added_up(many: Iterable[Arms]) -> Arms:
    """The sum, whatever the order."""
    stable, canary = [0] * _NUMBERS, [0] * _NUMBERS
    for each in many:
        stable = [mine + its for mine, its in zip(stable, each.stable.numbers(), strict=True)]
        canary = [mine + its for mine, its in zip(canary, each.canary.numbers(), strict=True)]
    return Arms(arm_from_numbers(stable), arm_from_numbers(canary))


def arm_from_numbers(numbers: list[Any]) -> Arm:
    """The inverse of :meth:`Arm.numbers`; ValueError for what no count can be."""
    if len(numbers) != _NUMBERS or not all(type(each) is int and each >= 0 for each in numbers):
        raise ValueError("these are not the counts of one side of a trial")
    sums = tuple(Sums(*numbers[at : at + 3]) for at in range(4, _NUMBERS, 3))
    sessions, turns, turns_squared, unpriced = numbers[:4]
    return Arm(sessions, turns, turns_squared, unpriced, sums)


def arm_of(sessions: Iterable[Mapping[Figure, int]], turns: Iterable[int]) -> Arm:
    """An arm of whole sessions: the figures of each, and its turns."""
    numbers = [0] * _NUMBERS
    for session, n in zip(sessions, turns, strict=True):
        numbers[0] += 1
        numbers[1] += n
        numbers[2] += n * n
        for place, figure in enumerate(FIGURES):
            x = session.get(figure, 0)
            at = 4 + 3 * place
            numbers[at] += x
            numbers[at + 1] += x * x
            numbers[at + 2] += x * n
    return arm_from_numbers(numbers)


def arm_to_json(arm: Arm) -> dict[str, Any]:
    """As ``/status`` shows it: counts, and for each figure the sums of x, x² and x·n over sessions."""
    told: dict[str, Any] = {
        "sessions": arm.sessions,
        "turns": arm.turns,
        "turnsSquared": arm.turns_squared,
        "unpriced": arm.unpriced,
    }
    for figure, sums in zip(FIGURES, arm.sums, strict=True):
        told[figure.value] = [min(each, _MOST) for each in (sums.total, sums.squares, sums.products)]
    return told


def arm_from_json(data: Any) -> Arm:
    """The inverse of :func:`arm_to_json`; ValueError for what no sidecar says, such as what is not a number."""
    if not isinstance(data, Mapping):
        raise ValueError("one side of a trial is not an object")
    numbers = [data.get(key, 0) for key in ("sessions", "turns", "turnsSquared", "unpriced")]
    for figure in FIGURES:
        sums = data.get(figure, [0, 0, 0])
        if not isinstance(sums, list) or len(sums) != 3:
            raise ValueError(f"{figure} is not a list of three numbers")
        numbers += sums
    return arm_from_numbers(numbers)

"""How thresholds move: one step at an event, within their bounds, and back again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Protocol

from tierrouter_core.resources.router import Threshold


class StepKind(StrEnum):
    """What a step follows."""

    REGRESSION = "regression"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One threshold's part of a step."""

    threshold: str
    before: int
    after: int
    is_first: bool
    """Whether it stood as the router's spec has it, so that nothing of it is left when the step is undone."""

    def __str__(self) -> str:
        return f"{self.threshold} {self.before} -> {self.after}"


class HasMoves(Protocol):
    """A step, as far as this module needs one."""

    @property
    def moves(self) -> tuple[Move, ...]: ...


class Stepped(NamedTuple):
    """What one step does."""

    moves: tuple[Move, ...]
    """Thresholds that move; empty where all stay."""
    held: tuple[str, ...]
    """Thresholds that would move, were they not at their bounds, each with its bound."""


def step(kind: StepKind, thresholds: Sequence[Threshold], overlay: Mapping[str, int]) -> Stepped:
    """One step of every threshold, by its ``onRegression`` or ``onPromotion``.

    Args:
        kind: which of the two.
        thresholds: with their values in force.
        overlay: those that earlier decisions moved.
    """
    moves, held = [], []
    for threshold in thresholds:
        by = threshold.on_regression if kind is StepKind.REGRESSION else threshold.on_promotion
        value = _within(threshold, threshold.value + by)
        # A value that is out of its bounds is never moved against the step's direction.
        if (value - threshold.value) * by > 0:
            moves.append(
                Move(
                    threshold=threshold.name,
                    before=threshold.value,
                    after=value,
                    is_first=threshold.name not in overlay,
                )
            )
        elif by:
            bound = f"its least, {threshold.min}" if by < 0 else f"its most, {threshold.max}"
            held.append(f"{threshold.name} is at {bound}")
    return Stepped(tuple(moves), tuple(held))


def stepped_values(overlay: Mapping[str, int], moves: Sequence[Move]) -> dict[str, int]:
    """The overlay's thresholds after a step."""
    return {**overlay, **{move.threshold: move.after for move in moves}}


class Undone(NamedTuple):
    """What is left when a step is undone."""

    moves: tuple[Move, ...]
    """What moves back; empty where nothing of the step is in force."""
    overlay: dict[str, int]
    later: tuple[tuple[Move, ...], ...]
    """The moves of all steps, as they are without it; of its own those that can't be taken back yet."""


def undo(steps: Sequence[HasMoves], at: int, thresholds: Sequence[Threshold], overlay: Mapping[str, int]) -> Undone:
    """Take one step back, and leave the others.

    A move is taken back where it is in force: not where the user has set the threshold anew since, nor where the
    rollout of its revision was given up. One that steps of somebody else lie on can be taken back when those were.

    Args:
        steps: all that were made, oldest first.
        at: which of them is undone.
        thresholds: with their values in force.
        overlay: the thresholds that are moved; one that is moved to what the spec says may be left out.
    """
    values = dict(overlay)
    moves = [{move.threshold: move for move in one.moves} for one in steps]
    back, waiting = [], {}
    for threshold in thresholds:
        move = moves[at].get(threshold.name)
        if move is None:
            continue
        chain = _chain(moves, threshold.name, threshold.value, overlay)
        stand = chain.stand
        if at not in stand:
            if chain.is_beyond(move):
                waiting[threshold.name] = move
            continue
        # The later steps are made again from where this one began: at a bound they may come less far.
        later = sorted(number for number in stand if number > at)
        begins = move.is_first and at == min(stand)
        value = _within(threshold, move.before)
        for number in later:
            other = moves[number][threshold.name]
            after = _within(threshold, value + other.after - other.before)
            is_first = begins and number == later[0]
            moves[number][threshold.name] = replace(other, before=value, after=after, is_first=is_first)
            value = after
        if value != threshold.value:
            back.append(Move(threshold=threshold.name, before=threshold.value, after=value, is_first=begins))
        if begins and not later:
            values.pop(threshold.name, None)
        elif threshold.name in overlay or value != threshold.value:
            values[threshold.name] = value
    moves[at] = waiting
    return Undone(tuple(back), values, tuple(tuple(of_step.values()) for of_step in moves))


def in_force(steps: Sequence[HasMoves], thresholds: Sequence[Threshold], overlay: Mapping[str, int]) -> frozenset[int]:
    """Which steps are in force, in part at least: a rollout may have been given up, or not be over yet.

    Args:
        steps: all that were made, oldest first.
        thresholds: the router's.
        overlay: the thresholds that are moved, with their values.
    """
    moves = [{move.threshold: move for move in one.moves} for one in steps]
    values = {threshold.name: overlay.get(threshold.name, threshold.value) for threshold in thresholds}
    return frozenset(number for name, value in values.items() for number in _chain(moves, name, value, overlay).stand)


def covered(steps: Sequence[HasMoves], thresholds: Sequence[Threshold], overlay: Mapping[str, int]) -> frozenset[int]:
    """Which steps steps of somebody else lie on, so that nothing of them can be taken back yet.

    The arguments are those of :func:`undo`.
    """
    moves = [{move.threshold: move for move in one.moves} for one in steps]
    stand, beyond = set[int](), set[int]()
    for threshold in thresholds:
        chain = _chain(moves, threshold.name, threshold.value, overlay)
        stand |= chain.stand
        beyond |= {number for number, of_step in enumerate(moves) if chain.is_beyond(of_step.get(threshold.name))}
    return frozenset(beyond - stand)


class _Chain(NamedTuple):
    """The steps that a threshold's value is made of."""

    stand: frozenset[int] = frozenset()
    moved_to: int | None = None
    """Where somebody else had moved it when the oldest of them began; None where it stood as the spec has it."""

    def is_beyond(self, move: Move | None) -> bool:
        """Whether somebody else has moved the threshold on from where this step had moved it."""
        if move is None or self.moved_to is None:
            return False
        return (self.moved_to - move.after) * (move.after - move.before) > 0


def _chain(steps: Sequence[Mapping[str, Move]], name: str, value: int, overlay: Mapping[str, int]) -> _Chain:
    """Back from what the threshold is now, each step has to begin where one ended."""
    found: dict[int, Move] = {}
    began = value
    for number in range(len(steps) - 1, -1, -1):
        move = steps[number].get(name)
        if move is not None and move.after == began:
            found[number] = move
            began = move.before
    is_from_spec = bool(found) and found[min(found)].is_first
    if name not in overlay:
        # Steps may have come back to what the spec says. A spec that says what they came to, and began elsewhere, is
        # its user's.
        return _Chain() if is_from_spec and began != value else _Chain(frozenset(found))
    return _Chain(frozenset(found), None if is_from_spec else began)


def _within(threshold: Threshold, value: int) -> int:
    return min(max(value, threshold.min), threshold.max)

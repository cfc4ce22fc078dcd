"""What sidecars expose of a trial for Prometheus, what is asked of it, and what its answer says.

A sidecar shows the numbers of both sides (:mod:`tierrouter_core.rollout.arms`) as series of one metric, as long as the
trial lasts. Each process has series of its own and its numbers only grow, so nothing has to be made of restarts: the
last of every process is added up, also of those that have ended, and the greatest is taken where one is scraped twice.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from tierrouter_core.rollout.arms import FIGURES, Arm, Arms, Figure, arm_from_numbers

METRIC: Final = "tierrouter_trial_count"
LABELS: Final = ("trial", "process", "side", "number")
"""``process``: what ``/status`` calls ``instance``, a label that Prometheus sets itself."""
SIDES: Final = ("stable", "canary")
_SNAKE: Final = {Figure.TOOL_ERRORS: "tool_errors", Figure.DEEP_TURNS: "deep_turns", Figure.COST: "cost_usd_e4"}
NUMBERS: Final = (
    *("sessions", "turns", "turns_squared", "unpriced"),
    *(f"{_SNAKE.get(figure, figure)}{of}" for figure in FIGURES for of in ("", "_squared", "_by_turns")),
)
"""As :meth:`Arm.numbers` has them."""

MOST_BYTES: Final = 256 * 1024
"""Of an answer: it has a line for each number of each side, and no more."""
_EARLIER_S: Final = 300
"""A scrape may be older than the canary's first second by the clock of another machine."""
_MOST: Final = 2.0**63
_ROUNDED: Final = 1e-9
"""Numbers beyond 2^53 come rounded."""
_LONGEST: Final = 200


def exposed(arms: Arms) -> Iterator[tuple[str, str, int]]:
    """Each number of both sides: side, name, value."""
    for side, arm in zip(SIDES, (arms.stable, arms.canary), strict=True):
        for name, value in zip(NUMBERS, arm.numbers(), strict=True):
            yield side, name, value


def query(trial: str, age_s: float, matching: Mapping[str, str]) -> str:
    """What Prometheus is asked, in PromQL; its answer has one line for each number of each side.

    Args:
        trial: its id.
        age_s: for how long it has lasted: what ended since then counts.
        matching: labels that the scrape has set and that have to have this value, such as the namespace.
    """
    labels = ", ".join(f"{name}={_quoted(value)}" for name, value in {"trial": trial, **matching}.items())
    range_s = max(0, math.ceil(age_s)) + _EARLIER_S
    last = f"last_over_time({METRIC}{{{labels}}}[{range_s}s])"
    return f"sum by (side, number) (max by (process, side, number) ({last}))"


def arms_from_answer(status: int, body: bytes) -> Arms | str:
    """Both sides' numbers, by an answer to :func:`query`; or why it can't be used, in words that follow "Prometheus".

    Everything has to be there, be a count, and fit together: half an answer would be taken for a bad canary.
    """
    if len(body) > MOST_BYTES:
        return f"answers with more than {MOST_BYTES // 1024} KiB"
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    said = answer if isinstance(answer, dict) else {}
    if status != 200:
        error = " ".join(str(said.get("error") or "").split())[:_LONGEST]
        return f"answers with status {status}{f': {error}' if error else ''}"
    data = said.get("data")
    if said.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "vector":
        return "answers with something else than a result: is there another server at that address?"
    if said.get("warnings"):
        warning = " ".join(str(said["warnings"]).split())[:_LONGEST]
        return f"warns that its answer may be incomplete: {warning}"
    found = _numbers(data.get("result"))
    if isinstance(found, str):
        return found
    missing = [(side, name) for side in SIDES for name in NUMBERS if (side, name) not in found]
    if missing:
        side, name = missing[0]
        every = len(SIDES) * len(NUMBERS)
        return f"has {len(found)} of {every} numbers of the trial; {name} of the {side} side is missing"
    stable, canary = (arm_from_numbers([found[side, name] for name in NUMBERS]) for side in SIDES)
    for side, arm in zip(SIDES, (stable, canary), strict=True):
        if not fits_together(arm):
            return f"says of the {side} side what no sessions can add up to"
    return Arms(stable, canary)


def _numbers(result: Any) -> dict[tuple[str, str], int] | str:
    if not isinstance(result, list):
        return "answers with something else than a result: is there another server at that address?"
    if not result:
        return f"has no series {METRIC} of the trial: does it scrape the sidecars?"
    found: dict[tuple[str, str], int] = {}
    for line in result:
        try:
            side, name = line["metric"]["side"], line["metric"]["number"]
            text = line["value"][1]
        except (KeyError, TypeError, IndexError):
            return "answers with a line that has no side, number or value"
        if side not in SIDES or name not in NUMBERS:
            # Of a later version.
            continue
        value = _count(text)
        if value is None:
            return f"says that {name} of the {side} side is {str(text)[:20]}, which is no count"
        if (side, name) in found:
            return f"says twice what {name} of the {side} side is"
        found[side, name] = value
    return found


def _count(text: Any) -> int | None:
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return int(value) if value.is_integer() and 0 <= value < _MOST else None


def fits_together(arm: Arm) -> bool:
    """Whether there can be sessions whose sums these are."""
    n, turns, squares = arm.sessions, arm.turns, arm.turns_squared
    if not (n <= turns <= squares and arm.unpriced <= turns and _may_be(turns, n, squares)):
        return False
    for figure, sums in zip(FIGURES, arm.sums, strict=True):
        total = sums.total
        if total > sums.squares * (1 + _ROUNDED) or total > sums.products * (1 + _ROUNDED):
            return False
        if figure is not Figure.COST and total > turns:
            return False
        if not (_may_be(total, n, sums.squares) and _may_be(sums.products, squares, sums.squares)):
            return False
    return True


def _may_be(product: int, one: int, other: int) -> bool:
    """What Cauchy and Schwarz say of a sum of products, and of the two sums of squares."""
    return product**2 <= one * other * (1 + _ROUNDED)


def _quoted(text: str) -> str:
    """A string of PromQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

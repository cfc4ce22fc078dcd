"""What Prometheus' HTTP API answers where it holds these counts."""

from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import strategies as st

from tierrouter_core.rollout.arms import FIGURES, Arms, Figure, arm_of
from tierrouter_core.rollout.exposed import exposed

Line = dict[str, Any]


@st.composite
def _sessions(draw: st.DrawFn) -> tuple[dict[Figure, int], int]:
    """One that there can be: of its turns, no more fail than there are."""
    turns = draw(st.integers(1, 60))
    figures = {figure: draw(st.integers(0, 9_000 if figure is Figure.COST else turns)) for figure in FIGURES}
    return figures, turns


_ARM = st.lists(_sessions(), max_size=3).map(lambda many: arm_of([each for each, _ in many], [n for _, n in many]))
COUNTS = st.builds(Arms, _ARM, _ARM)
"""Of sessions that there can be."""


def lines_of(arms: Arms) -> list[Line]:
    """A line for each number of each side."""
    return [
        {"metric": {"side": side, "number": number}, "value": [1764500000.123, repr(float(value))]}
        for side, number, value in exposed(arms)
    ]


def answer_of(arms: Arms, change: Callable[[list[Line]], Any] = lambda lines: None, **fields: Any) -> bytes:
    """The body; ``change`` does something to its lines, ``fields`` stand beside them."""
    lines = lines_of(arms)
    change(lines)
    data = {"resultType": "vector", "result": lines}
    return orjson.dumps({"status": "success", "data": data, **fields})

"""What a sidecar counts turn by turn is what counting its whole sessions would give."""

from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.rollout.arms import COST_PLACE, FIGURES, MICROS_PER_UNIT, Figure, arm_from_numbers, arm_of
from tierrouter_sidecar.counters import _Side

TURN = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.lists(st.integers(0, 1), min_size=len(FIGURES) - 1, max_size=len(FIGURES) - 1),
    st.integers(0, 5_000_000),
    st.booleans(),
)


def test_cost_comes_last_as_counting_has_it() -> None:
    assert len(FIGURES) - 1 == COST_PLACE


@given(st.lists(TURN, max_size=40))
def test_sums_are_those_of_whole_sessions(turns: list[tuple[str, list[int], int, bool]]) -> None:
    side = _Side()
    sessions: dict[str, list[int]] = {}
    for session, flags, micros, unpriced in turns:
        side.add(session, [*flags, micros], is_unpriced=unpriced)
        known = sessions.setdefault(session, [0] * (1 + len(FIGURES)))
        for at, more in enumerate([1, *flags, micros]):
            known[at] += more
    whole = [
        {
            figure: known[1 + at] // MICROS_PER_UNIT if figure is Figure.COST else known[1 + at]
            for at, figure in enumerate(FIGURES)
        }
        for known in sessions.values()
    ]
    arm = arm_from_numbers(side.numbers)
    expected = arm_of(whole, [known[0] for known in sessions.values()])
    assert (arm.sessions, arm.turns, arm.turns_squared) == (expected.sessions, expected.turns, expected.turns_squared)
    assert arm.sums == expected.sums
    assert arm.unpriced == sum(unpriced for _, _, _, unpriced in turns)

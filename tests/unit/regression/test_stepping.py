"""How thresholds move, and back."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from nights import DEPTH, FILE_COUNT, moved

from tierrouter_core.regression.stepping import Move, StepKind, covered, in_force, step, stepped_values, undo
from tierrouter_core.resources.revision import TunedValues
from tierrouter_core.resources.router import Threshold


@dataclass(frozen=True)
class Made:
    moves: tuple[Move, ...]


@st.composite
def thresholds(draw: st.DrawFn) -> tuple[Threshold, ...]:
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, min_size=1))
    found = []
    for name in names:
        low, value, high = sorted(draw(st.tuples(*[st.integers(-20, 20)] * 3)))
        regress, promote = draw(st.tuples(st.integers(-5, 5), st.integers(-5, 5)))
        found.append(Threshold(name=name, value=value, min=low, max=high, on_regression=regress, on_promotion=promote))
    return tuple(found)


def now(spec: tuple[Threshold, ...], overlay: dict[str, int]) -> tuple[Threshold, ...]:
    return tuple(moved(threshold, TunedValues(thresholds=overlay, tiers={})) for threshold in spec)


def test_a_step_is_each_thresholds_own_and_a_bound_holds_it_and_is_named() -> None:
    at_the_bound = now((FILE_COUNT, DEPTH), {"planning_depth": 5})
    found = step(StepKind.REGRESSION, at_the_bound, {"planning_depth": 5})
    assert [str(move) for move in found.moves] == ["file_count 8 -> 7"]
    assert found.held == ("planning_depth is at its least, 5",)
    assert [str(move) for move in step(StepKind.PROMOTION, (FILE_COUNT,), {}).moves] == ["file_count 8 -> 9"]


def test_a_value_out_of_its_bounds_is_not_moved_against_the_step() -> None:
    below = Threshold(name="a", value=0, min=3, max=9, on_regression=-1)
    assert step(StepKind.REGRESSION, (below,), {}).moves == ()


def kept(spec: tuple[Threshold, ...], overlay: dict[str, int]) -> dict[str, int]:
    """What a revision keeps of an overlay: less what the spec says anyway."""
    return {name: value for name, value in overlay.items() if value != {t.name: t.value for t in spec}[name]}


@given(thresholds(), st.lists(st.sampled_from(StepKind), max_size=12), st.booleans(), st.data())
def test_steps_stay_within_bounds_and_undoing_them_all_in_any_order_leaves_nothing(
    spec: tuple[Threshold, ...], kinds: list[StepKind], keeps_all: bool, data: st.DataObject
) -> None:
    overlay: dict[str, int] = {}
    steps: list[Made] = []
    for kind in kinds:
        overlay, steps = one_more(spec, overlay, steps, kind)
        overlay = overlay if keeps_all else kept(spec, overlay)
        for threshold in now(spec, overlay):
            assert threshold.min <= threshold.value <= threshold.max
    while steps:
        at = data.draw(st.integers(0, len(steps) - 1))
        undone = undo(steps, at, now(spec, overlay), overlay)
        overlay = undone.overlay if keeps_all else kept(spec, undone.overlay)
        steps = [Made(moves) for number, moves in enumerate(undone.later) if number != at]
        for threshold in now(spec, overlay):
            assert threshold.min <= threshold.value <= threshold.max
    assert overlay == {}


def one_more(
    spec: tuple[Threshold, ...], overlay: dict[str, int], steps: list[Made], kind: StepKind
) -> tuple[dict[str, int], list[Made]]:
    made = step(kind, now(spec, overlay), overlay)
    return stepped_values(overlay, made.moves), [*steps, Made(made.moves)]


@given(thresholds(), st.lists(st.sampled_from(StepKind), max_size=6), st.sampled_from(StepKind), st.booleans())
def test_undoing_the_last_step_restores_exactly_what_was_before(
    spec: tuple[Threshold, ...], kinds: list[StepKind], last: StepKind, keeps_all: bool
) -> None:
    def keep(overlay: dict[str, int]) -> dict[str, int]:
        return overlay if keeps_all else kept(spec, overlay)

    overlay: dict[str, int] = {}
    steps: list[Made] = []
    for kind in kinds:
        overlay, steps = one_more(spec, overlay, steps, kind)
        overlay = keep(overlay)
    after, longer = one_more(spec, overlay, steps, last)
    after = keep(after)
    undone = undo(longer, len(longer) - 1, now(spec, after), after)
    assert keep(undone.overlay) == overlay
    assert undone.later == (*(made.moves for made in steps), ())


def test_what_a_user_has_set_anew_or_a_rollout_gave_up_is_not_undone() -> None:
    spec = (FILE_COUNT,)
    overlay, steps = one_more(spec, {}, [], StepKind.REGRESSION)
    assert in_force(steps, now(spec, overlay), overlay) == {0}
    for there in ({}, {"file_count": 30}):
        undone = undo(steps, 0, now(spec, there), there)
        assert undone.moves == ()
        assert undone.overlay == there
        assert in_force(steps, now(spec, there), there) == frozenset()


def test_a_step_under_one_that_was_given_up_is_still_undone() -> None:
    spec = (FILE_COUNT,)
    first, steps = one_more(spec, {}, [], StepKind.REGRESSION)
    _given_up, steps = one_more(spec, first, steps, StepKind.REGRESSION)
    assert in_force(steps, now(spec, first), first) == {0}
    assert undo(steps, 0, now(spec, first), first).overlay == {}
    assert undo(steps, 1, now(spec, first), first).moves == ()


def test_a_step_that_a_later_one_took_back_to_what_the_spec_says_is_undone_under_it() -> None:
    spec = (FILE_COUNT,)
    first, steps = one_more(spec, {}, [], StepKind.REGRESSION)
    _back, steps = one_more(spec, first, steps, StepKind.PROMOTION)
    assert in_force(steps, spec, {}) == {0, 1}
    undone = undo(steps, 0, spec, {})
    assert [str(move) for move in undone.moves] == ["file_count 8 -> 9"]
    assert undone.overlay == {"file_count": 9}
    assert undo([Made(moves) for moves in undone.later], 1, now(spec, undone.overlay), undone.overlay).overlay == {}


def test_a_step_from_an_earlier_promotion_back_to_what_the_spec_says_is_undone() -> None:
    spec, promoted = (FILE_COUNT,), {"file_count": 9}
    _back, steps = one_more(spec, promoted, [], StepKind.REGRESSION)
    assert undo(steps, 0, spec, {}).overlay == promoted


def test_a_step_whose_outcome_the_user_has_written_into_the_spec_is_not_undone() -> None:
    _after, steps = one_more((FILE_COUNT,), {}, [], StepKind.REGRESSION)
    written = now((FILE_COUNT,), {"file_count": 7})
    assert in_force(steps, written, {}) == frozenset()
    undone = undo(steps, 0, written, {})
    assert (undone.moves, undone.overlay) == ((), {})


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_steps_of_two_suites_are_undone_whichever_is_well_first_and_nothing_is_left(
    whose: list[bool], data: st.DataObject
) -> None:
    spec, overlay = (FILE_COUNT, DEPTH), dict[str, int]()
    suites: dict[bool, list[Made]] = {False: [], True: []}
    for suite in whose:
        if now(spec, overlay)[0].value > FILE_COUNT.min:
            overlay, suites[suite] = one_more(spec, overlay, suites[suite], StepKind.REGRESSION)
    while any(suites.values()):
        free = [
            (suite, at)
            for suite, steps in suites.items()
            for at in range(len(steps))
            if at not in covered(steps, now(spec, overlay), overlay)
        ]
        suite, at = data.draw(st.sampled_from(free))
        undone = undo(suites[suite], at, now(spec, overlay), overlay)
        assert undone.moves
        overlay = kept(spec, undone.overlay)
        suites[suite] = [Made(moves) for number, moves in enumerate(undone.later) if number != at or moves]
    assert overlay == {}


def test_a_step_that_was_given_up_is_covered_by_nothing_of_its_own_suite() -> None:
    spec = (FILE_COUNT,)
    _given_up, steps = one_more(spec, {}, [], StepKind.REGRESSION)
    again, steps = one_more(spec, {}, steps, StepKind.REGRESSION)
    after, steps = one_more(spec, again, steps, StepKind.REGRESSION)
    assert in_force(steps, now(spec, after), after) == {1, 2}
    assert covered(steps, now(spec, after), after) == frozenset()
    assert covered(steps[:1], spec, {}) == frozenset()


def test_of_a_step_that_another_suites_lies_on_in_part_the_rest_is_undone_and_that_part_kept() -> None:
    spec = (FILE_COUNT, DEPTH)
    after, steps = one_more(spec, {}, [], StepKind.REGRESSION)
    by_another = {**after, "file_count": 6}
    assert covered(steps, now(spec, by_another), by_another) == frozenset()
    undone = undo(steps, 0, now(spec, by_another), by_another)
    assert [str(move) for move in undone.moves] == ["planning_depth 5 -> 6"]
    assert undone.overlay == {"file_count": 6}
    (left,) = undone.later
    assert [str(move) for move in left] == ["file_count 8 -> 7"]
    assert covered([Made(left)], now(spec, undone.overlay), undone.overlay) == {0}


def test_a_step_is_not_covered_by_what_its_user_has_set_anew_since() -> None:
    _before, steps = one_more((FILE_COUNT,), {}, [], StepKind.REGRESSION)
    spec = now((FILE_COUNT,), {"file_count": 5})
    after, steps = one_more(spec, {}, steps, StepKind.REGRESSION)
    assert after == {"file_count": 4}
    assert covered(steps, now(spec, after), after) == frozenset()

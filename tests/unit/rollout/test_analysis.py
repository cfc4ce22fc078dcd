"""What becomes of a canary, and what never may."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierrouter_core.resources.guards import Rollout
from tierrouter_core.resources.revision import OriginType
from tierrouter_core.rollout.analysis import Action, Look, Progress, judge, looks_from_json
from tierrouter_core.rollout.arms import FIGURES, Arm, Arms, Figure, arm_of
from tierrouter_core.rollout.settings import Settings, settings_of

PROMOTION = settings_of(Rollout(), OriginType.PROMOTION)
REGRESSION = settings_of(Rollout(), OriginType.REGRESSION)
BEGAN = Progress(since_s=1_000_000.0)
OVER = BEGAN.since_s + PROMOTION.window_s
DEADLINE = BEGAN.since_s + PROMOTION.deadline_s


def arm(sessions: int, turns: int = 20, **figures: int) -> Arm:
    """Sessions alike; each figure by name, as so much in every session."""
    of = {Figure[name.upper()]: value for name, value in figures.items()}
    return arm_of([of] * sessions, [turns] * sessions)


def mixed(sessions: int, every: int, turns: int = 20, figure: Figure = Figure.ERRORS, much: int = 2) -> Arm:
    """Sessions of which each ``every``-th has ``much`` of a figure."""
    return arm_of([{figure: much} if at % every == 0 else {} for at in range(sessions)], [turns] * sessions)


GOOD = Arms(mixed(180, 9), mixed(20, 9))


def test_a_routers_settings_are_taken_over() -> None:
    assert (
        Settings(min_turns=200, window_s=1800.0, max_error_percent=2, deadline_s=86_400.0, towards_safety=False)
        == PROMOTION
    )
    assert REGRESSION.towards_safety
    assert not settings_of(Rollout(), OriginType.RECOVERY).towards_safety


def test_one_that_is_as_good_takes_over_when_time_and_turns_are_over() -> None:
    early = judge(PROMOTION, BEGAN, GOOD, OVER - 1)
    assert early.action is Action.WAIT
    verdict = judge(PROMOTION, replace(BEGAN, looks=early.looks), GOOD, OVER)
    assert verdict.action is Action.PROMOTE
    assert verdict.reason == (
        "none of 6 figures is worse than tolerated in 400 turns of 20 sessions over 30 min: failed turns 1.5 %, "
        "1.1 % of the stable revision"
    )


def test_one_that_fails_goes_at_the_first_look_that_shows_it() -> None:
    verdict = judge(PROMOTION, BEGAN, Arms(mixed(180, 9), arm(8, errors=8)), BEGAN.since_s + 360)
    assert verdict.action is Action.ROLL_BACK
    assert [look.part for look in verdict.looks] == [1]
    assert verdict.reason.startswith("failed turns: 40.0 % in 160 turns of 8 sessions, ")
    assert "at look 1 of 5" in verdict.reason


@pytest.mark.parametrize(
    ("figure", "much"),
    [
        (Figure.ERRORS, 3),
        (Figure.FALLBACKS, 5),
        (Figure.TOOL_ERRORS, 6),
        (Figure.ESCALATIONS, 7),
        (Figure.DEEP_TURNS, 7),
        (Figure.COST, 9_000),
    ],
)
def test_each_figure_alone_rolls_back(figure: Figure, much: int) -> None:
    base = {Figure.COST: 2_000}
    stable = arm_of(
        [base | ({figure: 2} if at % 9 == 0 and figure is not Figure.COST else {}) for at in range(400)], [20] * 400
    )
    canary = arm_of([base | {figure: much}] * 40, [20] * 40)
    verdict = judge(PROMOTION, BEGAN, Arms(stable, canary), OVER)
    assert verdict.action is Action.ROLL_BACK, verdict.reason
    worst = max(verdict.comparisons, key=lambda each: each.sure)
    assert worst.figure is figure


def test_after_a_regression_more_escalations_are_what_is_wanted() -> None:
    canary = arm_of([{Figure.ESCALATIONS: 9, Figure.DEEP_TURNS: 12, Figure.COST: 350}] * 40, [20] * 40)
    arms = Arms(arm_of([{Figure.COST: 200}] * 400, [20] * 400), canary)
    assert judge(REGRESSION, BEGAN, arms, OVER).action is Action.PROMOTE
    assert judge(PROMOTION, BEGAN, arms, OVER).action is Action.ROLL_BACK


def test_errors_have_a_limit_of_their_own_however_bad_the_stable_revision_is() -> None:
    arms = Arms(mixed(400, 2, much=3), mixed(60, 2, much=3))
    verdict = judge(PROMOTION, BEGAN, arms, OVER)
    assert verdict.action is Action.ROLL_BACK
    assert "maxErrorPercent is 2.0 %" in verdict.reason


def test_errors_up_to_that_limit_are_no_proof() -> None:
    arms = Arms(mixed(400, 5, much=2), mixed(60, 5, much=2))
    assert judge(PROMOTION, BEGAN, arms, OVER).action is Action.PROMOTE


def test_cost_is_not_compared_where_a_price_is_missing() -> None:
    canary = replace(arm(40, cost=90_000), unpriced=1)
    verdict = judge(PROMOTION, BEGAN, Arms(arm(400, cost=2_000), canary), OVER)
    assert verdict.action is Action.PROMOTE
    assert Figure.COST not in {each.figure for each in verdict.comparisons}


@pytest.mark.parametrize("canary", [Arm(), arm(3, errors=20)])
def test_too_little_waits_and_at_the_deadline_goes_towards_safety(canary: Arm) -> None:
    arms = Arms(arm(400), canary)
    waiting = judge(PROMOTION, BEGAN, arms, OVER)
    assert (waiting.action, waiting.looks) == (Action.WAIT, ())
    assert "at least 5 are needed" in waiting.reason
    dropped, taken = judge(PROMOTION, BEGAN, arms, DEADLINE), judge(REGRESSION, BEGAN, arms, DEADLINE)
    assert (dropped.action, taken.action) == (Action.GIVE_UP, Action.PROMOTE)
    assert "the deadline of 24.0 h passed" in dropped.reason
    assert "towards safety" in taken.reason


@pytest.mark.parametrize("settings_", [PROMOTION, REGRESSION])
def test_at_the_deadline_what_is_clearly_bad_goes_whatever_it_was_for(settings_: Settings) -> None:
    arms = Arms(mixed(400, 9), arm(7, errors=9))
    assert judge(settings_, BEGAN, arms, DEADLINE).action is Action.ROLL_BACK


def test_a_deadline_before_the_window_is_the_last_look() -> None:
    short = replace(PROMOTION, deadline_s=600.0)
    assert judge(short, BEGAN, GOOD, BEGAN.since_s + 600).action is Action.PROMOTE


def test_a_clock_that_was_set_back_waits_and_says_so() -> None:
    verdict = judge(PROMOTION, BEGAN, Arms(GOOD.stable, arm(40, errors=20)), BEGAN.since_s - 3600)
    assert (verdict.action, verdict.looks) == (Action.WAIT, ())
    assert "the clock stands before the canary's beginning" in verdict.reason


def test_a_trial_without_a_stable_side_is_judged_by_its_limit() -> None:
    assert judge(PROMOTION, BEGAN, Arms(Arm(), arm(60)), OVER).action is Action.PROMOTE
    assert judge(PROMOTION, BEGAN, Arms(Arm(), arm(60, errors=9)), OVER).action is Action.ROLL_BACK


def test_nothing_is_looked_at_twice_and_never_more_than_five_times() -> None:
    progress, seen = BEGAN, []
    for second in range(0, 1900, 10):
        share = second / 1800
        arms = Arms(mixed(max(6, int(180 * share)), 9), mixed(max(6, int(60 * share)), 9))
        verdict = judge(PROMOTION, progress, arms, BEGAN.since_s + second)
        if len(verdict.looks) > len(progress.looks):
            seen.append(second)
        progress = replace(progress, looks=looks_from_json([look.as_json() for look in verdict.looks]))
        if verdict.action is not Action.WAIT:
            break
    assert seen == [360, 720, 1080, 1440, 1800]
    assert verdict.action is Action.PROMOTE


def test_a_promotion_that_was_decided_and_not_done_is_decided_again() -> None:
    first = judge(PROMOTION, BEGAN, GOOD, OVER)
    again = judge(PROMOTION, replace(BEGAN, looks=first.looks), GOOD, OVER + 10)
    assert (first.action, again.action) == (Action.PROMOTE, Action.PROMOTE)
    assert again.looks == first.looks


def uneven(*sessions: tuple[int, int]) -> Arm:
    """Sessions by their turns and how many of them failed."""
    return arm_of([{Figure.ERRORS: failed} for _, failed in sessions], [turns for turns, _ in sessions])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            Arms(uneven(*[(10, 0)] * 60), uneven(*[(8, 0)] * 6)),
            Arms(uneven(*[(10, 0)] * 90), uneven((108, 100), *[(16, 8)] * 6)),
            id="one session becomes long",
        ),
        pytest.param(
            Arms(Arm(), uneven(*[(8, 0)] * 6)),
            Arms(uneven((8, 0)), uneven(*[(8, 0)] * 6, *[(8, 8)] * 9)),
            id="the stable side begins late",
        ),
        pytest.param(
            Arms(uneven(*[(10, 0)] * 60), uneven(*[(8, 0)] * 6)),
            Arms(uneven(*[(10, 0)] * 60), uneven(*[(16, 8)] * 6)),
            id="no session more",
        ),
    ],
)
def test_a_look_at_which_no_more_is_known_than_before_still_rolls_back(first: Arms, second: Arms) -> None:
    early = judge(PROMOTION, BEGAN, first, BEGAN.since_s + 400)
    assert (early.action, len(early.looks)) == (Action.WAIT, 1)
    later = judge(PROMOTION, replace(BEGAN, looks=early.looks), second, BEGAN.since_s + 800)
    assert later.action is Action.ROLL_BACK
    assert later.looks[-1].information > early.looks[-1].information


def test_looks_that_somebody_else_wrote_are_refused() -> None:
    for data in (None, 7, [1, 2], [[1]], [["x", 1]]):
        with pytest.raises(ValueError, match=r"."):
            looks_from_json(data)


SESSION = st.fixed_dictionaries({figure: st.integers(0, 20) for figure in FIGURES})
SESSIONS = st.lists(st.tuples(SESSION, st.integers(1, 40)), max_size=12)
LOOKS = st.lists(st.integers(1, 5), max_size=4, unique=True).map(
    lambda parts: tuple(Look(p, 10.0 * p) for p in sorted(parts))
)
WHEN = st.sampled_from([-100.0, 0.0, 360.0, 900.0, 1800.0, 4000.0, 86_400.0, 1e9])


def arm_from(sessions: list[tuple[dict[Figure, int], int]]) -> Arm:
    return arm_of(
        [
            {figure: min(x, n) if figure is not Figure.COST else x * 50 for figure, x in each.items()}
            for each, n in sessions
        ],
        [n for _, n in sessions],
    )


@settings(max_examples=150, deadline=None)
@given(SESSIONS, SESSIONS, LOOKS, WHEN, st.booleans(), st.data())
def test_more_errors_never_turn_a_roll_back_into_anything_better(
    stable: list[tuple[dict[Figure, int], int]],
    canary: list[tuple[dict[Figure, int], int]],
    looks: tuple[Look, ...],
    after_s: float,
    safe: bool,
    data: st.DataObject,
) -> None:
    of, progress, now = (REGRESSION if safe else PROMOTION), replace(BEGAN, looks=looks), BEGAN.since_s + after_s
    worse = [({**each, Figure.ERRORS: each[Figure.ERRORS] + data.draw(st.integers(0, 20))}, n) for each, n in canary]
    small = replace(of, min_turns=20)
    first = judge(small, progress, Arms(arm_from(stable), arm_from(canary)), now)
    second = judge(small, progress, Arms(arm_from(stable), arm_from(worse)), now)
    assert first.action is not Action.ROLL_BACK or second.action is Action.ROLL_BACK
    for verdict in (first, second):
        assert len(verdict.looks) <= 5
        assert verdict.looks[: len(looks)] == looks
        assert all(math.isfinite(each.sure) and math.isfinite(each.canary) for each in verdict.comparisons)
        assert "nan" not in verdict.reason
        assert "\n" not in verdict.reason


@settings(max_examples=100, deadline=None)
@given(SESSIONS, SESSIONS, LOOKS, WHEN)
def test_the_same_is_always_judged_alike(
    stable: list[tuple[dict[Figure, int], int]],
    canary: list[tuple[dict[Figure, int], int]],
    looks: tuple[Look, ...],
    after_s: float,
) -> None:
    arms, progress = Arms(arm_from(stable), arm_from(canary)), replace(BEGAN, looks=looks)
    assert judge(PROMOTION, progress, arms, BEGAN.since_s + after_s) == judge(
        PROMOTION, progress, arms, BEGAN.since_s + after_s
    )

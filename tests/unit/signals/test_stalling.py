"""A task that stalls is moved up inside its tool loop; one that does not stays. With the example's own rules."""

from pathlib import Path

import pytest
from conversations import FAILING, PASSING, STEPS, Talk, edit, read, run, step
from hypothesis import given, settings
from hypothesis import strategies as st

from tierrouter_core.names import Dialect, Reason, TurnKind
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.decision import Decision
from tierrouter_core.routing.session_state import NEW_SESSION, SessionState
from tierrouter_core.signals.reading import NOT_BEGUN, Progress, read_on
from tierrouter_core.turn import read_turn
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts

EXAMPLE = Path(__file__).parents[3] / "examples" / "coding.yaml"


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(compile_texts(read_texts([EXAMPLE]), None).document)


class Session:
    """A conversation that is routed as it grows, as a sidecar does it."""

    def __init__(self, router: Router, dialect: Dialect) -> None:
        self.router = router
        self.talk = Talk(dialect)
        self.state: SessionState = NEW_SESSION
        self._progress: Progress = NOT_BEGUN

    def call(self) -> Decision:
        """The next call of the model."""
        request = self.talk.request()
        self._progress = read_on(request, self._progress)
        known = self._progress
        read = read_turn(
            request.dialect, {"x-tierrouter-session": "s"}, request.body, b"salt", signals=lambda *_: known.signals
        )
        decision = self.router.decide(read.turn, self.state)
        self.state = decision.state
        return decision

    @property
    def tier(self) -> str:
        return self.call().targets[0].tier_name


STALLS = {
    "errors": [run(f"ls {n}", "no such file") for n in range(8)],
    "failing tests": [FAILING, edit("a.py", "1", "2"), FAILING, edit("b.py", "2", "3"), FAILING, read("c.py")],
    "repeated edits": [
        each for n in range(6) for each in (edit("a.py", str(n), str(n + 1)), run(f"pytest -k {n}", "1 failed"))
    ],
    "the same call": [run("git status")] * 6,
}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("what", STALLS)
def test_a_task_that_stalls_is_raised_inside_its_loop_and_stays_up_for_the_prompt(
    router: Router, dialect: Dialect, what: str
) -> None:
    session = Session(router, dialect)
    session.talk.prompt("Make the tests pass.")
    assert session.tier == "routine"
    raised_at = None
    for number, call in enumerate(STALLS[what]):
        session.talk.does(call, failed=what == "errors")
        decision = session.call()
        if decision.reason is Reason.ESCALATION:
            raised_at = number
            break
        assert decision.targets[0].tier_name == "routine"
    # The signal is the third failure in a row, or the third repetition.
    signal = {"errors": 2, "failing tests": 4, "repeated edits": 4, "the same call": 2}[what]
    assert raised_at is not None
    assert raised_at - signal <= 3
    for number in range(4):
        session.talk.does(read(f"x{number}.py"))
        assert session.tier == "reasoning", "it stays up, also when all is well"
    session.talk.says("Done.").prompt("Now the docs.")
    assert session.call().reason is not Reason.ESCALATION


@pytest.mark.parametrize("dialect", Dialect)
def test_a_task_that_goes_on_well_is_never_raised(router: Router, dialect: Dialect) -> None:
    session = Session(router, dialect)
    session.talk.prompt("Add a test for each function.")
    for number in range(30):
        session.talk.does(read(f"src/f{number % 6}.py")).does(edit(f"t{number % 7}.py", str(number), str(number + 1)))
        session.talk.does(FAILING if number % 3 == 0 else PASSING)
        assert session.tier == "routine"


@settings(max_examples=60, deadline=None)
@given(
    dialect=st.sampled_from(list(Dialect)),
    steps=st.lists(
        st.sampled_from((*STEPS, "compacts")),
        min_size=3,
        max_size=40,
    ),
)
def test_no_switch_breaks_a_tool_loop_but_upward(router: Router, dialect: Dialect, steps: list[str]) -> None:
    session = Session(router, dialect)
    session.talk.prompt("Go.")
    session.call()
    tiers = router.document.tiers
    for name in steps:
        before = session.state.current
        step(session.talk, name)
        if name == "says":
            continue
        decision = session.call()
        after = decision.targets[0].tier_name
        if name not in ("prompt", "yes", "compacts"):
            assert after == before or tiers[after].rank > tiers[before].rank
            assert after == before or decision.reason is Reason.ESCALATION


def test_calls_in_a_task_move_it_up_as_a_tuned_policy_says(router: Router) -> None:
    assert router.rules.uses("session.tool_errors_in_a_row")
    session = Session(router, Dialect.MESSAGES)
    session.talk.prompt("Go.")
    for number in range(3):
        session.talk.does(read(f"f{number}.py"))
    request = session.talk.request()
    turn = read_turn(request.dialect, {}, request.body, b"salt").turn
    assert turn.kind is TurnKind.TOOL_LOOP
    assert turn.variables["session.calls_in_task"] == 4, "this call is the fourth"

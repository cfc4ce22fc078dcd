"""Who is told of decisions that move nothing, and of runs that fail."""

from typing import Any

import pytest
from suite_world import SuiteWorld

from tierrouter_core.regression.facts import RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_operator.planning.notices import notices

SECRET = {"secretRef": {"name": "slack", "key": "url"}}
EVERYTHING = ["Regress", "Promote", "Recover", "Reject", "Nothing", "Failed"]


def decided(action: RunAction, overlay: TunedValues | None = None, **notify: Any) -> SuiteWorld:
    world = SuiteWorld(notify={**SECRET, **notify})
    world.decide.action, world.decide.overlay = action, overlay
    world.run_now()
    world.settle()
    world.finish()
    world.settle()
    assert world.run["status"]["phase"] == "Decided"
    return world


@pytest.mark.parametrize(
    ("action", "about", "is_told"),
    [
        (RunAction.REJECT, None, True),
        (RunAction.NOTHING, None, False),
        (RunAction.NOTHING, EVERYTHING, True),
        (RunAction.REJECT, ["Regress"], False),
        # At its bounds: no revision, so no step that would be told.
        (RunAction.REGRESS, None, True),
    ],
)
def test_a_decision_that_moves_nothing_is_told_once_to_who_wants_it(
    action: RunAction, about: list[str] | None, is_told: bool
) -> None:
    world = decided(action, **({} if about is None else {"about": about}))
    assert world.settle() == []
    said = f"TierRouter agents/coding: run {world.run['metadata']['name']} has decided {action}: decision 1"
    assert [(tell.namespace, tell.secret, tell.key, tell.text) for tell in world.told] == (
        [("agents", "slack", "url", said)] if is_told else []
    )


def test_of_one_that_moves_something_its_steps_are_told_and_not_the_decision() -> None:
    assert decided(RunAction.REGRESS, TunedValues(thresholds={"file_count": 7}, tiers={})).told == []


@pytest.mark.parametrize(("about", "is_told"), [(None, True), (["Reject"], False)])
def test_a_run_that_fails_is_told_of(about: list[str] | None, is_told: bool) -> None:
    world = SuiteWorld(notify=SECRET if about is None else {**SECRET, "about": about})
    world.run_now()
    world.settle()
    world.has_router = False
    world.settle()
    assert world.run["status"]["phase"] == "Failed"
    assert [tell.text.partition(" has failed: ")[2] for tell in world.told] == (
        ["there is no TierRouter coding in this namespace; create it"] if is_told else []
    )


@pytest.mark.parametrize("notify", [None, {}, [], "x", {"secretRef": None}, {"secretRef": {"name": 3}}, {"about": 3}])
def test_a_suite_that_says_nothing_of_use_has_nobody_told(notify: Any) -> None:
    suite = {"metadata": {"name": "nightly", "namespace": "agents"}, "spec": {"router": "coding", "notify": notify}}
    assert notices(suite, "Reject", "x") == []
    assert notices(None, "Reject", "x") == []

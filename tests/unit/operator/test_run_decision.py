"""The core's own decision, from a run's results to the status of run and suite."""

from typing import Any

import pytest
from suite_world import SuiteWorld

from tierrouter_operator.planning.kinds import RUN
from tierrouter_operator.planning.run_decision import DecideByCore


def night(world: SuiteWorld, number: int, resolved: dict[str, int]) -> dict[str, Any]:
    world.run_now(str(number))
    world.settle()
    (run,) = (run for run in world.runs if run["status"].get("phase") not in ("Decided", "Failed"))
    name = run["metadata"]["name"]
    for index, cell in enumerate(run["spec"]["matrix"]):
        world.collector(name, cell["name"], resolved[cell["name"]], tasks=200)
        world.job_ends(f"{name}-{index}")
    world.settle()
    world.pass_(hours=24)
    (run,) = (run for run in world.runs if run["metadata"]["name"] == name)
    return dict(run["status"]["decision"])


@pytest.fixture
def world() -> SuiteWorld:
    found = SuiteWorld()
    found.decide = DecideByCore()  # type: ignore[assignment]
    return found


def test_results_that_are_well_change_nothing(world: SuiteWorld) -> None:
    decision = night(world, 1, {"routine": 199, "deep": 200})
    assert decision["action"] == "Nothing"
    assert "overlay" not in decision and decision["state"]
    assert {each["name"] for each in decision["cells"]} == {"routine", "deep"}
    assert world.suite["status"]["lastDecision"] == "Nothing"


def test_a_slip_moves_thresholds_one_step_and_says_so_in_the_suites_status(world: SuiteWorld) -> None:
    decision = night(world, 1, {"routine": 120, "deep": 199})
    assert decision["action"] == "Regress"
    before = world.routers.stable["thresholds"]
    assert decision["overlay"]["thresholds"]["file_count"] == before["file_count"] - 1
    (step,) = world.suite["status"]["steps"]
    assert "routine" in step
    assert world.suite["status"]["state"] == decision["state"]


def test_a_suites_status_that_was_lost_is_made_again_from_its_runs(world: SuiteWorld) -> None:
    night(world, 1, {"routine": 120, "deep": 199})
    before = world.suite.pop("status")
    world.settle()
    after = world.suite["status"]
    assert (after["state"], after["lastDecision"]) == (before["state"], before["lastDecision"])
    assert len(after["steps"]) == len(before["steps"])


def test_a_suite_goes_on_from_its_own_status_where_its_newest_run_was_deleted(world: SuiteWorld) -> None:
    night(world, 1, {"routine": 199, "deep": 199})
    night(world, 2, {"routine": 120, "deep": 199})
    before = world.suite["status"]
    (newest,) = (run for run in world.runs if run["status"]["decision"]["action"] == "Regress")
    del world.objects[RUN, newest["metadata"]["name"]]
    world.settle()
    after = world.suite["status"]
    assert [after[key] for key in ("state", "lastDecision", "steps")] == [
        before[key] for key in ("state", "lastDecision", "steps")
    ]
    assert night(world, 3, {"routine": 120, "deep": 199})["action"] == "Nothing"


def test_a_run_that_ci_submits_during_a_nights_run_does_not_make_that_come_too_late(world: SuiteWorld) -> None:
    world.run_now("1")
    world.settle()
    (long,) = (run["metadata"]["name"] for run in world.runs)
    world.pass_(600)
    ci = {**world.runs[0], "metadata": {"name": "ci-1", "namespace": "agents"}}
    ci["spec"] = {**ci["spec"], "source": "CI", "matrix": ci["spec"]["matrix"][:1]}
    world.put({key: value for key, value in ci.items() if key != "status"})
    world.collector("ci-1", "routine", 199, tasks=200)
    world.settle()
    world.pass_(600)
    for index, cell in enumerate(("routine", "deep")):
        world.collector(long, cell, 120, tasks=200)
        world.job_ends(f"{long}-{index}")
    world.settle()
    decided = {run["metadata"]["name"]: run["status"]["decision"]["action"] for run in world.runs}
    assert decided == {"ci-1": "Nothing", long: "Regress"}

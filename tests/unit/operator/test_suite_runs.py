"""The life of a run: made, measured cell by cell, gathered, decided."""

import pytest
from suite_world import SuiteWorld

from tierrouter_core.regression.rows import unpacked
from tierrouter_core.resources.regression import RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_operator.planning.kinds import ROLE_BINDING, RUN, SERVICE_ACCOUNT


def test_a_run_that_is_asked_for_goes_from_jobs_to_a_decision() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    run = world.run
    assert run["spec"]["source"] == "Manual"
    assert [cell["name"] for cell in run["spec"]["matrix"]] == ["routine", "deep"]
    assert run["status"]["phase"] == "Running" and run["status"]["started"] == ["routine", "deep"]
    assert [job["metadata"]["labels"]["tierrouter.dev/cell"] for job in world.jobs] == ["routine", "deep"]

    world.finish()
    world.settle()
    status = world.run["status"]
    assert status["phase"] == "Decided"
    assert status["decision"] == {"action": "Nothing", "reason": "decision 1", "lowPercent": "90.5", "state": "1"}
    assert world.suite["status"]["lastDecision"] == "Nothing"
    assert world.suite["status"]["state"] == "1"
    assert world.suite["status"]["steps"] == ["as of decision 1"]
    assert world.suite["status"]["lastRun"] == run["metadata"]["name"]
    assert len(world.said("RunDecided")) == 2


def test_the_decision_is_made_of_all_results_and_of_what_is_in_force() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    world.finish(resolved=31)
    world.settle()
    (facts,) = world.decide.asked
    assert [(cell.cell, cell.resolved, len(cell.tasks)) for cell in facts.cells] == [
        ("routine", 31, 40),
        ("deep", 31, 40),
    ]
    assert world.decide.states == [None]
    assert {tier.name: tier.model for tier in facts.tiers}["routine"] == "kimi-k2-6"
    assert {each.name: each.value for each in facts.thresholds} == world.routers.stable["thresholds"]
    assert world.decide.policies[0].tier_floor_percent == 92


def test_a_decision_names_what_was_in_force_when_it_was_made_not_what_was_tested() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    world.routers.threshold("file_count", 12)
    world.routers.change()
    world.routers.settle()
    world.decide.overlay = TunedValues(thresholds={"file_count": 11}, tiers={})
    world.finish()
    world.settle()
    began = world.run["status"]["decision"]["decidedFrom"]
    assert (began["base"]["thresholds"]["file_count"], began["overlay"]) == (12, {"thresholds": {}, "tiers": {}})


def test_a_change_that_is_not_in_force_yet_is_not_what_a_decision_was_made_from() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    world.routers.threshold("file_count", 12)
    world.routers.change()
    world.decide.overlay = TunedValues(thresholds={"file_count": 7}, tiers={})
    world.finish()
    world.settle()
    assert world.run["status"]["decision"]["decidedFrom"]["base"]["thresholds"]["file_count"] == 8


def test_the_tasks_of_a_run_stand_in_one_config_map_that_stays() -> None:
    import base64

    world = SuiteWorld()
    world.run_now()
    world.settle()
    world.finish()
    world.settle()
    run = world.run
    kept = world.tasks(run["metadata"]["name"])
    assert kept is not None and kept["immutable"] is True
    assert kept["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    cells = unpacked(base64.b64decode(kept["binaryData"]["tasks.jsonl.gz"]))
    assert [(cell.cell, len(cell.tasks)) for cell in cells] == [("routine", 40), ("deep", 40)]
    stored = next(each for each in run["status"]["conditions"] if each["type"] == "TasksStored")
    assert (stored["status"], stored["reason"]) == ("True", "Stored")


def test_each_decision_goes_on_from_the_one_before() -> None:
    world = SuiteWorld()
    for number in ("1", "2", "3"):
        world.run_through(number)
    assert world.decide.states == [None, "1", "2"]
    assert world.suite["status"]["state"] == "3"
    times = [run["status"]["completionTime"] for run in world.runs]
    # The clock stood still, and yet it is clear which decision was the last.
    assert len(set(times)) == 3


@pytest.mark.parametrize("deleted", [1, 2, 3], ids=["the newest", "the two newest", "all"])
def test_runs_that_are_deleted_take_back_nothing_of_what_they_handed_on(deleted: int) -> None:
    world = SuiteWorld()
    for number in ("1", "2", "3"):
        world.run_through(number)
        world.pass_(3600)
    before = world.suite["status"]
    for run in world.runs[-deleted:]:
        del world.objects[RUN, run["metadata"]["name"]]
    world.settle()
    after = world.suite["status"]
    assert [after[key] for key in ("state", "lastReason", "steps")] == ["3", "decision 3", ["as of decision 3"]]
    assert after["lastDecision"] == before["lastDecision"]
    world.run_now("4")
    world.settle()
    world.finish(next(run["metadata"]["name"] for run in world.runs if run["status"]["phase"] == "Running"))
    world.settle()
    assert world.decide.states[-1] == "3"
    assert world.suite["status"]["state"] == "4"


def test_no_more_jobs_run_at_once_than_parallelism_says() -> None:
    world = SuiteWorld(tiers=["routine", "reasoning", "deep", "fallback"], parallelism=2)
    world.run_now()
    world.settle()
    name = world.run["metadata"]["name"]
    assert [job["metadata"]["name"] for job in world.jobs] == [f"{name}-0", f"{name}-1"]
    world.collector(name, "reasoning")
    world.settle()
    assert len(world.jobs) == 2, "results alone do not end a Job"
    world.job_ends(f"{name}-1")
    world.settle()
    assert len(world.jobs) == 3


def test_beyond_its_cost_a_run_makes_no_further_job_and_says_so() -> None:
    world = SuiteWorld(tiers=["routine", "reasoning", "deep"], parallelism=1, maxCostUSD="1.00")
    world.run_now()
    world.settle()
    name = world.run["metadata"]["name"]
    world.collector(name, "routine", cost="1.20")
    world.job_ends(f"{name}-0")
    world.settle()
    assert len(world.jobs) == 1
    results = {each["name"]: each for each in world.run["status"]["results"]}
    for cell in ("reasoning", "deep"):
        assert results[cell]["error"] == ("no Job was made, for the run has cost $1.20 and spec.maxCostUSD is $1.00")
    assert world.run["status"]["phase"] == "Decided"
    assert set(world.decide.asked[0].errors) == {"reasoning", "deep"}


def test_candidates_are_tested_beside_the_tier_that_they_may_take_over() -> None:
    world = SuiteWorld(
        tiers=["routine"], candidates=[{"tier": "routine", "provider": "openrouter", "model": "deepseek-v4-flash"}]
    )
    world.run_now()
    world.settle()
    assert world.run["spec"]["matrix"] == [
        {"name": "routine", "tier": "routine", "provider": "openrouter", "model": "kimi-k2-6", "candidate": False},
        {
            "name": "routine-deepseek-v4-flash",
            "tier": "routine",
            "provider": "openrouter",
            "model": "deepseek-v4-flash",
            "candidate": True,
        },
    ]


def test_the_collector_asks_for_resources_where_the_harness_does() -> None:
    for resources in ({}, {"requests": {"cpu": "1"}}):
        pod = {"containers": [{"name": "harness", "image": "harness", "resources": resources}]}
        world = SuiteWorld(jobTemplate={"spec": {"template": {"spec": pod}}})
        world.run_now()
        world.settle()
        (collector,) = world.jobs[0]["spec"]["template"]["spec"]["initContainers"]
        assert bool(collector.get("resources")) == bool(resources)


def test_the_account_of_the_jobs_is_made_once() -> None:
    world = SuiteWorld(parallelism=1)
    world.run_now()
    world.settle()
    (account,), (binding,) = world.of(SERVICE_ACCOUNT), world.of(ROLE_BINDING)
    assert account["metadata"]["name"] == "tierrouter-results"
    assert binding["roleRef"]["name"] == "tierrouter-results" and binding["roleRef"]["kind"] == "ClusterRole"
    world.finish()
    assert len(world.of(SERVICE_ACCOUNT)) == 1


def test_old_runs_go_but_never_the_newest_decision() -> None:
    world = SuiteWorld(historyLimit=2)
    for number in range(4):
        world.run_through(str(number))
        world.pass_(60)
    names = [run["metadata"]["name"] for run in world.runs]
    assert len(names) == 2
    for number in range(4, 7):
        world.run_now(str(number))
        world.settle()
        run = world.runs[-1]["metadata"]["name"]
        for cell in ("routine", "deep"):
            world.result(run, {"name": cell, "tasks": 0, "resolved": 0, "error": "nothing"})
        world.settle()
        world.pass_(60)
    assert [run["status"]["phase"] for run in world.runs] == ["Decided", "Failed", "Failed"]


def test_a_decision_that_was_not_acted_on_stays_until_it_was() -> None:
    world = SuiteWorld(historyLimit=1)
    overlay = TunedValues(thresholds={"file_count": 7}, tiers={})
    names = []
    for number, wanted in enumerate((overlay, None, None)):
        world.decide.overlay = wanted
        names.append(world.run_through(str(number)))
        world.pass_(60)
    assert {run["metadata"]["name"] for run in world.runs} == {names[0], names[2]}
    first = world.objects[RUN, names[0]]
    first["status"]["conditions"] += [{"type": "RolloutSettled", "status": "True"}]
    world.settle()
    assert [run["metadata"]["name"] for run in world.runs] == names[2:]


def test_a_settled_suite_is_left_alone() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.settle()
    world.pass_(60)
    assert world.plan().writes == ()


@pytest.mark.parametrize("action", RunAction)
def test_whatever_is_decided_is_written_once(action: RunAction) -> None:
    world = SuiteWorld()
    world.decide.action = action
    world.run_now()
    world.settle()
    world.finish()
    world.settle()
    assert world.run["status"]["decision"]["action"] == action
    assert len(world.decide.asked) == 1
    world.pass_(3600)
    assert world.settle() == []

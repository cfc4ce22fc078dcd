"""Whatever goes wrong with a suite, a run or a Job ends in a stated outcome."""

import base64
from typing import Any

import pytest
from suite_world import SuiteWorld

from tierrouter_operator.planning.kinds import JOB, RUN
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.run_job_state import NO_END_S

POD = {"containers": [{"name": "harness", "image": "harness:1"}]}


def running(**spec: Any) -> SuiteWorld:
    """A run whose Jobs were made."""
    world = SuiteWorld(tiers=["routine"], **spec)
    world.run_now()
    world.settle()
    return world


def error_of(world: SuiteWorld, cell: str = "routine") -> str:
    return next(each["error"] for each in world.run["status"]["results"] if each["name"] == cell)


def decided(world: SuiteWorld) -> dict[str, Any]:
    return next(each for each in world.run["status"]["conditions"] if each["type"] == "Decided")


@pytest.mark.parametrize(
    ("type_", "reason", "message", "more", "said"),
    [
        (
            "Failed",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
            {"failed": 3},
            "its pod was lost, evicted or out of memory 3 times, and left no results",
        ),
        (
            "Failed",
            "PodFailurePolicy",
            "Container harness for pod agents/x failed with exit code 2 matching FailJob rule at index 1",
            {},
            "the harness failed and left no results: Container harness for pod agents/x failed with exit code 2",
        ),
        ("Failed", "DeadlineExceeded", "Job was active longer", {}, "took longer than 7200 s and left no results"),
        ("Failed", "FailedIndexes", "something new", {}, "failed (FailedIndexes) and left no results: something new"),
        ("Complete", "", "", {}, "completed and left no results: the log of its container tierrouter-results"),
    ],
    ids=["evicted", "harness", "hanging", "unknown", "silent"],
)
def test_a_job_that_ends_without_results_is_an_error_of_its_cell(
    type_: str, reason: str, message: str, more: dict[str, Any], said: str
) -> None:
    world = running()
    job = world.jobs[0]["metadata"]["name"]
    world.job_ends(job, type_, reason, message, **more)
    plan = world.plan()
    assert plan.writes == () and plan.look_again_after_s is not None, "the collector may still write"
    world.pass_(plan.look_again_after_s)
    world.settle()
    assert said in error_of(world)
    assert world.run["status"]["phase"] == "Failed"
    assert decided(world)["reason"] == "NoResults"
    assert said in world.said("CellFailed")[0]


def test_results_that_come_after_the_jobs_end_count() -> None:
    world = running()
    world.job_ends(world.jobs[0]["metadata"]["name"], "Failed", "DeadlineExceeded")
    world.pass_(20)
    world.settle()
    world.collector(world.run["metadata"]["name"], "routine")
    world.settle()
    assert world.run["status"]["phase"] == "Decided"


def test_a_collector_that_writes_while_a_cell_is_given_up_wins() -> None:
    from suite_world import Overtaken

    world = running()
    world.job_ends(world.jobs[0]["metadata"]["name"])
    world.pass_(60)
    first, *_ = world.plan().writes
    world.collector(world.run["metadata"]["name"], "routine")
    with pytest.raises(Overtaken):
        world.do(first)
    world.settle()
    assert world.run["status"]["phase"] == "Decided"


def test_a_job_that_was_deleted_by_hand_is_not_made_again() -> None:
    world = running()
    del world.objects[JOB, world.jobs[0]["metadata"]["name"]]
    world.settle()
    assert world.jobs == []
    assert "was deleted before it had results" in error_of(world)


def test_a_job_that_nobody_ends_is_deleted_after_its_deadline() -> None:
    world = running(timeout="1h")
    world.job_status(world.jobs[0]["metadata"]["name"], startTime="2026-03-01T12:00:30Z", active=1)
    world.pass_(3600 + 30)
    assert world.settle() == []
    world.pass_(NO_END_S)
    world.settle()
    assert world.jobs == []
    assert "has no end" in error_of(world)


def test_somebody_elses_job_of_that_name_is_left_alone() -> None:
    world = SuiteWorld(tiers=["routine"])
    world.run_now()
    for write in world.plan().writes:
        world.do(write)
    name = f"{world.run['metadata']['name']}-0"
    world.put(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": "agents"},
            "spec": {"template": {"spec": POD}},
        }
    )
    world.settle()
    assert world.jobs[0]["metadata"]["name"] == name
    assert "is not this run's" in error_of(world)


@pytest.mark.parametrize(
    "entry",
    [
        {"tasks": 0, "resolved": 0},
        {"tasks": 3, "resolved": 3},
        {"tasks": 3, "resolved": 3, "rows": base64.b64encode(b"no gzip").decode()},
        {"tasks": 0, "resolved": 0, "error": "half of an XML document"},
    ],
    ids=["no tasks", "counts alone", "broken rows", "an error"],
)
def test_a_run_in_which_no_cell_has_a_task_fails_and_changes_nothing(entry: dict[str, Any]) -> None:
    world = running()
    world.result(world.run["metadata"]["name"], {"name": "routine", **entry})
    world.settle()
    assert world.run["status"]["phase"] == "Failed"
    assert "decision" not in world.run["status"]
    assert "state" not in world.suite["status"]
    assert world.decide.asked == []


def test_what_one_cell_lacks_does_not_keep_the_others_from_a_decision() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    name = world.run["metadata"]["name"]
    world.result(name, {"name": "routine", "tasks": 0, "resolved": 0, "error": "half of an XML document"})
    world.collector(name, "deep")
    world.settle()
    assert world.run["status"]["phase"] == "Decided"
    (facts,) = world.decide.asked
    assert dict(facts.errors) == {"routine": "half of an XML document"}


def test_rows_of_another_cell_are_no_results() -> None:
    world = SuiteWorld()
    world.run_now()
    world.settle()
    name = world.run["metadata"]["name"]
    world.collector(name, "deep")
    rows = world.run["status"]["results"][0]["rows"]
    world.result(name, {"name": "routine", "tasks": 40, "resolved": 38, "rows": rows})
    world.settle()
    assert "they are of cell deep" in world.decide.asked[0].errors["routine"]


def test_results_that_fit_into_no_config_map_are_decided_on_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierrouter_operator.planning.run_results.MAX_TASKS_BYTES", 100)
    world = running()
    world.finish()
    world.settle()
    assert world.tasks(world.run["metadata"]["name"]) is None
    stored = next(each for each in world.run["status"]["conditions"] if each["type"] == "TasksStored")
    assert (stored["status"], stored["reason"]) == ("False", "TooLarge")
    assert world.run["status"]["phase"] == "Decided"


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"router": "other"}, "Ready", ""),  # the router is whatever the shell finds
        ({"tiers": ["deep", "depp"]}, "TierMissing", 'has no tier depp; did you mean "deep"?'),
        (
            {"candidates": [{"tier": "routine", "provider": "openai", "model": "gpt-5-5"}]},
            "CandidateRefused",
            "its provider openai is not the tier's (openrouter)",
        ),
        (
            {"candidates": [{"tier": "routine", "provider": "openrouter", "model": "kimi"}]},
            "CandidateRefused",
            "ModelProvider openrouter has no such model in force",
        ),
        ({"schedule": "0 0 30 2 *"}, "Invalid", "it never strikes"),
        ({"schedule": "61 * * * *"}, "Invalid", "the minute goes from 0 to 59"),
        ({"jobTemplate": {"spec": {}}}, "JobTemplateInvalid", "has no spec.template.spec"),
        ({"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}, "JobTemplateInvalid", "no containers"),
        (
            {"jobTemplate": {"spec": {"template": {"spec": {**POD, "serviceAccountName": "admin"}}}}},
            "JobTemplateInvalid",
            "serviceAccountName is admin",
        ),
        (
            {"jobTemplate": {"spec": {"template": {"spec": {**POD, "hostNetwork": True}}}}},
            "JobTemplateInvalid",
            "with hostNetwork a pod gets no sidecar",
        ),
        (
            {"jobTemplate": {"spec": {"template": {"spec": {**POD, "volumes": [{"name": "tierrouter-results"}]}}}}},
            "JobTemplateInvalid",
            "the volume name tierrouter-results is taken",
        ),
        ({"parallelism": 0}, "Invalid", "parallelism"),
    ],
)
def test_a_suite_that_can_not_run_says_why_and_begins_nothing(change: dict[str, Any], reason: str, said: str) -> None:
    world = SuiteWorld()
    world.change(**change)
    world.settle()
    assert world.ready()["reason"] == reason
    assert said in world.ready()["message"]
    if reason != "Ready":
        world.run_now()
        world.settle()
        assert world.runs == []
        # Of a spec that can't be read even that can't be known.
        assert reason == "Invalid" or said in world.said("RunSkipped")[0]


def test_an_operator_without_an_image_for_the_collector_says_so() -> None:
    world = SuiteWorld()
    world.image = ""
    world.run_now()
    world.settle()
    assert world.ready()["reason"] == "NoCollector"
    assert world.runs == []


def test_a_router_that_comes_later_is_waited_for() -> None:
    world = SuiteWorld()
    world.has_router = False
    world.run_now()
    world.settle()
    assert world.ready()["reason"] == "RouterMissing"
    world.has_router = True
    world.settle()
    assert len(world.runs) == 1


def test_a_router_that_goes_ends_its_runs_and_their_jobs() -> None:
    world = running()
    world.has_router = False
    world.settle()
    assert decided(world)["reason"] == "RouterMissing"
    assert world.jobs == []


def test_a_decision_waits_for_a_router_that_is_wrong() -> None:
    world = running()
    good = world.routers.spec["defaultTier"]
    world.routers.spec["defaultTier"] = "nowhere"
    world.routers.change()
    world.collector(world.run["metadata"]["name"], "routine")
    world.settle()
    assert world.run["status"]["phase"] == "Collected"
    assert decided(world)["reason"] == "RouterInvalid"
    world.routers.spec["defaultTier"] = good
    world.routers.change()
    world.settle()
    assert world.run["status"]["phase"] == "Decided"


def test_a_run_of_a_revision_that_is_gone_fails() -> None:
    world = running()
    world.routers.threshold("file_count", 5)
    world.routers.settle()
    gone = world.run["spec"]["revision"]
    for key in [key for key in world.routers.objects if key[1] == gone]:
        del world.routers.objects[key]
    world.settle()
    assert decided(world)["reason"] == "RevisionGone"
    assert gone in decided(world)["message"]


def test_a_revision_that_is_only_superseded_is_decided_on() -> None:
    world = running()
    world.routers.threshold("file_count", 5)
    world.routers.settle()
    world.finish()
    world.settle()
    (facts,) = world.decide.asked
    assert {each.name: each.value for each in facts.thresholds}["file_count"] == 5
    assert world.run["status"]["phase"] == "Decided"


def test_runs_of_a_suite_that_is_gone_fail() -> None:
    world = running()
    del world.objects[next(key for key in world.objects if key[1] == "nightly")]
    world.settle()
    assert decided(world)["reason"] == "SuiteMissing"


def test_a_suite_that_became_invalid_gives_up_what_has_no_job_yet() -> None:
    world = SuiteWorld(parallelism=1)
    world.run_now()
    world.settle()
    world.change(parallelism=0)
    world.settle()
    results = {each["name"]: each for each in world.run["status"]["results"]}
    assert "the suite can't be used any more" in results["deep"]["error"]
    assert "routine" not in results


def test_a_job_that_the_api_server_refuses_is_an_error_of_its_cell_alone() -> None:
    world = SuiteWorld(parallelism=1)
    world.run_now()
    for write in world.plan().writes:
        world.do(write)
    name = world.run["metadata"]["name"]
    world.refused = Refusal(f"Job agents/{name}-0", JOB, "exceeded quota")
    world.settle()
    assert world.ready()["reason"] == "WriteRefused"
    world.refused = None
    world.settle()
    assert "exceeded quota" in error_of(world)
    assert [job["metadata"]["name"] for job in world.jobs] == [f"{name}-1"]
    assert world.ready()["reason"] == "Ready"


def test_while_a_write_is_refused_nothing_is_tried_again_but_to_say_so() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.run_now()
    world.refused = Refusal("RegressionRun agents/x", RUN, "no")
    world.settle()
    assert world.runs == [] and world.ready()["reason"] == "WriteRefused"


def test_a_cell_is_tested_with_the_model_that_it_names_whatever_its_tier_becomes() -> None:
    world = running()
    (job,) = world.jobs
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["tierrouter.dev/force-tier"] == "routine"
    assert annotations["tierrouter.dev/force-model"] == "kimi-k2-6"

"""Whatever happens in whatever order, and wherever the operator is killed: nothing is done twice.

The world itself refuses a result that changes, a second decision, and a phase after the end.
"""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from suite_world import Overtaken, SuiteWorld

from tierrouter_operator.planning.kinds import JOB, RUN, kind_of
from tierrouter_operator.planning.writes import ApplyStatus, Create, Write

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reconcile"), st.integers(0, 12)),
        st.tuples(st.just("collect"), st.integers(0, 3)),
        st.tuples(st.just("error"), st.integers(0, 3)),
        st.tuples(st.just("ends"), st.integers(0, 3)),
        st.tuples(st.just("deleted"), st.integers(0, 3)),
        st.tuples(st.just("asked"), st.integers(0, 3)),
        st.tuples(st.just("time"), st.sampled_from([1, 40, 700, 4000, 90_000])),
        st.tuples(st.just("back"), st.sampled_from([1, 3600, 90_000])),
        st.tuples(st.just("suspend"), st.booleans()),
    ),
    max_size=25,
)


def happen(world: SuiteWorld, what: str, how: Any) -> None:
    runs, jobs = world.runs, world.jobs
    match what:
        case "collect" | "error" if runs:
            run = runs[-1]
            cells = [cell["name"] for cell in run["spec"]["matrix"]]
            cell = cells[how % len(cells)]
            if cell not in {each["name"] for each in run.get("status", {}).get("results", ())}:
                if what == "collect":
                    world.collector(run["metadata"]["name"], cell)
                else:
                    entry = {"name": cell, "tasks": 0, "resolved": 0, "error": "broken"}
                    world.result(run["metadata"]["name"], entry)
        case "ends" if jobs:
            world.job_ends(jobs[how % len(jobs)]["metadata"]["name"], "Failed", "PodFailurePolicy")
        case "deleted" if jobs:
            del world.objects[JOB, jobs[how % len(jobs)]["metadata"]["name"]]
        case "asked":
            world.run_now(str(how))
        case "time":
            world.pass_(how)
        case "back":
            world.pass_(-how)
        case "suspend":
            world.change(suspend=how)


@given(STEPS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_no_job_is_made_twice_and_no_run_is_decided_twice(steps: list[tuple[str, Any]], parallelism: int) -> None:
    world = SuiteWorld(schedule="0 * * * *", parallelism=parallelism, historyLimit=50)
    made: Counter[str] = Counter()
    done: list[Write] = []

    def do(count: int) -> None:
        """So many writes of a plan, and then the operator is gone."""
        for write in world.plan().writes[:count]:
            try:
                world.do(write)
            except Overtaken:
                return
            done.append(write)
            if isinstance(write, Create):
                made[f"{write.body['kind']} {write.body['metadata']['name']}"] += 1

    for what, how in steps:
        if what == "reconcile":
            do(how)
        else:
            happen(world, what, how)
        active = [job for job in world.jobs if "conditions" not in job.get("status", {})]
        by_run = Counter(job["metadata"]["labels"]["tierrouter.dev/run"] for job in active)
        assert all(count <= parallelism for count in by_run.values())
    world.settle()
    # A Job that was made, and deleted before that was noted, is the one thing that is made again.
    was_deleted = any(what == "deleted" for what, _ in steps)
    twice = [name for name, count in made.items() if count > 1 and not (was_deleted and name.startswith("Job "))]
    assert twice == []
    decisions = Counter(
        write.body["metadata"]["name"]
        for write in done
        if isinstance(write, ApplyStatus)
        and kind_of(write.body) is RUN
        and write.body["status"].get("phase") == "Decided"
    )
    assert all(count == 1 for count in decisions.values())
    states = world.decide.states
    assert world.plan().writes == ()
    assert all(int(state or 0) <= len(states) for state in states)


@given(st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_killed_after_any_write_the_operator_comes_to_the_same_end(killed_after: int) -> None:
    def lived(kill: int | None) -> tuple[Any, ...]:
        world = SuiteWorld(parallelism=1)
        world.run_now()
        left = kill
        for _ in range(60):
            plan = world.plan()
            if not plan.writes:
                waiting = [job for job in world.jobs if "conditions" not in job.get("status", {})]
                if not waiting:
                    break
                labels = waiting[0]["metadata"]["labels"]
                world.collector(labels["tierrouter.dev/run"], labels["tierrouter.dev/cell"])
                world.job_ends(waiting[0]["metadata"]["name"])
                continue
            for write in plan.writes:
                world.do(write)
                if left is not None:
                    left -= 1
                    if left == 0:
                        break
        run = world.run
        jobs = [job["metadata"]["name"] for job in world.jobs]
        return run["status"]["phase"], run["status"]["decision"], run["status"]["started"], jobs, world.suite["status"]

    assert lived(killed_after or None) == lived(None)

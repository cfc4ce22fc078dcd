"""When a run begins: by the schedule, once however long it was missed; and when somebody asks, once for each time."""

from datetime import datetime

from suite_world import SuiteWorld


def names(world: SuiteWorld) -> list[str]:
    return [run["metadata"]["name"] for run in world.runs]


def end(world: SuiteWorld) -> None:
    world.finish(world.runs[-1]["metadata"]["name"])
    world.settle()


def test_a_run_begins_when_the_schedule_strikes() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.settle()
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-02T03:00:00Z"
    world.now = datetime.fromisoformat("2026-03-02T02:59:59+00:00")
    assert world.settle() == []
    world.pass_(1)
    world.settle()
    assert names(world) == ["nightly-202603020300"]
    assert world.run["spec"]["source"] == "Schedule"
    status = world.suite["status"]
    assert (status["lastScheduleTime"], status["nextScheduleTime"]) == ("2026-03-02T03:00:00Z", "2026-03-03T03:00:00Z")


def test_the_plan_is_made_again_when_it_strikes() -> None:
    world = SuiteWorld(schedule="*/5 * * * *")
    world.settle()
    assert world.plan().look_again_after_s == 4 * 60 + 30


def test_many_missed_starts_are_one_run() -> None:
    world = SuiteWorld(schedule="0 * * * *")
    world.settle()
    world.pass_(days=3)
    world.settle()
    assert len(world.runs) == 1
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-04T13:00:00Z"


def test_a_clock_that_is_set_back_begins_nothing_twice() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.settle()
    world.now = datetime.fromisoformat("2026-03-02T03:00:10+00:00")
    world.settle()
    end(world)
    world.now = datetime.fromisoformat("2026-03-02T02:50:00+00:00")
    world.settle()
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-02T03:00:00Z"
    world.now = datetime.fromisoformat("2026-03-02T03:00:10+00:00")
    world.settle()
    assert names(world) == ["nightly-202603020300"]
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-03T03:00:00Z"


def test_a_clock_that_was_far_ahead_leaves_no_hole() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.now = datetime.fromisoformat("2031-03-02T12:00:00+00:00")
    world.settle()
    world.now = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    world.settle()
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-03T03:00:00Z"


def test_what_was_missed_while_suspended_is_not_made_up_for() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.settle()
    world.change(suspend=True)
    world.settle()
    assert "nextScheduleTime" not in world.suite["status"]
    assert (world.ready()["status"], world.ready()["reason"]) == ("True", "Suspended")
    world.pass_(days=2)
    world.change(suspend=False)
    world.settle()
    assert world.runs == []
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-04T03:00:00Z"


def test_a_suspended_suite_runs_when_somebody_asks() -> None:
    world = SuiteWorld(schedule="0 3 * * *", suspend=True)
    world.run_now()
    world.settle()
    assert world.run["spec"]["source"] == "Manual"


def test_another_schedule_counts_from_now_on() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.settle()
    world.pass_(hours=10)
    world.change(schedule="30 6 * * *")
    world.settle()
    assert world.runs == []
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-02T06:30:00Z"


def test_a_start_that_comes_due_during_a_run_waits_for_its_end() -> None:
    world = SuiteWorld(schedule="0 * * * *")
    world.run_now()
    world.settle()
    world.pass_(minutes=70)
    world.settle()
    assert len(world.runs) == 1
    end(world)
    world.settle()
    assert names(world)[1:] == ["nightly-202603011300"]


def test_every_new_value_of_the_annotation_begins_one_run() -> None:
    world = SuiteWorld()
    world.run_now("a")
    world.settle()
    end(world)
    assert world.suite["status"]["lastRunNow"] == "a"
    world.settle()
    assert len(world.runs) == 1
    world.pass_(60)
    world.run_now("b")
    world.settle()
    end(world)
    assert len(world.runs) == 2
    world.pass_(60)
    world.run_now("a")
    world.settle()
    assert len(world.runs) == 2, "it has had this value before"


def test_asked_for_twice_during_a_run_the_second_waits() -> None:
    world = SuiteWorld()
    world.run_now("a")
    world.settle()
    world.run_now("b")
    world.settle()
    assert len(world.runs) == 1
    end(world)
    world.settle()
    assert len(world.runs) == 2


def test_a_status_that_was_wiped_begins_nothing_anew() -> None:
    world = SuiteWorld(schedule="0 3 * * *")
    world.run_now("a")
    world.settle()
    end(world)
    before = world.suite["status"]
    world.suite.pop("status")
    world.settle()
    assert len(world.runs) == 1
    assert world.suite["status"] == before


def test_a_start_that_comes_to_nothing_is_said_and_not_made_up_for() -> None:
    world = SuiteWorld(schedule="0 3 * * *", tiers=["nowhere"])
    world.settle()
    world.pass_(days=1)
    world.settle()
    assert len(world.said("RunSkipped")) == 1
    assert world.suite["status"]["nextScheduleTime"] == "2026-03-03T03:00:00Z"
    assert "lastScheduleTime" not in world.suite["status"]


def test_a_value_that_no_status_can_hold_begins_one_run_too() -> None:
    world = SuiteWorld()
    for value in ("a\nb", "x" * 1000):
        world.run_now(value)
        world.settle()
        (run,) = (run for run in world.runs if run["status"]["phase"] == "Running")
        world.finish(run["metadata"]["name"])
        assert world.settle() == [] and world.suite["status"]["lastRunNow"].startswith("sha256 ")
    assert len(world.runs) == 2

"""The nightly loop on a real node: a suite's Jobs, the decision, the revision, the canary under traffic, and its end."""

import os
import time
from pathlib import Path
from typing import Any

from here import Here

PAGE = Path(__file__).parents[2] / "docs" / "regression.md"
BEGIN, END = "<!-- the nightly loop on a node: begin -->", "<!-- the nightly loop on a node: end -->"
TASKS = 200
NIGHTS = 5
ROUTINE, REASONING = "moonshotai/kimi-k2.6", "gpt-5.5"
ROLLOUT = {
    "strategy": "Canary",
    "canaryPercent": 50,
    "minTurns": 200,
    "analysisWindow": "30s",
    "deadline": "10m",
}


class Timeline:
    """What happened when, for the docs."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self.rows: list[tuple[float, str]] = []

    def say(self, what: str) -> None:
        self.rows.append((time.monotonic() - self._began_s, what))

    def begin(self) -> None:
        self._began_s = time.monotonic()

    def table(self) -> str:
        lines = ["| after | what |", "| --- | --- |", *(f"| {at_s:.1f} s | {what} |" for at_s, what in self.rows)]
        return "\n".join(lines)

    def write_down(self) -> None:
        """Put the table into the docs, between its markers."""
        head, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, tail = rest.partition(END)
        PAGE.write_text(f"{head}{BEGIN}\n{self.table()}\n{END}{tail}")


def suite(here: Here) -> dict[str, Any]:
    """Every tier but the local one, by a harness that writes JUnit XML."""
    pod = here.agent(command=("suite", str(TASKS)))
    template = {"spec": {**pod["spec"], "restartPolicy": "Never"}}
    return {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "RegressionSuite",
        "metadata": {"name": "nightly", "namespace": here.namespace},
        "spec": {
            "router": "coding",
            "schedule": "0 3 * * *",
            "tiers": ["routine", "reasoning"],
            "resultFormat": "JUnit",
            "jobTemplate": {"spec": {"template": template}},
            "timeout": "5m",
        },
    }


async def run_now(here: Here, mark: str) -> None:
    path = f"{here.router.base}/regressionsuites/nightly"
    await here.api.patch(path, {"metadata": {"annotations": {"tierrouter.dev/run-now": mark}}})


async def decided(here: Here, known: set[str]) -> dict[str, Any]:
    """The run that is not ``known``, once it is decided."""

    async def is_decided() -> dict[str, Any] | None:
        runs = (await here.api.get(f"{here.router.base}/regressionruns"))["items"]
        for run in runs:
            if run["metadata"]["name"] not in known:
                phase = run.get("status", {}).get("phase")
                assert phase != "Failed", run["status"]
                if phase == "Decided":
                    return dict(run)
        return None

    run: dict[str, Any] = await here.api.until(is_decided, "the run is decided", 180)
    known.add(run["metadata"]["name"])
    return run


async def slipped(here: Here, line: Timeline, known: set[str]) -> dict[str, Any]:
    """The run that decides that a tier has slipped. Of one at 90 % two or three nights are needed to be sure."""
    for night in range(1, NIGHTS + 1):
        await run_now(here, f"night-{len(known)}")
        run = await decided(here, known)
        decision = run["status"]["decision"]
        line.say(f"run {night} of it is decided, {decision['action']}: {decision['reason']}")
        if decision["action"] == "Regress":
            return run
        assert decision["action"] == "Nothing"
    raise AssertionError(f"no slip is seen in {NIGHTS} runs")


async def revision_of(here: Here, run: str, *phases: str, timeout_s: float = 60) -> dict[str, Any]:
    async def is_there() -> dict[str, Any] | None:
        for each in await here.router.revisions():
            if each["spec"]["origin"]["run"] == run and each.get("status", {}).get("phase") in phases:
                return dict(each)
        return None

    found: dict[str, Any] = await here.api.until(is_there, f"the revision of {run} is {phases}", timeout_s)
    return found


async def settled(here: Here, run: str, reason: str) -> str:
    """What the run says of its rollout, once it is over in that way."""

    async def is_said() -> str | None:
        status = (await here.api.get(f"{here.router.base}/regressionruns/{run}"))["status"]
        said = [each for each in status.get("conditions", []) if each["type"] == "RolloutSettled"]
        return str(said[0]["message"]) if said and said[0]["reason"] == reason else None

    message: str = await here.api.until(is_said, f"run {run} is settled: {reason}", 60)
    return message


async def start_traffic(here: Here, files: int, pods: int = 2) -> None:
    """Agents whose turns are sessions of their own, for as long as the test lasts."""
    for number in range(pods):
        env = {"FILE_COUNT": str(files), "PAUSE_S": "0.05"}
        name = f"traffic-{files}-{number}"
        await here.start(here.agent(name, command=("loop", "600"), env=env))


async def test_a_slip_is_tried_on_half_of_the_sessions_and_taken_over_and_one_that_worsens_goes_back(
    here: Here,
) -> None:
    line, known = Timeline(), set[str]()
    await here.start_router(rollout=ROLLOUT)
    await here.api.create(f"{here.router.base}/regressionsuites", suite(here))
    before = (await here.router.stable())["thresholds"]

    # A tier that fails one task in ten.
    await here.behave({ROUTINE: {"wrongEvery": 10}})
    await start_traffic(here, files=2)
    line.begin()
    line.say("the routine tier fails one task in ten of 200 from now on; agents make turns all the time")
    run = await slipped(here, line, known)
    assert {each["name"]: (each["tasks"], each["resolved"]) for each in run["status"]["results"]} == {
        "routine": (TASKS, TASKS * 9 // 10),
        "reasoning": (TASKS, TASKS),
    }
    name = run["metadata"]["name"]
    made = await revision_of(here, name, "Canary", "Active")
    line.say(f"revision {made['spec']['number']} is tried on 50 % of the sessions that start")
    made = await revision_of(here, name, "Active", timeout_s=180)
    line.say(f"it takes over: {await settled(here, name, 'Promoted')}")
    after = (await here.router.stable())["thresholds"]
    assert after["file_count"] == before["file_count"] - 1, "one step, and one only"
    assert len([each for each in await here.router.revisions() if each["spec"]["origin"]["run"] == name]) == 1
    run = await here.api.get(f"{here.router.base}/regressionruns/{name}")
    assert run["status"]["decision"]["revision"] == made["metadata"]["name"]

    # It slips further, and what is tried then sends turns to a tier that fails.
    await here.behave({ROUTINE: {"wrongEvery": 4}})
    line.say("the routine tier fails one task in four from now on")
    run = await slipped(here, line, known)
    await revision_of(here, run["metadata"]["name"], "Canary")
    await here.behave({REASONING: {"errorEvery": 1}})
    await start_traffic(here, files=after["file_count"])
    line.say(
        "tried on 50 %; agents edit as many files as only the new threshold sends to the reasoning tier, which fails"
    )
    gone = await revision_of(here, run["metadata"]["name"], "RolledBack", timeout_s=180)
    after_it = await settled(here, run["metadata"]["name"], "RolledBack")
    line.say(f"rolled back: {after_it}")
    annotations = (await here.router.active())["metadata"]["annotations"]
    assert annotations["tierrouter.dev/stable-revision"] == made["metadata"]["name"] != gone["metadata"]["name"]
    assert (await here.router.stable())["thresholds"] == after
    assert "canary.json" not in (await here.router.active())["data"]
    history = await here.plugin("history", "coding")
    assert "Promoted" in history and "RolledBack" in history
    if os.environ.get("TIERROUTER_WRITE_DOCS"):
        line.write_down()

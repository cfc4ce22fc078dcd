"""A suite with its runs and Jobs as plain values, changed by plans as an API server would change them.

Of the API server it has what the plan relies on: POST does not overwrite, a status that was applied at another version
is refused, results and decisions are written once. Its Job controller and its collectors are the tests'.
"""

import base64
import copy
import itertools
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from json_copy import json_copy
from router_world import AlreadyThere, World

from tierrouter_core.regression.facts import Decision, RunFacts
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import packed
from tierrouter_core.resources.regression import RegressionPolicy, RunAction
from tierrouter_core.resources.revision import TunedValues
from tierrouter_operator.planning.conditions import timestamp
from tierrouter_operator.planning.kinds import CONFIG_MAP, JOB, RUN, SUITE, Kind, kind_of
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.suite_observed import JobSettings, ObservedSuite
from tierrouter_operator.planning.suite_plan import plan_suite
from tierrouter_operator.planning.writes import ApplyStatus, Create, Delete, Plan, PostEvent, Tell, Write

Obj = dict[str, Any]
_GENERATIONS = itertools.count(2)


class Overtaken(Exception):
    """A status was written for another version than there is."""


class FakeDecide:
    """Decides as it is told to, and remembers what it was asked. Stands for the core's decision in these tests."""

    def __init__(self) -> None:
        self.asked: list[RunFacts] = []
        self.states: list[str | None] = []
        self.policies: list[RegressionPolicy] = []
        self.action = RunAction.NOTHING
        self.overlay: TunedValues | None = None

    def __call__(self, policy: RegressionPolicy, state: str | None, run: RunFacts) -> Decision:
        self.asked.append(run)
        self.states.append(state)
        self.policies.append(policy)
        number = int(state or 0) + 1
        return Decision(
            action=self.action,
            reason=f"decision {number}",
            low_percent="90.5",
            overlay=self.overlay,
            steps=(f"as of decision {number}",),
            state=str(number),
        )

    def steps_of(self, state: str) -> tuple[str, ...]:
        return (f"as of decision {state}",) if state else ()

    def came_after(self, state: str, run: str) -> bool:
        return bool(state) and run in [each.run for each in self.asked][: int(state) - 1]


@cache
def published() -> World:
    """The example router in force; to be copied."""
    world = Routers()
    world.settle()
    return world


class Routers(World):
    """What was read of a spec is remembered by its generation, and copies have each specs of their own."""

    def change(self) -> None:
        self.router["metadata"]["generation"] = next(_GENERATIONS)


class SuiteWorld:
    """One suite of the example router, which has been published."""

    def __init__(self, **spec: Any) -> None:
        # Kinds are told apart by identity.
        self.routers = copy.deepcopy(published(), {id(kind): kind for kind, _ in published().objects})
        self.now = datetime.fromisoformat("2026-03-01T12:00:30+00:00")
        self.objects: dict[tuple[Kind, str], Obj] = {}
        self.events: list[PostEvent] = []
        self.told: list[Tell] = []
        self.lost_pods: dict[str, tuple[Obj, ...]] = {}
        self.refused: Refusal | None = None
        self.decide = FakeDecide()
        self.image = "tierrouter/operator:1"
        self.has_router = True
        self._version = 0
        pod = {"restartPolicy": "OnFailure", "containers": [{"name": "harness", "image": "harness:1"}]}
        whole = {
            "router": "coding",
            "tiers": ["routine", "deep"],
            "jobTemplate": {"spec": {"template": {"spec": pod}}},
            **spec,
        }
        self.put(
            {
                "apiVersion": SUITE.api_version,
                "kind": SUITE.kind,
                "metadata": {"name": "nightly", "namespace": "agents", "generation": 1},
                "spec": whole,
            }
        )

    @property
    def suite(self) -> Obj:
        return self.objects[SUITE, "nightly"]

    @property
    def runs(self) -> list[Obj]:
        """Oldest first."""
        return sorted(self.of(RUN), key=lambda run: (run["metadata"]["creationTimestamp"], run["metadata"]["name"]))

    @property
    def run(self) -> Obj:
        """The only run."""
        (found,) = self.runs
        return found

    @property
    def jobs(self) -> list[Obj]:
        return sorted(self.of(JOB), key=lambda job: job["metadata"]["name"])

    def of(self, kind: Kind) -> list[Obj]:
        return [obj for (each, _), obj in self.objects.items() if each is kind]

    def said(self, reason: str) -> list[str]:
        return [event.message for event in self.events if event.reason == reason]

    def ready(self) -> Obj:
        (found,) = self.suite["status"]["conditions"]
        return found

    def change(self, **spec: Any) -> None:
        """The user changes the suite."""
        self.suite["spec"] |= spec
        self.suite["metadata"]["generation"] += 1

    def run_now(self, value: str = "1") -> None:
        self.suite["metadata"].setdefault("annotations", {})["tierrouter.dev/run-now"] = value

    def run_through(self, value: str) -> str:
        """A run is asked for, does well and is decided; its name."""
        self.run_now(value)
        self.settle()
        (run,) = (run for run in self.runs if run["status"]["phase"] == "Running")
        name = str(run["metadata"]["name"])
        self.finish(name)
        self.settle()
        return name

    def put(self, obj: Obj) -> None:
        obj = json_copy(obj)
        self._version += 1
        metadata = obj["metadata"]
        metadata.setdefault("uid", f"uid-{metadata['name']}-{self._version}")
        metadata.setdefault("generation", 1)
        metadata.setdefault("creationTimestamp", timestamp(self.now))
        metadata["resourceVersion"] = str(self._version)
        self.objects[kind_of(obj), metadata["name"]] = obj

    def observed(self) -> ObservedSuite:
        objects = {key: json_copy(obj) for key, obj in self.objects.items()}
        runs = [obj for (kind, _), obj in objects.items() if kind is RUN]
        self.routers.now = self.now
        return ObservedSuite(
            name="nightly",
            namespace="agents",
            suite=objects.get((SUITE, "nightly")),
            router=self.routers.observed() if self.has_router else None,
            runs=tuple(run for run in runs if run["spec"]["suite"] == "nightly"),
            taken=frozenset(run["metadata"]["name"] for run in runs),
            objects={key: obj for key, obj in objects.items() if key[0] not in (SUITE, RUN)},
            lost_pods=self.lost_pods,
            settings=JobSettings(results_image=self.image),
            now=self.now,
            refused=self.refused,
        )

    def plan(self) -> Plan:
        return plan_suite(self.observed(), self.decide)

    def settle(self) -> list[Write]:
        """Plan and do until nothing is left; all that was written."""
        done: list[Write] = []
        for _ in range(30):
            plan = self.plan()
            for write in plan.writes:
                self.do(write)
                done.append(write)
            if not plan.writes:
                return done
        raise AssertionError(f"it never settles; the last writes were {done[-5:]}")

    def pass_(self, seconds: float = 0, **more: float) -> None:
        self.now += timedelta(seconds=seconds, **more)

    def do(self, write: Write) -> None:
        match write:
            case PostEvent():
                self.events.append(write)
            case Tell():
                self.told.append(write)
            case Create(body):
                key = (kind_of(body), body["metadata"]["name"])
                if key in self.objects:
                    raise AlreadyThere(key)
                self.put(dict(body))
            case ApplyStatus(body):
                self._apply(dict(body))
            case Delete(kind, found):
                self.objects.pop((kind, found["metadata"]["name"]), None)
                if kind is RUN:
                    self._collect(found["metadata"]["uid"])
            case _:
                raise AssertionError(f"a suite needs no {write}")

    def _collect(self, uid: str) -> None:
        """The garbage collector."""
        for key, obj in list(self.objects.items()):
            if any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences", ())):
                del self.objects[key]

    def _apply(self, body: Obj) -> None:
        there = self.objects[kind_of(body), body["metadata"]["name"]]
        if (
            body["metadata"].get("resourceVersion", there["metadata"]["resourceVersion"])
            != there["metadata"]["resourceVersion"]
        ):
            raise Overtaken(body["metadata"]["name"])
        before, after = there.get("status") or {}, json_copy(body["status"])
        if kind_of(body) is RUN:
            results = {each["name"]: each for each in before.get("results", ())}
            for each in after.get("results", ()):
                assert results.setdefault(each["name"], each) == each, "results are written once"
            after["results"] = list(results.values())
            decision = before.get("decision")
            assert decision is None or after.get("decision") == decision, "a run is decided once"
            assert before.get("phase") not in ("Decided", "Failed") or after.get("phase") == before["phase"]
            assert set(before.get("started", ())) <= set(after.get("started", ())), "what was started stays so"
        self.put({**there, "status": after})

    def collector(self, run: str, cell: str, resolved: int = 38, tasks: int = 40, cost: str = "0.50") -> None:
        """A cell's results arrive: the first ``resolved`` of its tasks are solved."""
        obj = self.objects[RUN, run]
        (entry,) = (each for each in obj["spec"]["matrix"] if each["name"] == cell)
        results = CellResults(
            cell=cell,
            tier=entry["tier"],
            model=entry["model"],
            is_candidate=entry["candidate"],
            tasks=tuple(
                TaskResult(task=f"t{i}", outcome=TaskOutcome.RESOLVED if i < resolved else TaskOutcome.UNRESOLVED)
                for i in range(tasks)
            ),
        )
        rows = base64.b64encode(packed([results])).decode()
        self.result(
            run,
            {"name": cell, "tasks": tasks, "resolved": min(resolved, tasks), "costUSD": cost, "rows": rows},
        )

    def result(self, run: str, entry: Obj) -> None:
        obj = json_copy(self.objects[RUN, run])
        status = obj.setdefault("status", {})
        status["results"] = [*status.get("results", ()), {"completionTime": timestamp(self.now), **entry}]
        self.put(obj)

    def job_status(self, name: str, **status: Any) -> None:
        """The Job controller says how far a Job is."""
        job = json_copy(self.objects[JOB, name])
        job["status"] = {**job.get("status", {}), **status}
        self.put(job)

    def job_ends(self, name: str, type_: str = "Complete", reason: str = "", message: str = "", **more: Any) -> None:
        condition = {
            "type": type_,
            "status": "True",
            "lastTransitionTime": timestamp(self.now),
            "reason": reason,
            "message": message,
        }
        self.job_status(name, conditions=[condition], **more)

    def finish(self, run: str | None = None, resolved: int = 38) -> None:
        """The run's Jobs are done, one after the other, with results."""
        name = run or self.run["metadata"]["name"]
        for _ in range(20):
            self.settle()
            obj = self.objects[RUN, name]
            there = {each["name"] for each in obj.get("status", {}).get("results", ())}
            waiting = [
                (index, cell["name"]) for index, cell in enumerate(obj["spec"]["matrix"]) if cell["name"] not in there
            ]
            if not waiting:
                return
            for index, cell in waiting:
                if (JOB, f"{name}-{index}") in self.objects:
                    self.collector(name, cell, resolved)
                    self.job_ends(f"{name}-{index}")
        raise AssertionError("the run never ends")

    def tasks(self, run: str) -> Obj | None:
        return self.objects.get((CONFIG_MAP, f"{run}-tasks"))

"""A suite in a namespace of the real API server.

The Job controller is Kubernetes' own, but there is no node: the pods of Jobs stay pending. So the tests say themselves
when a Job has ended, as that controller writes it, and write results as collectors do.
"""

import base64
from datetime import UTC, datetime
from typing import Any

from router_in_cluster import RouterInCluster
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import packed

Obj = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suite(name: str = "nightly", **spec: Any) -> Obj:
    pod = {"restartPolicy": "Never", "containers": [{"name": "harness", "image": "harness:1"}]}
    whole = {
        "router": "coding",
        "tiers": ["routine", "deep"],
        "jobTemplate": {"spec": {"template": {"spec": pod}}},
        **spec,
    }
    return {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "RegressionSuite",
        "metadata": {"name": name},
        "spec": whole,
    }


def run(name: str = "nightly-1", source: str = "CI", revision: str = "coding-0123456789", **metadata: Any) -> Obj:
    cell = {"name": "routine", "tier": "routine", "provider": "openrouter", "model": "kimi-k2-6", "candidate": False}
    deep = {**cell, "name": "deep", "tier": "deep", "provider": "anthropic", "model": "claude-opus-4-7"}
    return {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "RegressionRun",
        "metadata": {"name": name, **metadata},
        "spec": {"suite": "nightly", "revision": revision, "matrix": [cell, deep], "source": source},
    }


def entry(cell: Obj, resolved: int = 198, tasks: int = 200) -> Obj:
    """What a collector writes of a cell."""
    results = CellResults(
        cell=cell["name"],
        tier=cell["tier"],
        model=cell["model"],
        is_candidate=cell["candidate"],
        tasks=tuple(
            TaskResult(task=f"t{number}", outcome=TaskOutcome.RESOLVED if number < resolved else TaskOutcome.UNRESOLVED)
            for number in range(tasks)
        ),
    )
    rows = base64.b64encode(packed([results])).decode()
    return {"name": cell["name"], "tasks": tasks, "resolved": resolved, "rows": rows, "completionTime": now()}


class SuiteInCluster:
    """What a user has of it; the API is asked, never the operator."""

    def __init__(self, router: RouterInCluster) -> None:
        self.router = router
        self.api = router.api
        self.namespace = router.namespace
        self.path = f"{router.base}/regressionsuites/nightly"
        self.runs_path = f"{router.base}/regressionruns"
        self.jobs_path = f"/apis/batch/v1/namespaces/{router.namespace}/jobs"

    async def apply(self, **spec: Any) -> None:
        await self.api.apply(suite(**spec), self.namespace, manager="user")

    async def get(self) -> Obj:
        return await self.api.get(self.path)

    async def run_now(self, value: str) -> None:
        await self.api.patch(self.path, {"metadata": {"annotations": {"tierrouter.dev/run-now": value}}})

    async def runs(self) -> list[Obj]:
        items: list[Obj] = (await self.api.get(self.runs_path))["items"]
        return sorted(items, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]))

    async def jobs(self) -> list[Obj]:
        items: list[Obj] = (await self.api.get(self.jobs_path))["items"]
        return sorted(items, key=lambda each: each["metadata"]["name"])

    async def until_jobs(self, count: int) -> list[Obj]:
        async def are_there() -> list[Obj] | None:
            found = await self.jobs()
            return found if len(found) == count else None

        found: list[Obj] = await self.api.until(are_there, f"there are {count} Jobs")
        return found

    async def until_jobs_of(self, run_name: str, count: int) -> None:
        async def are_there() -> bool:
            labels = [each["metadata"]["labels"] for each in await self.jobs()]
            return sum(each.get("tierrouter.dev/run") == run_name for each in labels) == count

        await self.api.until(are_there, f"there are {count} Jobs of run {run_name}")

    async def until_phase(self, phase: str, name: str = "") -> Obj:
        """The newest run, or that of the name, once it is in the phase."""

        async def is_there() -> Obj | None:
            found = [each for each in await self.runs() if name in ("", each["metadata"]["name"])]
            return found[-1] if found and found[-1].get("status", {}).get("phase") == phase else None

        found: Obj = await self.api.until(is_there, f"the run is {phase}")
        return found

    async def collect(self, name: str, cell: str, resolved: int = 198, **other: Any) -> None:
        """Write a cell's results as a collector does: by an apply of its own."""
        obj = await self.api.get(f"{self.runs_path}/{name}")
        (entry_of_cell,) = (each for each in obj["spec"]["matrix"] if each["name"] == cell)
        result = {**entry(entry_of_cell, resolved), **other}
        body = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {"name": name, "namespace": self.namespace},
            "status": {"results": [result]},
        }
        await self.api.request(
            "PATCH",
            f"{self.runs_path}/{name}/status",
            body,
            query={"fieldManager": f"tierrouter-results-{cell}"},
            content_type="application/apply-patch+yaml",
        )

    async def job_ends(self, name: str, type_: str = "Complete", reason: str = "CompletionsReached") -> None:
        """What the Job controller writes at a Job's end; an API server checks that it fits together."""

        async def has_begun() -> bool:
            return "startTime" in (await self.api.get(f"{self.jobs_path}/{name}")).get("status", {})

        await self.api.until(has_begun, f"Job {name} has begun")
        time = now()
        before = "SuccessCriteriaMet" if type_ == "Complete" else "FailureTarget"
        conditions = [
            {
                "type": each,
                "status": "True",
                "reason": reason,
                "message": f"{reason}, says the test",
                "lastTransitionTime": time,
                "lastProbeTime": time,
            }
            for each in (before, type_)
        ]
        done = {"completionTime": time, "succeeded": 1} if type_ == "Complete" else {"failed": 1}
        status = {
            "active": 0,
            "ready": 0,
            "conditions": conditions,
            "uncountedTerminatedPods": {},
            **done,
        }
        await self.api.patch(f"{self.jobs_path}/{name}/status", {"status": status})

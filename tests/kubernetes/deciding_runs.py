"""RegressionRuns that have decided, as the operator writes them, in a namespace of the real API server."""

from typing import Any

from control_plane import Api
from router_in_cluster import RouterInCluster

Obj = dict[str, Any]


class DecidingRuns:
    """A suite of the router, and its runs."""

    def __init__(self, api: Api, router: RouterInCluster) -> None:
        self.api = api
        self.router = router

    async def make_suite(self, **spec: Any) -> None:
        template = {"spec": {"template": {"spec": {"containers": [{"name": "harness", "image": "harness:1"}]}}}}
        body = {
            "apiVersion": "tierrouter.dev/v1alpha1",
            "kind": "RegressionSuite",
            "metadata": {"name": "nightly"},
            "spec": {"router": "coding", "suspend": True, "jobTemplate": template, **spec},
        }
        await self.api.apply(body, self.router.namespace, manager="user")

    async def decide(self, name: str, action: str = "Regress", **thresholds: int) -> None:
        """A run that has tested what is in force, and decided."""
        revision = (await self.router.get())["status"]["activeRevision"]
        cell = {
            "name": "routine",
            "tier": "routine",
            "provider": "openrouter",
            "model": "kimi-k2-6",
            "candidate": False,
        }
        body = {
            "apiVersion": "tierrouter.dev/v1alpha1",
            "kind": "RegressionRun",
            "metadata": {"name": name},
            "spec": {"suite": "nightly", "revision": revision, "matrix": [cell], "source": "CI"},
        }
        await self.api.create(f"{self.router.base}/regressionruns", body)
        decision = {
            "action": action,
            "reason": "routine solved 180 of 200 tasks (90 %), below 95 %",
            "overlay": {"thresholds": thresholds, "tiers": {}},
        }
        status = {"phase": "Decided", "completionTime": "2026-01-31T04:00:00Z", "decision": decision}
        await self.api.patch(f"{self.router.base}/regressionruns/{name}/status", {"status": status})

    async def get(self, name: str) -> Obj:
        return await self.api.get(f"{self.router.base}/regressionruns/{name}")

    async def said(self, name: str) -> Obj:
        conditions = (await self.get(name))["status"].get("conditions") or ()
        return next((each for each in conditions if each["type"] == "RolloutSettled"), {})

    async def until(self, name: str, reason: str, timeout_s: float = 30) -> Obj:
        """The run, once its condition has this reason."""

        async def is_so() -> Obj | None:
            return await self.get(name) if (await self.said(name)).get("reason") == reason else None

        try:
            found: Obj = await self.api.until(is_so, f"run {name} is {reason}", timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it says: {await self.said(name)}") from None
        return found

"""What happens to pods and turns when parts of TierRouter are gone, or change under load."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from here import SYSTEM, Here


@asynccontextmanager
async def gone(here: Here, deployment: str, replicas: int) -> AsyncIterator[None]:
    """Without any pod of a Deployment of ours."""
    path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{deployment}"

    async def scale(count: int) -> None:
        await here.api.patch(path, {"spec": {"replicas": count}})

        async def is_so() -> bool:
            ready = (await here.api.get(path)).get("status", {}).get("readyReplicas", 0)
            # One that ends still answers for some seconds.
            labels = f"app.kubernetes.io/component={deployment.removeprefix('tierrouter-')}"
            pods = await here.api.get(f"/api/v1/namespaces/{SYSTEM}/pods", labelSelector=labels)
            return int(ready) == count == len(pods["items"])

        await here.api.until(is_so, f"{deployment} has {count} pods", 60)

    await scale(0)
    try:
        yield
    finally:
        await scale(replicas)


async def test_without_the_webhook_pods_start_without_a_sidecar_and_the_router_says_so_within_a_minute(
    here: Here,
) -> None:
    await here.start_router()
    async with gone(here, "tierrouter-webhook", 2):
        await here.start(here.agent("bare"))
        began = time.monotonic()
        assert "initContainers" not in (await here.pod("bare"))["spec"]
        await here.router.until_condition("InjectionHealthy", "False", "PodsNotInjected", timeout_s=60, says="bare")
        print(f"said after {time.monotonic() - began:.1f} s")
    await here.api.delete(f"{here.core}/pods/bare")
    await here.router.until_condition("InjectionHealthy", "True", "Injected", timeout_s=60)
    await here.start(here.agent("agent"))
    assert (await here.does("agent", "turns", "1"))[0]["status"] == 200


async def test_without_the_operator_sidecars_serve_on_and_the_change_is_made_when_it_is_back(here: Here) -> None:
    await here.start_router()
    await here.start(here.agent())
    (before,) = await here.does("agent", "turns", "1")
    async with gone(here, "tierrouter-operator", 1):
        await here.router.threshold("file_count", 3)
        (during,) = await here.does("agent", "turns", "1")
        assert during["status"] == 200 and during["revision"] == before["revision"]

    async def is_changed() -> bool:
        said = await here.turn()
        return said is not None and said["revision"] != before["revision"]

    await here.api.until(is_changed, "the change is served", 60)


async def test_no_turn_fails_while_thresholds_change_and_every_pod_is_told(here: Here) -> None:
    await here.start_router()
    names = ("one", "two")
    for name in names:
        await here.start(here.agent(name))
    loops = [asyncio.create_task(here.does(name, "loop", "25")) for name in names]
    await asyncio.sleep(8)
    for value in (3, 4, 5):
        await here.router.threshold("file_count", value)
        await asyncio.sleep(4)
    for loop in loops:
        ((said),) = await loop
        assert said["failures"] == []
        assert len(said["revisions"]) >= 3, "changes came while turns were made"
        assert said["turns"] > 50
    await here.router.until_condition("SidecarsUpToDate", "True", "UpToDate")
    status = (await here.router.get())["status"]
    assert (status["sidecars"], status["sidecarsUpToDate"]) == (2, 2)


async def test_a_stream_ends_under_the_revision_that_it_began_with(here: Here) -> None:
    await here.start_router()
    await here.start(here.agent())
    (before,) = await here.does("agent", "turns", "1")
    streaming = asyncio.create_task(here.does("agent", "stream", "200"))
    await asyncio.sleep(4)
    await here.router.threshold("file_count", 3)

    async def is_changed() -> bool:
        return (await here.does("agent", "turns", "1"))[0]["revision"] != before["revision"]

    await here.api.until(is_changed, "new turns are served by the new revision", 20)
    assert not streaming.done()
    (said,) = await streaming
    assert said == {"attempts": 1, "broken": [], "words": 200}


async def test_the_helm_test_of_the_release_passes(here: Here) -> None:
    process = await asyncio.create_subprocess_exec("helm", "test", "tierrouter", "--namespace", SYSTEM)
    assert await asyncio.wait_for(process.wait(), 120) == 0

"""Pins: set, let go, and waited for."""

import asyncio
import time

from tierrouter_core.contract import PLUGIN
from tierrouter_kubectl.cluster import Cluster, Obj, RouterState
from tierrouter_kubectl.errors import PluginError

_ASK_AGAIN_S = 0.2


async def pin(cluster: Cluster, name: str, wanted: str, *, force: bool, wait_s: float) -> str:
    """Hold a revision; what was done, for people."""
    state = await cluster.state(name)
    revision = state.find(wanted)
    target, number = str(revision["metadata"]["name"]), revision["spec"]["number"]
    if state.pinned == target:
        return f"{name} is pinned to revision {number} ({target}) already"
    await cluster.document(revision)
    await cluster.pin(state.router, target, force=force)
    said = f"{name} is pinned to revision {number} ({target})"
    undo = f"kubectl tierrouter unpin {name} -n {cluster.namespace}"
    if wait_s:
        await _until_in_force(cluster, name, target, wait_s)
        said += ", which is in force"
    return f"{said}; what changes meanwhile waits. To let go: {undo}"


async def unpin(cluster: Cluster, name: str, *, wait_s: float) -> str:
    """Let go of the pin; what was done, for people."""
    state = await cluster.state(name)
    if not state.pinned:
        return f"{name} is not pinned"
    router = await cluster.pin(state.router, None, force=False)
    if router["spec"].get("pinnedRevision"):
        owners = _owners(router) or "somebody else"
        raise PluginError(
            f"spec.pinnedRevision of {name} was set by {owners}, not by this plugin, and stays; take it out there"
        )
    if wait_s:
        await _until_unpinned(cluster, name, wait_s)
    now = await cluster.state(name)
    return f"{name} is not pinned any more; {now.in_force or 'nothing'} is in force"


async def rollback(cluster: Cluster, name: str, wanted: str | None, *, force: bool, wait_s: float) -> str:
    """Go back to the revision that was in force before, or to the one that is named, and hold it."""
    state = await cluster.state(name)
    revision = state.find(wanted) if wanted else state.previous()
    target = str(revision["metadata"]["name"])
    if target == state.in_force:
        raise PluginError(
            f"revision {revision['spec']['number']} ({target}) is in force already; nothing to roll back to"
        )
    return await pin(cluster, name, target, force=force, wait_s=wait_s)


async def _until_in_force(cluster: Cluster, name: str, target: str, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        state = await cluster.state(name)
        if state.in_force == target:
            return
        if time.monotonic() > end:
            raise PluginError(_nobody_acted(state, f"{target} is not in force", wait_s))
        await asyncio.sleep(_ASK_AGAIN_S)


async def _until_unpinned(cluster: Cluster, name: str, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        state = await cluster.state(name)
        if state.active is None or not state.unpinned:
            return
        if time.monotonic() > end:
            raise PluginError(_nobody_acted(state, f"{state.in_force} is still held", wait_s))
        await asyncio.sleep(_ASK_AGAIN_S)


def _nobody_acted(state: RouterState, what: str, wait_s: float) -> str:
    conditions = (state.router.get("status") or {}).get("conditions") or ()
    said = [each["message"] for each in conditions if each["type"] == "ConfigPublished" and each["status"] == "False"]
    why = said[0] if said else "is the operator running?"
    return f"it is written, but after {wait_s:g} s {what}: {why}"


def _owners(router: Obj) -> str:
    """Field managers of ``spec.pinnedRevision``."""
    fields = router["metadata"].get("managedFields") or ()
    return ", ".join(
        sorted(
            {
                str(each.get("manager"))
                for each in fields
                if "f:pinnedRevision" in ((each.get("fieldsV1") or {}).get("f:spec") or {})
                and each.get("manager") != PLUGIN
            }
        )
    )

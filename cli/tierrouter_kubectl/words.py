"""A person's word on what is tried: said, and waited for until the operator has acted on it."""

import asyncio
import time

from tierrouter_core.contract import ABORT, PROMOTE
from tierrouter_kubectl.cluster import Cluster, RouterState
from tierrouter_kubectl.errors import PluginError
from tierrouter_operator.planning.rollout import Rollout, Stage

_ASK_AGAIN_S = 0.2


async def promote(cluster: Cluster, name: str, *, wait_s: float) -> str:
    """Put what is tried, or waits to be, in force; what was done, for people."""
    state = await cluster.state(name)
    rollout = _live(state)
    if state.pinned or rollout.stage is Stage.HELD:
        why = f"{name} is pinned; first: kubectl tierrouter unpin {name}" if state.pinned else rollout.said
        raise PluginError(f"revision {rollout.revision} can't be promoted: {why}")
    await cluster.annotate(state.router, PROMOTE, rollout.nonce)
    return await _until(cluster, name, rollout, Stage.PROMOTED, wait_s)


async def abort(cluster: Cluster, name: str, *, wait_s: float) -> str:
    """End what is tried, or waits to be; what was done, for people."""
    state = await cluster.state(name)
    rollout = _live(state)
    await cluster.annotate(state.router, ABORT, rollout.nonce)
    return await _until(cluster, name, rollout, Stage.ROLLED_BACK, wait_s)


def _live(state: RouterState) -> Rollout:
    rollout = state.rollout
    if rollout is None or not rollout.is_live:
        last = "" if rollout is None else f"; the last one, {rollout.revision}, ended: {rollout.stage}"
        raise PluginError(f"router {state.name} has no revision that is tried or waits{last}")
    return rollout


async def _until(cluster: Cluster, name: str, meant: Rollout, wanted: Stage, wait_s: float) -> str:
    what = "is to be in force" if wanted is Stage.PROMOTED else "is to end"
    if not wait_s:
        return f"it is written that revision {meant.revision} of {name} {what}"
    end = time.monotonic() + wait_s
    while True:
        rollout = (await cluster.state(name)).rollout
        if rollout is None or rollout.nonce != meant.nonce or not rollout.is_live:
            stage = Stage.SUPERSEDED if rollout is None or rollout.nonce != meant.nonce else rollout.stage
            is_done = stage is wanted or (wanted is Stage.ROLLED_BACK and stage is Stage.REJECTED)
            if not is_done:
                raise PluginError(f"revision {meant.revision} of {name} came to another end meanwhile: {stage}")
            return f"revision {meant.revision} of {name} " + (
                "is in force" if wanted is Stage.PROMOTED else "has ended"
            )
        if time.monotonic() > end:
            said = f"it is written, but after {wait_s:g} s revision {meant.revision} {what} still"
            raise PluginError(f"{said}: is the operator running?")
        await asyncio.sleep(_ASK_AGAIN_S)

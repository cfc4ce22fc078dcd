"""A person's word on what is tried: said, and waited for until the operator has acted on it."""

import asyncio
import time

from tierrouter_core.contract import ABORT, PROMOTE, PROPOSAL
from tierrouter_core.resources.proposal import Proposal
from tierrouter_kubectl.cluster import Cluster, RouterState
from tierrouter_kubectl.errors import PluginError
from tierrouter_operator.planning.rollout import Rollout, Stage

_ASK_AGAIN_S = 0.2


async def promote(cluster: Cluster, name: str, revision: str | None, *, wait_s: float) -> str:
    """Put what is tried, or waits to be, in force; what was done, for people."""
    state = await cluster.state(name)
    meant = _meant(state, revision)
    if isinstance(meant, Proposal):
        return await _take_over(cluster, state, meant, wait_s)
    if state.pinned or meant.stage is Stage.HELD:
        why = _is_pinned(name) if state.pinned else meant.said
        raise PluginError(f"revision {meant.revision} can't be promoted: {why}")
    await cluster.annotate(state.router, PROMOTE, meant.nonce)
    return await _until(cluster, name, meant, Stage.PROMOTED, wait_s)


async def abort(cluster: Cluster, name: str, revision: str | None, *, wait_s: float) -> str:
    """End what is tried, or waits to be; what was done, for people."""
    state = await cluster.state(name)
    meant = _meant(state, revision)
    if isinstance(meant, Proposal):
        await cluster.annotate(state.router, PROPOSAL, None)
        what = f"revision {state.proposed}" if state.proposed else "what was proposed"
        return f"{what} of {name} is proposed no more"
    await cluster.annotate(state.router, ABORT, meant.nonce)
    return await _until(cluster, name, meant, Stage.ROLLED_BACK, wait_s)


def _meant(state: RouterState, wanted: str | None) -> Rollout | Proposal:
    """What a person's word is about; raises PluginError where there is no such thing, or it could be either."""
    rollout, proposal = state.rollout, state.proposal
    live = rollout if rollout is not None and rollout.is_live else None
    if wanted is not None:
        name = str(state.find(wanted)["metadata"]["name"])
        if live is not None and live.revision == name:
            return live
        if proposal is not None and state.proposed == name:
            return proposal
        raise PluginError(f"revision {name} of {state.name} is not tried, and does not wait for a person")
    if live is not None and proposal is not None and state.proposed:
        tried = f"{live.revision} ({live.origin} by run {live.run})"
        raise PluginError(
            f"two revisions of {state.name} could be meant; name one: {tried} or {state.proposed} (proposed)"
        )
    if live is not None:
        return live
    if proposal is not None:
        return proposal
    last = "" if rollout is None else f"; the last one, {rollout.revision}, ended: {rollout.stage}"
    raise PluginError(f"router {state.name} has no revision that is tried or waits{last}")


async def _take_over(cluster: Cluster, state: RouterState, proposal: Proposal, wait_s: float) -> str:
    """Make the proposed spec the router's own, and wait for its revision."""
    name, revision = state.name, state.proposed
    if not proposal.fits(state.router["spec"]):
        raise PluginError(f"the spec of {name} has changed since this was proposed: tune again")
    if not revision:
        conditions = (state.router.get("status") or {}).get("conditions") or ()
        said = [each["message"] for each in conditions if each["type"] == "RolloutSettled"]
        raise PluginError(
            f"no revision was made of what is proposed: {said[0] if said else 'is the operator running?'}"
        )
    if state.pinned:
        raise PluginError(f"revision {revision} can't be promoted: {_is_pinned(name)}")
    await cluster.take_over(state.router, proposal)
    keep = "the spec is the proposed one now: keep it where you keep your files, or the next apply takes it back"
    if not wait_s:
        return f"it is written that revision {revision} of {name} is to be in force; {keep}"
    end = time.monotonic() + wait_s
    while (await cluster.state(name)).in_force != revision:
        if time.monotonic() > end:
            raise PluginError(
                f"it is written, but after {wait_s:g} s revision {revision} is not in force: is the operator running?"
            )
        await asyncio.sleep(_ASK_AGAIN_S)
    return f"revision {revision} of {name} is in force; {keep}"


def _is_pinned(name: str) -> str:
    return f"{name} is pinned; first: kubectl tierrouter unpin {name}"


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

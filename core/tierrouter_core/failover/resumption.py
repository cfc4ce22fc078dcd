"""Going on with an answer that broke off: when, and who may."""

from collections.abc import Callable
from dataclasses import replace

from tierrouter_core.failover.failure import Failure, Onward
from tierrouter_core.failover.ladder import Walk
from tierrouter_core.routing.targets import Target

LEAST_TEXT = 32
"""Characters. Of less little is lost, and a model that says it again can't be told from one that goes on."""


def may_go_on(failure: Failure, said: str) -> bool:
    """Whether another tier may go on with an answer of which ``said`` has gone out, after ``failure``."""
    return failure.treatment.onward is Onward.NEXT and len(said.rstrip()) >= LEAST_TEXT


def goes_on(target: Target) -> bool:
    """Whether ``target`` goes on with an answer that was begun: only where its ModelProvider says so."""
    return target.model is not None and target.model.capabilities.get("prefill") is True


def resuming(walk: Walk, may: Callable[[Target], bool]) -> Walk:
    """``walk`` with only those ahead who may go on with the answer."""
    again = walk.again if walk.again is not None and may(walk.again) else None
    return replace(walk, waiting=tuple(filter(may, walk.waiting)), again=again)

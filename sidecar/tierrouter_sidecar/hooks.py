"""A router's own question about a response, asked, and what could not be evaluated made known."""

import logging
from collections.abc import Mapping

from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.hooks import Response, ResponseHook
from tierrouter_core.routing.variables import Value
from tierrouter_sidecar.metrics import Metrics

log = logging.getLogger("tierrouter")


def says_yes(hook: ResponseHook, response: Response, turn: Mapping[str, Value], metrics: Metrics, turn_id: str) -> bool:
    """What ``hook`` says of ``response`` to a turn with these variables; an error counts as no."""
    said = hook.ask(turn, response)
    if said.error:
        metrics.count(m.RULE_ERRORS, hook.name)
        log.warning("turn %s: %s can't be evaluated and counts as false: %s", turn_id, hook.name, said.error)
    return said.yes

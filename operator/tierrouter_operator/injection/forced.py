"""The tier that a suite's pod measures: its annotations as variables of the sidecar.

Whether the router has the tier and its provider the model is for the sidecar to say: it has the document, and both may
come later than the pod.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tierrouter_core.contract import FORCE_MODEL, FORCE_MODEL_VARIABLE, FORCE_TIER, FORCE_TIER_VARIABLE

Obj = Mapping[str, Any]


def forced_variables(annotations: Mapping[str, str]) -> tuple[Sequence[Obj], tuple[str, ...]]:
    """``(variables, warnings)``; no variables where turns are routed."""
    tier, model = annotations.get(FORCE_TIER, "").strip(), annotations.get(FORCE_MODEL, "").strip()
    if not tier:
        return (), (f"{FORCE_MODEL} is of no effect without {FORCE_TIER}, which names the tier",) if model else ()
    variables = [{"name": FORCE_TIER_VARIABLE, "value": tier}]
    if model:
        variables.append({"name": FORCE_MODEL_VARIABLE, "value": model})
    return variables, ()

"""Whether a TierRouter's rules can be compiled: said when it is written, and not only in its status afterwards."""

from collections.abc import Mapping
from typing import Any, Final

from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.load import load_documents
from tierrouter_operator.planning.kinds import ROUTER, Obj
from tierrouter_operator.planning.providers import as_raw

_RULES: Final = "spec.rules"


def judge_rules(obj: Obj, namespace: str) -> str:
    """Why the object is refused; empty where it is not.

    Only rules count. What depends on other objects, such as a ModelProvider that is yet to come, is the status' matter.
    """
    if obj.get("kind") != ROUTER.kind:
        return ""
    metadata: Mapping[str, Any] = {**obj["metadata"], "namespace": namespace}
    try:
        load_documents([as_raw(ROUTER, {**obj, "metadata": metadata})])
    except ConfigurationError as error:
        wrong = [problem for problem in error.problems if problem.path.startswith(_RULES)]
        return "; ".join(f"{problem.path}: {problem.message}" for problem in wrong)
    return ""

"""Which other objects an object is about. Whatever is malformed names nothing."""

from typing import Any

from tierrouter_core.contract import ROUTER_LABEL
from tierrouter_operator.planning.kinds import Obj


def secret_of(provider: Obj) -> str:
    """The Secret that a ModelProvider's key comes from; empty for none."""
    return _text(provider, "spec", "credential", "secretRef", "name")


def router_of(obj: Obj) -> str:
    """The router that a RouterRevision, a RegressionSuite or a labelled object belongs to; empty for none."""
    return _text(obj, "spec", "router") or _text(obj, "metadata", "labels", ROUTER_LABEL)


def suite_of(run: Obj) -> str:
    """The RegressionSuite of a RegressionRun; empty for none."""
    return _text(run, "spec", "suite")


def _text(value: Any, *path: str) -> str:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""

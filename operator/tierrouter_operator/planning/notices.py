"""Who is to be told of what, by a suite's ``spec.notify``.

The suite is read as it stands: one that can't be used any more still says who wants to know that its runs fail.
"""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.resources.regression import DEFAULT_NOTICES, Notice
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.writes import Tell

_DEFAULT_KEY = "api-key"


def notices(suite: Obj | None, about: str, message: str) -> list[Tell]:
    """The message to whoever the suite names; nobody where it names none, or none for this.

    Args:
        suite: the RegressionSuite; None where it is gone.
        about: a :class:`Notice`: what the message is about.
        message: one sentence.
    """
    if suite is None:
        return []
    spec = _map(suite.get("spec"))
    notify = _map(spec.get("notify"))
    reference = _map(notify.get("secretRef"))
    secret, key = reference.get("name"), reference.get("key") or _DEFAULT_KEY
    wanted = notify.get("about")
    if about not in (wanted if isinstance(wanted, list) else DEFAULT_NOTICES):
        return []
    if not isinstance(secret, str) or not isinstance(key, str) or not secret:
        return []
    namespace = suite["metadata"]["namespace"]
    return [Tell(namespace, secret, key, f"TierRouter {namespace}/{spec.get('router', '')}: {message}")]


def notices_of_decision(suite: Obj | None, run: str, entry: Mapping[str, Any]) -> list[Tell]:
    """A decision that moves nothing; of one that does, each step is told when it is taken."""
    if "overlay" in entry:
        return []
    return notices(suite, str(entry["action"]), f"run {run} has decided {entry['action']}: {entry['reason']}")


def notices_of_failure(suite: Obj | None, run: str, message: str) -> list[Tell]:
    """A run after which nothing can be decided."""
    return notices(suite, Notice.FAILED, f"run {run} has failed: {message}")


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

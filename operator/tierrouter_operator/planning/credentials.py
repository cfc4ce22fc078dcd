"""The Secret that pods mount: each provider's key beside the one place that it may go to."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from tierrouter_core.contract import KEY_SUFFIX, ORIGIN_SUFFIX, ConditionReason
from tierrouter_core.document.model import Document
from tierrouter_operator.planning.asked import providers_named
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.providers import Judged, judge
from tierrouter_operator.planning.references import secret_of
from tierrouter_operator.planning.trouble import Trouble, in_one_message


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Secret should hold."""

    data: Mapping[str, str]
    """In base64."""
    trouble: Trouble | None
    """Why turns to some provider will fail; all of them in one message."""


def compose(observed: Observed, in_force: Document | None) -> Credentials:
    """The keys of every provider that the router's tiers name, and of those that the document in force names."""
    served = {} if in_force is None else in_force.providers
    data: dict[str, str] = {}
    troubles: list[Trouble] = []
    for name in sorted(providers_named(observed.router) | served.keys()):
        obj = observed.providers.get(name)
        if obj is None:
            data |= _as_it_stands(observed, name)
            message = f"there is no ModelProvider {name} in this namespace; create it, or let no tier name it"
            troubles.append(Trouble(ConditionReason.PROVIDER_MISSING, message))
            continue
        judged = judge(obj, observed.secrets.get(secret_of(obj)))
        if judged.trouble is not None:
            troubles.append(judged.trouble)
        if judged.key:
            data[f"{name}{KEY_SUFFIX}"] = judged.key
            data[f"{name}{ORIGIN_SUFFIX}"] = base64.b64encode(judged.origin.encode()).decode()
        elif judged.trouble is not None and judged.trouble.reason is ConditionReason.PROVIDER_INVALID:
            data |= _as_it_stands(observed, name)
        if name in served:
            troubles += _elsewhere(judged, served[name].origin)
    if not troubles:
        return Credentials(data, None)
    messages = in_one_message([trouble.message for trouble in troubles])
    return Credentials(data, Trouble(troubles[0].reason, messages))


def _as_it_stands(observed: Observed, name: str) -> dict[str, str]:
    """A provider that can't be read now does not make the last good revision lose its key."""
    found = (observed.credentials or {}).get("data") or {}
    keys = (f"{name}{KEY_SUFFIX}", f"{name}{ORIGIN_SUFFIX}")
    return {key: found[key] for key in keys if key in found}


def _elsewhere(judged: Judged, served: str) -> list[Trouble]:
    if not judged.key or judged.origin == served:
        return []
    message = (
        f"ModelProvider {judged.name}: the revision in force would send its key to {served}, the provider now says "
        f"{judged.origin}; sidecars refuse that"
    )
    return [Trouble(ConditionReason.ORIGIN_CHANGED, message)]

"""A model server that somebody else runs: where it is, and what its answers say of the model and its context window."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tierrouter_core.contract import ConditionReason
from tierrouter_core.resources.guards import LocalModel
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.local_model import shown_name
from tierrouter_operator.planning.model_server_state import Said

_NAMED = 5


@dataclass(frozen=True, slots=True)
class External:
    """A server to be asked."""

    base_url: str
    """As agents' turns get it, with ``/v1``."""
    model: str
    """As the server calls it."""

    @property
    def root(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"


def find_external(router: Obj, local: LocalModel, providers: Mapping[str, Obj]) -> External | Said:
    """The server of the local tier's ModelProvider."""
    tiers = (router.get("spec") or {}).get("tiers") or ()
    tier = next((each for each in tiers if each.get("name") == local.tier), None)
    if tier is None:
        message = f'spec.localModel.tier: there is no tier "{local.tier}", so where its server is is not known'
        return Said(local, ConditionReason.INVALID, message)
    provider = providers.get(tier.get("provider", ""))
    if provider is None:
        message = f"there is no ModelProvider {tier.get('provider')}, which the tier {local.tier} names"
        return Said(local, ConditionReason.PROVIDER_MISSING, message)
    models = provider["spec"].get("models") or ()
    model = next((each.get("id") for each in models if tier.get("model") in (each.get("name"), each.get("id"))), "")
    return External(provider["spec"]["baseURL"].rstrip("/"), local.model or str(model or tier.get("model")))


def judge_external(local: LocalModel, server: External, models: Any, running: Any, properties: Any) -> Said:
    """What the server's lists say.

    Args:
        local: what is asked for.
        server: who was asked.
        models: the answer of ``/v1/models``, which all of them have.
        running: that of Ollama's ``/api/ps``; None where there is none.
        properties: that of llama.cpp's ``/props``; None where there is none.
    """
    listed = list(_items(models, "data"))
    found = next((each for each in listed if _is(each.get("id"), server.model)), None)
    if found is None:
        names = ", ".join(str(each.get("id")) for each in listed[:_NAMED]) or "none"
        message = f"{server.root} does not have {server.model}; it has {names}"
        return Said(local, ConditionReason.MODEL_MISSING, message)
    tokens = _tokens(found, server, running, properties)
    if tokens is None:
        message = f"{server.root} has {server.model}; how large its context window is can't be seen"
        return Said(local, ConditionReason.AVAILABLE, message)
    if tokens < local.context_length:
        message = (
            f"{server.root} serves {server.model} with a context window of {tokens} tokens and {local.context_length} "
            "are asked for; give it more, or lower spec.localModel.contextLength"
        )
        return Said(local, ConditionReason.CONTEXT_TOO_SMALL, message)
    message = f"{server.root} serves {server.model} with a context window of {tokens} tokens"
    return Said(local, ConditionReason.LOADED, message)


def _tokens(found: Mapping[str, Any], server: External, running: Any, properties: Any) -> int | None:
    """The context window: of vLLM, of llama.cpp, or of Ollama while the model is loaded."""
    settings = properties.get("default_generation_settings") if isinstance(properties, Mapping) else None
    loaded = next((each for each in _items(running, "models") if _is(each.get("name"), server.model)), {})
    for value in (
        found.get("max_model_len"),
        settings.get("n_ctx") if isinstance(settings, Mapping) else None,
        loaded.get("context_length"),
    ):
        if isinstance(value, int) and value > 0:
            return value
    return None


def _is(name: Any, model: str) -> bool:
    return name in (model, shown_name(model))


def _items(listed: Any, key: str) -> Iterable[Mapping[str, Any]]:
    items = listed.get(key) if isinstance(listed, Mapping) else None
    return (each for each in items or () if isinstance(each, Mapping))

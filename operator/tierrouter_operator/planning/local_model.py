"""What a router asks for as its local model."""

from typing import Final

from tierrouter_core.contract import ConditionReason
from tierrouter_core.resources.fields import read
from tierrouter_core.resources.guards import LocalModel
from tierrouter_core.resources.yaml_text import RawDocument
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.trouble import Trouble

OLLAMA: Final = "Ollama"
CONTEXT_VARIABLE: Final = "OLLAMA_CONTEXT_LENGTH"
"""By which its container is told how large a context window is wanted, in tokens."""
_REGISTRY: Final = "registry.ollama.ai/"
_NAMESPACE: Final = "library/"


def read_local_model(router: Obj) -> LocalModel | Trouble | None:
    """The router's ``spec.localModel``, read by itself: whatever else is wrong, the model server stays what it is."""
    value = (router.get("spec") or {}).get("localModel")
    if value is None:
        return None
    reading = read(LocalModel, RawDocument(source="", index=1, value=value, marks={}), "spec.localModel")
    if reading.value is None or reading.problems:
        said = "; ".join(f"spec.localModel.{problem.path} {problem.message}" for problem in reading.problems)
        return Trouble(ConditionReason.INVALID, said)
    return reading.value


def shown_name(model: str) -> str:
    """The model as Ollama lists it: with a tag, without its own registry.

    Source: ``DisplayShortest`` in Ollama's ``types/model/name.go``.
    """
    name = model.partition("://")[2] or model
    if name.startswith(_REGISTRY):
        name = name[len(_REGISTRY) :]
    if name.startswith(_NAMESPACE):
        name = name[len(_NAMESPACE) :]
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def is_plain_http(model: str) -> bool:
    """Whether the model's registry is to be asked without TLS, which only a scheme in its name can ask for."""
    return model.startswith("http://")

"""Pods for tests of the injection."""

from typing import Any

from tierrouter_core.contract import CONTAINER
from tierrouter_operator.injection.container import SidecarImage
from tierrouter_operator.injection.inject import Namespace, RouterFacts

IMAGE = SidecarImage(image="tierrouter/sidecar:1", version="1.2.3")
ONE_ROUTER = Namespace(labels={}, routers={"coding": RouterFacts()})
Obj = dict[str, Any]


def container(name: str = "agent", env: dict[str, str] | None = None, **more: Any) -> Obj:
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    return {"name": name, "image": "agent:1", **({"env": variables} if variables else {}), **more}


def pod(*containers: Obj, inject: str | None = "true", annotations: dict[str, str] | None = None, **spec: Any) -> Obj:
    labels = {} if inject is None else {"tierrouter.dev/inject": inject}
    metadata = {"name": "agent-0", "labels": labels, **({"annotations": annotations} if annotations else {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": list(containers or (container(),)), **spec},
    }


def sidecar_of(pod_: Any) -> Obj:
    return next(each for each in pod_["spec"]["initContainers"] if each["name"] == CONTAINER)


def env_of(pod_: Any, name: str = "agent") -> dict[str, str]:
    found = next(each for each in pod_["spec"]["containers"] if each["name"] == name)
    return {each["name"]: each.get("value", "") for each in found.get("env", ())}

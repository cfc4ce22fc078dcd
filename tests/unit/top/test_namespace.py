"""Which pods of a namespace are asked, and which are not."""

from typing import Any

from tierrouter_cli.top.namespace import Namespace
from tierrouter_core.summary.codec import summary_to_json
from tierrouter_core.summary.model import Summary


class ApiServer:
    """It has these pods, and passes on what their sidecars say."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self._pods = pods

    async def list(self, path: str, *, labels: str = "") -> Any:
        for pod in self._pods:
            yield pod

    async def get(self, path: str, *, host: str = "") -> Any:
        return summary_to_json(Summary())


def pod(name: str, labels: dict[str, str] | None = None, **annotations: str) -> dict[str, Any]:
    said = {f"tierrouter.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {
        "metadata": {"name": name, "labels": labels or {}, "annotations": {"tierrouter.dev/injected": "true", **said}},
        "spec": {"containers": [{"name": "agent"}], "initContainers": [{"name": "tierrouter"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


async def test_pods_that_measure_a_tier_are_left_out() -> None:
    server: Any = ApiServer(
        pod("agent"),
        pod("night", {"tierrouter.dev/run": "nightly-1"}, force_tier="deep"),
        pod("harness", force_tier="deep"),
        pod("routed", force_tier=" ", force_model="claude-opus-4-7"),
    )
    look = await Namespace(server, "agents", None).look()
    assert look.pods is not None
    assert [each.name for each in look.pods] == ["agent", "routed"]
    assert look.left_out == 2

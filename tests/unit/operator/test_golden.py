"""What is written for `examples/coding.yaml`, byte by byte. ``GOLDEN=write`` writes the files anew."""

import os
from pathlib import Path

import pytest
import yaml
from router_world import World

from tierrouter_core.contract import STABLE_FILE
from tierrouter_operator.planning.kinds import ROUTER
from tierrouter_operator.planning.writes import PostEvent

GOLDEN = Path(__file__).parent / "golden"


def _fixed() -> World:
    world = World()
    world.router["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001"
    return world


def _rendered(world: World) -> str:
    """Every write as YAML; the document itself has golden files of its own."""
    entries = []
    for write in world.plan().writes:
        if isinstance(write, PostEvent):
            entries.append(
                {"write": "event", "type": write.type, "reason": str(write.reason), "message": write.message}
            )
            continue
        body = {**write.body}
        body.pop("data", None) if body["kind"] == "Secret" else None
        if "data" in body:
            body["data"] = {
                key: "…" if key in (STABLE_FILE, "document.json") else text for key, text in body["data"].items()
            }
        entries.append({"write": type(write).__name__, "body": body})
    return yaml.safe_dump_all(entries, sort_keys=True, allow_unicode=True, width=120)


def _first(world: World) -> None:
    pass


def _model_server(world: World) -> None:
    world.settle()
    world.spec["localModel"] = world.local_model
    world.change()


def _changed(world: World) -> None:
    world.settle()
    world.threshold("file_count", 6)


def _broken(world: World) -> None:
    world.settle()
    world.spec["rules"][0]["when"] = "task.sandboxed &&"
    world.change()


def _pinned(world: World) -> None:
    world.settle()
    world.threshold("file_count", 6)
    world.settle()
    world.spec["pinnedRevision"] = world.revisions[0]["metadata"]["name"]
    world.change()


@pytest.mark.parametrize(
    "case", [_first, _changed, _broken, _pinned, _model_server], ids=lambda case: case.__name__.strip("_")
)
def test_the_writes_are_these(case, request: pytest.FixtureRequest) -> None:
    world = _fixed()
    case(world)
    assert (ROUTER.kind, world.router["metadata"]["name"]) == ("TierRouter", "coding")
    # Uids of providers and children are drawn anew in each world; only the children's own are written.
    drawn = {obj["metadata"]["uid"]: f"uid-of-{name}" for (_, name), obj in world.objects.items()}
    text = _rendered(world)
    for uid, name in drawn.items():
        if uid != world.router["metadata"]["uid"]:
            text = text.replace(uid, name)
    file = GOLDEN / f"{request.node.callspec.id}.yaml"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()

"""Whatever happens in whatever order, and wherever the operator dies: it converges, and loses nothing in force."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from router_world import World

from tierrouter_core.contract import STABLE_FILE, STABLE_REVISION, active_name
from tierrouter_core.document.codec import named_document_from_bytes
from tierrouter_operator.planning.kinds import CONFIG_MAP, REVISION, SECRET

_NUMBER = st.integers(0, 30)
_STEP = st.one_of(
    st.tuples(st.just("threshold"), st.integers(1, 6)),
    st.tuples(st.just("provider"), st.integers(0, 2)),
    st.tuples(st.just("rule"), st.booleans()),
    st.tuples(st.just("pin"), _NUMBER),
    st.tuples(st.just("unpin"), st.none()),
    st.tuples(st.just("limit"), st.integers(1, 4)),
    st.tuples(st.just("delete a child"), _NUMBER),
    st.tuples(st.just("delete the active"), st.none()),
    st.tuples(st.just("edit the active"), _NUMBER),
    st.tuples(st.just("wipe a status"), _NUMBER),
    st.tuples(st.just("secret"), st.booleans()),
    st.tuples(st.just("settle"), st.booleans()),
    st.tuples(st.just("die after"), st.integers(1, 8)),
)


def _do(world: World, what: str, value) -> None:
    children = [key for key in world.objects if key[0] in (CONFIG_MAP, REVISION)]
    match what:
        case "threshold":
            world.threshold("file_count", value)
        case "provider":
            world.providers["openai"]["spec"]["baseURL"] = f"https://gateway-{value}.example.com/v1"
        case "rule":
            world.spec["rules"][0]["when"] = "task.sandboxed" if value else "task.sandboxed &&"
            world.change()
        case "pin":
            found = world.revisions
            world.spec["pinnedRevision"] = found[value % len(found)]["metadata"]["name"] if found else "coding-none"
            world.change()
        case "unpin":
            world.spec.pop("pinnedRevision", None)
            world.change()
        case "limit":
            world.spec["revisionHistoryLimit"] = value
            world.change()
        case "delete a child" if children:
            del world.objects[children[value % len(children)]]
        case "delete the active":
            world.objects.pop((CONFIG_MAP, active_name("coding")), None)
        case "edit the active" if (CONFIG_MAP, active_name("coding")) in world.objects:
            data = world.active["data"]
            data.pop(sorted(data)[value % len(data)]) if data else None
        case "wipe a status":
            objs = [world.router, *world.revisions]
            objs[value % len(objs)].pop("status", None)
        case "secret" if value:
            world.add_secret("openai")
        case "secret":
            world.objects.pop((SECRET, "openai"), None)
        case "settle":
            world.settle(wait=value)
        case "die after":
            for write in world.plan().writes[:value]:
                world.do(write)


@settings(max_examples=60, deadline=None)
@given(st.lists(_STEP, min_size=1, max_size=14))
def test_it_converges_after_anything(steps: list) -> None:
    world = World()
    for what, value in steps:
        _do(world, what, value)
    # Made whole again by the user: what is asked for now is good and not pinned.
    _do(world, "rule", True)
    _do(world, "unpin", None)
    _do(world, "secret", True)
    world.settle(wait=True)

    assert world.plan().writes == ()
    assert world.condition("Ready")["status"] == "True"
    document, name = named_document_from_bytes(world.active["data"][STABLE_FILE].encode())
    in_force = world.active["metadata"]["annotations"][STABLE_REVISION]
    assert name == in_force == world.router["status"]["activeRevision"]
    asked = {each["name"]: each["value"] for each in world.spec["thresholds"]}
    assert document.thresholds == asked
    assert document.providers["openai"].base_url == world.providers["openai"]["spec"]["baseURL"]
    assert (CONFIG_MAP, in_force) in world.objects
    numbers = [obj["spec"]["number"] for obj in world.revisions]
    assert len(set(numbers)) == len(numbers)
    assert [obj["metadata"]["name"] for obj in world.revisions if obj["status"]["phase"] == "Active"] == [in_force]
    assert len(world.revisions) <= max(world.spec.get("revisionHistoryLimit", 10), 1) + 1
    digests = [
        obj["spec"]["inputsDigest"] for obj in world.revisions if (CONFIG_MAP, obj["metadata"]["name"]) in world.objects
    ]
    assert len(set(digests)) == len(digests)


@settings(max_examples=40, deadline=None)
@given(st.lists(_STEP, min_size=1, max_size=10))
def test_the_document_in_force_is_whole_after_every_single_write(steps: list) -> None:
    world = World()
    world.settle()

    def is_whole(_) -> None:
        if (CONFIG_MAP, active_name("coding")) in world.objects:
            text = world.active["data"].get(STABLE_FILE)
            _, name = named_document_from_bytes((text or "").encode())
            assert name == world.active["metadata"]["annotations"][STABLE_REVISION]
            assert (CONFIG_MAP, name) in world.objects, "what is in force can be rolled back to"
            assert orjson.loads(world.active["data"]["split.json"])["percent"] == 0

    for what, value in steps:
        if what in ("edit the active", "delete a child", "die after"):
            continue
        _do(world, what, value)
        world.settle(after=is_whole)
